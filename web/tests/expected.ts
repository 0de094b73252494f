// What Python said of a picture of several digits, and how near this must come.

import { expect } from "vitest";
import type { NumberReading } from "../src/reader.js";
import { farthest, unpacked } from "./files.js";

export interface ExpectedNumber {
  text: string;
  unsure: boolean;
  boxes: number[][];
  probabilities: number[][];
  unsures: boolean[];
  pixels: string;
}

export const expectAsInPython = (found: NumberReading, wanted: ExpectedNumber): void => {
  expect(found.text).toBe(wanted.text);
  expect(found.unsure).toBe(wanted.unsure);
  expect(found.digits.map(({ unsure }) => unsure)).toEqual(wanted.unsures);
  const pixels = unpacked(wanted.pixels);
  found.digits.forEach((digit, i) => {
    expect(farthest(digit.box!, wanted.boxes[i])).toBeLessThanOrEqual(1);
    const far = farthest(digit.pixels, pixels.subarray(i * 784, (i + 1) * 784));
    expect(far).toBeLessThanOrEqual(2);
    expect(farthest(digit.probabilities, wanted.probabilities[i])).toBeLessThan(far === 0 ? 1e-4 : 0.02);
  });
};
