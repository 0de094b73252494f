// Training in the browser is that of `tenfold train`: tests/golden/training.json binds both.

import { expect, test } from "vitest";
import { createGenerator, seedOf } from "../src/training/random.js";
import { Trainer, type Settings } from "../src/training/trainer.js";
import { farthest, golden, unpacked } from "./files.js";

interface Golden {
  pixels: string;
  labels: number[];
  cases: Record<string, Settings & { losses: number[]; probabilities: number[] }>;
}

const { pixels, labels, cases } = golden<Golden>("training.json");
const images = { pixels: unpacked(pixels), labels: Uint8Array.from(labels) };
const first = (count: number) => ({ pixels: images.pixels.subarray(0, 784 * count), labels: images.labels.subarray(0, count) });

test.each(Object.entries(cases))("%s: the losses of all steps are those of PyTorch", (_, wanted) => {
  const trainer = new Trainer(images, wanted);
  const losses = wanted.losses.map(() => trainer.trainStep());
  expect(losses.length).toBeGreaterThan(50);
  expect(losses[0]).toBeCloseTo(wanted.losses[0], 5);
  expect(farthest(losses, wanted.losses)).toBeLessThan(2e-3);
  expect(farthest(trainer.evaluate(first(4)).probabilities, wanted.probabilities)).toBeLessThan(2e-3);
  expect(trainer.finished).toBe(true);
});

test("random numbers are those of PyTorch and NumPy", () => {
  expect(createGenerator(5489).next()).toBe(3499211612);
  expect(seedOf([0, 1])).toBeTypeOf("number");
});
