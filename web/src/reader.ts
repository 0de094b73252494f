// Reads single digits on the device: tenfold/reading/reader.py, on the same model, with the same answers. Numbers are read by
// numbers.ts, which is loaded when a number is first needed.

import { paperIsDark } from "./ink/ground.js";
import { hasMnistForm, normalize } from "./ink/normalize.js";
import type { Plane } from "./ink/plane.js";
import { drawStrokes, type Stroke } from "./ink/strokes.js";
import { unsureBelow, type ModelFile } from "./model/file.js";
import { prepare } from "./model/forward.js";
import type { Reading } from "./reading/reading.js";

export { toGray, type Gray, type Picture } from "./ink/gray.js";
export type { Box, Plane } from "./ink/plane.js";
export type { Point, Stroke } from "./ink/strokes.js";
export { ModelFileError, readModelFile, type ModelFile } from "./model/file.js";
export type { NumberReading, Reading } from "./reading/reading.js";

export interface Reader {
  // Readings less confident than this are unsure.
  readonly unsureBelow: number;
  // The one digit in a picture; a blank one reads as unsure.
  read(gray: Plane): Reading;
  // The one digit that a pen wrote. Throws a RangeError for an invalid coordinate; no strokes read as unsure.
  readStrokes(strokes: readonly Stroke[]): Reading;
  // The model itself: Uint8[784] -> Float32[10].
  probabilities(pixels: Uint8Array): Float32Array;
  // The same, which remembers some images: while a number is written, all but its last digit stay as they are.
  classify(pixels: Uint8Array): Float32Array;
  // Float32[784]: how much of the digit's log-probability is lost when the ink around a pixel is wiped away: above 0 it
  // spoke for the digit, below 0 against. The model is asked some 400 times; with a step of 2, a quarter as often.
  evidence(pixels: Uint8Array, digit: number, step?: number): Float32Array;
}

const SIDE = 28;
// Images whose answers are remembered: more than a number's digits, and what its neighbors could make.
const REMEMBERED = 64;
// Pixels a side of the window that is wiped clean: two strokes wide.
const WINDOW = 5;

// Throws a ModelFileError for a model that can't be run.
export const createReader = (model: ModelFile): Reader => {
  const probabilities = prepare(model);
  const threshold = unsureBelow(model);

  const remembered = new Map<string, Float32Array>();
  const rowOf = (pixels: Uint8Array): Float32Array => {
    const key = String.fromCharCode(...pixels);
    const row = remembered.get(key) ?? probabilities(pixels);
    remembered.delete(key);
    remembered.set(key, row);
    if (remembered.size > REMEMBERED) remembered.delete(remembered.keys().next().value!);
    return row;
  };

  const reading = (pixels: Uint8Array): Reading => {
    const blank = isBlank(pixels);
    const row = blank ? new Float32Array(10).fill(0.1) : rowOf(pixels);
    const digit = row.reduce((best, value, i) => (value > row[best] ? i : best), 0);
    const confidence = row[digit];
    return { digit, confidence, probabilities: row, unsure: blank || !(confidence >= threshold), pixels, box: null };
  };

  return {
    unsureBelow: threshold,
    probabilities,
    classify: rowOf,
    read: (gray) => {
      const found = reading(normalize(gray));
      const whole = asItIs(gray);
      // The digit may have MNIST's form next to other marks: the more confident reading counts.
      if (!whole || hasMnistForm(whole) || isBlank(found.pixels) || !isInTheMiddle(whole) || !paperIsDark(gray)) return found;
      const other = reading(whole);
      return other.confidence > found.confidence ? other : found;
    },
    readStrokes: (strokes) => reading(drawStrokes(strokes)),
    evidence: (pixels, digit, step = 1) => evidence(pixels, digit, step, probabilities),
  };
};

const isBlank = (pixels: Uint8Array): boolean => !pixels.some((value) => value > 0);

// Whether this fraction of the ink lies in the middle 20x20, as MIDDLE_INK in tenfold/reading/reader.py says.
const MIDDLE_INK = 0.6;
const isInTheMiddle = (pixels: Uint8Array): boolean => {
  let middle = 0;
  let all = 0;
  pixels.forEach((value, i) => {
    const [row, column] = [Math.floor(i / SIDE), i % SIDE];
    all += value;
    if (row >= 4 && row < 24 && column >= 4 && column < 24) middle += value;
  });
  return middle > MIDDLE_INK * all;
};

// Uint8[784] where the picture has 28x28 pixels.
const asItIs = ({ width, height, data }: Plane): Uint8Array | null =>
  width === SIDE && height === SIDE ? Uint8Array.from(data, (value) => Math.floor(value * 255 + 0.5)) : null;

// tenfold/reading/explain.py: the mean loss over all windows that hold a pixel; 0 where there is no ink.
const evidence = (
  pixels: Uint8Array,
  digit: number,
  step: number,
  probabilities: (pixels: Uint8Array) => Float32Array,
): Float32Array => {
  const sum = new Float32Array(SIDE * SIDE);
  const count = new Float32Array(SIDE * SIDE);
  const log = (image: Uint8Array) => Math.log(Math.max(probabilities(image)[digit], 1e-9));
  const whole = log(pixels);
  const wiped = new Uint8Array(SIDE * SIDE);
  for (let top = 0; top <= SIDE - WINDOW; top += step)
    for (let left = 0; left <= SIDE - WINDOW; left += step) {
      wiped.set(pixels);
      let inked = false;
      for (let y = top; y < top + WINDOW; y++) {
        const row = wiped.subarray(y * SIDE + left, y * SIDE + left + WINDOW);
        inked ||= row.some((value) => value > 0);
        row.fill(0);
      }
      if (!inked) continue;
      const loss = whole - log(wiped);
      for (let y = top; y < top + WINDOW; y++)
        for (let x = left; x < left + WINDOW; x++) {
          sum[y * SIDE + x] += loss;
          count[y * SIDE + x]++;
        }
    }
  return sum.map((value, i) => (pixels[i] > 0 ? value / Math.max(count[i], 1) : 0));
};
