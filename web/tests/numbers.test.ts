// Pages, numbers and pictures are read as Python reads them: tests/golden/numbers.json binds both.

import { describe, expect, test } from "vitest";
import { toGray } from "../src/ink/gray.js";
import { plane, type Plane } from "../src/ink/plane.js";
import { createNumberReader } from "../src/numbers.js";
import { createReader, type NumberReading, type Stroke } from "../src/reader.js";
import { farthest, fromBase64, golden, shipped, shippedLines, unpacked } from "./files.js";
import { expectAsInPython, type ExpectedNumber } from "./expected.js";

interface Numbers {
  pages: ({ name: string; width: number; height: number; gray: string } & ExpectedNumber)[];
  strokes: ({ name: string; strokes: Stroke[] } & ExpectedNumber)[];
  small: { name: string; gray: string; pixels: string; probabilities: number[]; unsure: boolean }[];
  colors: { rgba: string; gray: string };
  evidence: number[];
}

const { pages, strokes, small, colors, evidence } = golden<Numbers>("numbers.json");
const reader = createReader(shipped());
const numbers = createNumberReader(shippedLines());
const grayOf = (bytes: Uint8Array, width: number, height: number): Plane =>
  plane(width, height, Float32Array.from(bytes, (value) => value / 255));

test.each(pages)("a page with $name", (page) => {
  expectAsInPython(numbers.readNumber(reader, grayOf(unpacked(page.gray), page.width, page.height)), page);
});

test.each(strokes)("$name, written with a pen", (wanted) => {
  expectAsInPython(numbers.readStrokeNumber(reader, wanted.strokes), wanted);
});

test.each(small)("28x28 that lack MNIST's form: $name", (wanted) => {
  const found = reader.read(grayOf(unpacked(wanted.gray), 28, 28));
  expect(farthest(found.pixels, unpacked(wanted.pixels))).toBeLessThanOrEqual(2);
  expect(farthest(found.probabilities, wanted.probabilities)).toBeLessThan(0.01);
  expect(found.unsure).toBe(wanted.unsure);
});

test("the ink that spoke for a digit", () => {
  const { pixels, probabilities } = golden<{ pixels: string; probabilities: number[] }[]>("golden.json")[0];
  const digit = probabilities.indexOf(Math.max(...probabilities));
  expect(farthest(reader.evidence(fromBase64(pixels), digit), evidence)).toBeLessThan(1e-3);
}, 20_000);

describe("a picture's pixels", () => {
  const data = unpacked(colors.rgba);

  test("become luminance as Pillow makes it", () => {
    const { gray, scale } = toGray({ width: 16, height: 16, data });
    expect(scale).toBe(1);
    expect(Array.from(gray.data, (value) => Math.round(value * 255))).toEqual(Array.from(unpacked(colors.gray)));
  });

  test("become fewer where there are too many, each the mean of a block", () => {
    const { gray, scale } = toGray({ width: 16, height: 16, data }, 7);
    const whole = unpacked(colors.gray);
    expect([gray.width, gray.height, scale]).toEqual([6, 6, 3]);
    expect(gray.data[0] * 255).toBeCloseTo([0, 1, 2, 16, 17, 18, 32, 33, 34].reduce((sum, i) => sum + whole[i] / 9, 0), 4);
    expect(gray.data[35] * 255).toBeCloseTo(whole[255], 4);
  });

  test("must be there", () => {
    expect(() => toGray({ width: 0, height: 4, data: new Uint8ClampedArray(0) })).toThrow(RangeError);
    expect(() => toGray({ width: 2, height: 2, data: new Uint8ClampedArray(12) })).toThrow(RangeError);
  });
});

describe("where there is nothing to read", () => {
  const nothing = (found: NumberReading) => expect(found).toEqual({ text: "", written: "", digits: [], confidence: 0, unsure: true });

  test("a page without ink has no digits", () => {
    nothing(numbers.readNumber(reader, plane(300, 200, new Float32Array(60_000).fill(0.9))));
    nothing(numbers.readNumber(reader, plane(1, 1)));
    nothing(numbers.readStrokeNumber(reader, []));
  });

  test("a blank picture and a pen that wrote nothing are unsure", () => {
    for (const found of [reader.read(plane(40, 30)), reader.read(plane(28, 28)), reader.readStrokes([]), reader.readStrokes([[]])])
      expect(found).toMatchObject({ unsure: true, confidence: expect.closeTo(0.1), box: null });
  });

  test("a point that lies nowhere is refused", () => {
    for (const nowhere of [NaN, Infinity, 1e31]) {
      expect(() => reader.readStrokes([[[0, 0], [nowhere, 1]]])).toThrow(RangeError);
      expect(() => numbers.readStrokeNumber(reader, [[[0, nowhere]]])).toThrow(RangeError);
    }
  });

  test("noise, and pictures one pixel wide, end in an answer", () => {
    const noise = Float32Array.from({ length: 90_000 }, (_, i) => ((i * 7919) % 251) / 250);
    for (const gray of [plane(300, 300, noise), plane(1, 500, noise.slice(0, 500)), plane(500, 1, noise.slice(0, 500))]) {
      expect(reader.read(gray).probabilities).toHaveLength(10);
      expect(numbers.readNumber(reader, gray).digits.length).toBeLessThan(2000);
    }
  }, 30_000);
});

test("boxes are in the pixels of the picture that was reduced", () => {
  const page = pages[0];
  const gray = grayOf(unpacked(page.gray), page.width, page.height);
  const found = numbers.readNumber(reader, gray, 4);
  expect(found.digits[0].box).toEqual(numbers.readNumber(reader, gray).digits[0].box!.map((edge) => 4 * edge));
});
