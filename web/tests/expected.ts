// What Python said of a picture of several digits, and how near this must come.

import { expect } from "vitest";
import type { NumberReading } from "../src/reader.js";
import { farthest, unpacked } from "./files.js";

export interface ExpectedNumber {
  text: string;
  written: string;
  confidence: number;
  unsure: boolean;
  boxes: number[][];
  probabilities: number[][];
  unsures: boolean[];
  pixels: string;
}

export const expectAsInPython = (found: NumberReading, wanted: ExpectedNumber): void => {
  expect([found.text, found.written, found.unsure]).toEqual([wanted.text, wanted.written, wanted.unsure]);
  expect(Math.abs(found.confidence - wanted.confidence)).toBeLessThan(0.01);
  expect(found.digits.map(({ unsure }) => unsure)).toEqual(wanted.unsures);
  const pixels = unpacked(wanted.pixels);
  found.digits.forEach((digit, i) => {
    expect(farthest(digit.box!, wanted.boxes[i])).toBeLessThanOrEqual(1);
    expect(farthest(digit.pixels, pixels.subarray(i * 784, (i + 1) * 784))).toBeLessThanOrEqual(2);
    expect(farthest(digit.probabilities, wanted.probabilities[i])).toBeLessThan(0.02);
  });
};
