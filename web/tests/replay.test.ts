// The recorded training opens in the web app, and its networks answer as in Python: tests/golden/replay.json binds both.

import { inflateSync } from "node:zlib";
import { expect, test } from "vitest";
import { readCheckpoints } from "../src/learn/checkpoints.js";
import { deskew } from "../src/learn/deskew.js";
import { receptiveField, stagesOf, termsOf } from "../src/learn/stages.js";
import { findStrongest } from "../src/learn/strongest.js";
import { lay, prepare } from "../src/model/forward.js";
import { contentOf, farthest, golden, unpacked } from "./files.js";

interface Golden {
  pixels: string;
  upright: string;
  labels: number[];
  probabilities: number[][];
  answers: number[];
}

const wanted = golden<Golden>("replay.json");
const content = inflateSync(new Uint8Array(contentOf("web/public/learn/replay.bin")));
const checkpoints = readCheckpoints(Uint8Array.from(content).buffer);
const imagesOf = (packed: string) => {
  const pixels = unpacked(packed);
  return Array.from({ length: pixels.length / 784 }, (_, i) => pixels.subarray(784 * i, 784 * (i + 1)));
};
const images = imagesOf(wanted.pixels);
const upright = imagesOf(wanted.upright);

test("30 checkpoints, from an untrained network to a good one", () => {
  expect(checkpoints.length).toBe(30);
  expect(checkpoints[0].images).toBe(0);
  expect(checkpoints[0].accuracy).toBeLessThan(0.3);
  expect(checkpoints.at(-1)!.images).toBe(20 * 58_000);
  expect(checkpoints.at(-1)!.accuracy).toBeGreaterThan(0.985);
});

test("digits are deskewed as in Python", () => {
  upright.forEach((image, i) => expect(farthest(deskew(images[i]), image)).toBeLessThanOrEqual(1));
  expect(deskew(new Uint8Array(784))).toEqual(new Uint8Array(784));
});

test("each checkpoint answers as in Python", () => {
  checkpoints.forEach(({ model }, i) => expect(farthest(prepare(model)(upright[0]), wanted.probabilities[i])).toBeLessThan(1e-4));
});

test("the last checkpoint is as accurate as the file says", () => {
  const { model, accuracy } = checkpoints.at(-1)!;
  const probabilities = prepare(model);
  const answers = images.map((image) => {
    const row = probabilities(deskew(image));
    return row.indexOf(Math.max(...row));
  });
  expect(answers).toEqual(wanted.answers);
  const right = answers.filter((answer, i) => answer === wanted.labels[i]).length;
  expect(Math.abs(right / answers.length - accuracy)).toBeLessThan(0.02);
});

test("each value is what the panel says it is made of", () => {
  const { model } = checkpoints.at(-1)!;
  const network = lay(model, 28, 28);
  network.run(upright[0]);
  const stages = stagesOf(model, network);
  expect(stages.map(({ values }) => values.height)).toEqual([14, 14, 14, 7, 7, 7, 7, 3, 3, 3, 1, 1]);
  for (const stage of stages) {
    const { sums, kind, bias } = stage;
    const [channel, y, x] = [7, Math.floor(sums.height / 2), 0];
    const products = termsOf(stage, channel, y, x).map(({ patch, weights }) =>
      kind === "maximum" ? Math.max(...patch) : patch.reduce((sum, value, i) => sum + value * weights![i], 0),
    );
    const sum = products.reduce((a, b) => a + b, bias?.[channel] ?? 0);
    expect(sum).toBeCloseTo(sums.data[(channel * sums.height + y) * sums.width + x], 4);
  }
});

test("the receptive field grows from 3x3 pixels", () => {
  const { model } = checkpoints.at(-1)!;
  const stages = stagesOf(model, lay(model, 28, 28));
  const at = { top: 5, left: 7, bottom: 5, right: 7 };
  expect(receptiveField(stages, 0, at)).toEqual({ top: 9, left: 13, bottom: 11, right: 15 });
  expect(receptiveField(stages, 1, at)).toEqual({ top: 7, left: 11, bottom: 13, right: 17 });
  expect(receptiveField(stages, 11, { top: 0, left: 0, bottom: 0, right: 0 })).toEqual({ top: 0, left: 0, bottom: 27, right: 27 });
});

test("the images that a channel answers to most come first", async () => {
  const { model } = checkpoints.at(-1)!;
  const network = lay(model, 28, 28);
  const found = await findStrongest(model, unpacked(wanted.pixels), 12, () => {}, new AbortController().signal);
  const means = images.map((image) => {
    network.run(deskew(image));
    return network.layers[2].data.slice(0, 196).reduce((sum, value) => sum + value, 0);
  });
  const best = [...means.keys()].sort((a, b) => means[b] - means[a]).slice(0, 12);
  expect(found![0]).toEqual(best);
  expect(await findStrongest(model, unpacked(wanted.pixels), 12, () => {}, AbortSignal.abort())).toBeNull();
});
