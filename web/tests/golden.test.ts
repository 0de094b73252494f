// The page reads the same ink as Python does, the same way: tests/golden/golden.json binds both.

import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { normalize } from "../src/ink/normalize.js";
import { plane } from "../src/ink/plane.js";
import { drawStrokes, type Stroke } from "../src/ink/strokes.js";
import { readModelFile } from "../src/model/file.js";
import { checkModel, probabilities } from "../src/model/forward.js";

interface Case {
  name: string;
  strokes?: Stroke[];
  width?: number;
  height?: number;
  grey?: string;
  pixels: string;
  probabilities: number[];
  unsure: boolean;
}

const file = (path: string) => new URL(`../../${path}`, import.meta.url);
const cases: Case[] = JSON.parse(readFileSync(file("tests/golden/golden.json"), "utf8"));
const opened = (path: string) => {
  const content = readFileSync(file(path));
  return readModelFile(content.buffer.slice(content.byteOffset, content.byteOffset + content.byteLength) as ArrayBuffer);
};
const model = opened("src/tenfold/shipped/reader.10fd");
const others: Record<string, number[]> = JSON.parse(readFileSync(file("tests/golden/models.json"), "utf8"));
const decoded = (text: string) => Uint8Array.from(Buffer.from(text, "base64"));

describe.each(cases)("$name", (golden) => {
  test("becomes the same pixels", () => {
    const pixels = golden.strokes
      ? drawStrokes(golden.strokes)
      : normalize(plane(golden.width!, golden.height!, Float32Array.from(decoded(golden.grey!), (v) => v / 255)));
    const wanted = decoded(golden.pixels);
    const far = pixels.reduce((most, value, i) => Math.max(most, Math.abs(value - wanted[i])), 0);
    expect(far).toBeLessThanOrEqual(2);
  });

  test("is read with the same probabilities", () => {
    checkModel(model);
    const found = probabilities(model, decoded(golden.pixels));
    found.forEach((value, digit) => expect(Math.abs(value - golden.probabilities[digit])).toBeLessThan(1e-4));
    expect(Math.max(...found) < Number(model.settings["unsure_below"])).toBe(golden.unsure);
  });
});

test.each(Object.entries(others))("%s says of an image what it says in Python", (name, wanted) => {
  const other = opened(`tests/golden/${name}.10fd`);
  checkModel(other);
  const found = probabilities(other, decoded(cases[0].pixels));
  found.forEach((value, digit) => expect(Math.abs(value - wanted[digit])).toBeLessThan(1e-4));
});
