// The page's own forward pass against ONNX Runtime's, on the same weights.

import * as ort from "onnxruntime-web";
import { expect, test } from "vitest";
import { prepare } from "../src/model/forward.js";
import { contentOf, farthest, fromBase64, golden, shipped } from "./files.js";

test("the forward pass agrees with ONNX Runtime on all golden images", async () => {
  ort.env.wasm.numThreads = 1;
  const session = await ort.InferenceSession.create(contentOf("src/tenfold/reading/shipped/reader.onnx"), { executionProviders: ["wasm"] });
  const images = golden<{ pixels: string }[]>("golden.json").map(({ pixels }) => fromBase64(pixels));
  const input = new ort.Tensor("uint8", Uint8Array.from(images.flatMap((image) => Array.from(image))), [images.length, 28, 28]);
  const { probabilities } = await session.run({ images: input });
  const run = prepare(shipped());
  expect(farthest(images.flatMap((image) => Array.from(run(image))), probabilities.data as Float32Array)).toBeLessThan(1e-4);
}, 60_000);
