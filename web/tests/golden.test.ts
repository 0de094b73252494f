// The page reads the same ink as Python does, the same way: tests/golden/golden.json binds both.

import { describe, expect, test } from "vitest";
import { normalize } from "../src/ink/normalize.js";
import { plane } from "../src/ink/plane.js";
import { drawStrokes, type Stroke } from "../src/ink/strokes.js";
import { prepare } from "../src/model/forward.js";
import { farthest, fromBase64, golden, opened, shipped } from "./files.js";

interface Case {
  name: string;
  strokes?: Stroke[];
  width?: number;
  height?: number;
  gray?: string;
  pixels: string;
  probabilities: number[];
  unsure: boolean;
}

const cases = golden<Case[]>("golden.json");
const model = shipped();
const run = prepare(model);
const others = golden<Record<string, number[]>>("models.json");

describe.each(cases)("$name", (wanted) => {
  test("becomes the same pixels", () => {
    const pixels = wanted.strokes
      ? drawStrokes(wanted.strokes)
      : normalize(plane(wanted.width!, wanted.height!, Float32Array.from(fromBase64(wanted.gray!), (v) => v / 255)));
    expect(farthest(pixels, fromBase64(wanted.pixels))).toBeLessThanOrEqual(2);
  });

  test("is read with the same probabilities", () => {
    const found = run(fromBase64(wanted.pixels));
    expect(farthest(found, wanted.probabilities)).toBeLessThan(1e-4);
    expect(Math.max(...found) < Number(model.settings["unsure_below"])).toBe(wanted.unsure);
  });
});

test.each(Object.entries(others))("%s says of an image what it says in Python", (name, wanted) => {
  const found = prepare(opened(`tests/golden/${name}.10fd`))(fromBase64(cases[0].pixels));
  expect(farthest(found, wanted)).toBeLessThan(1e-4);
});
