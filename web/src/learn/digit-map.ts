// The map of MNIST's test images that lab/digit_map.py drew, and the place of a new digit in it.

import { unpackOnce } from "./data.js";
import { highest, inSlices } from "./work.js";

const COUNT = 10_000;
const PLACES = 4096;
const SIDE = 28;
const PIXELS = SIDE * SIDE;

export interface DigitMap {
  // Of each image, 0 to 1, y down.
  readonly x: Float32Array;
  readonly y: Float32Array;
  readonly answers: Uint8Array;
  // Of the answers, 0 to 1.
  readonly confidences: Float32Array;
  // Of the blurred images, as vectors.
  readonly lengths: Float32Array;
}

export interface Placed {
  readonly x: number;
  readonly y: number;
  // Indices of the test images that are most alike, the nearest first.
  readonly neighbors: readonly number[];
}

// content: unpacked.
export const readDigitMap = (content: Uint8Array): DigitMap => {
  if (content.length !== 7 * COUNT) throw new Error("map.bin does not hold a map of 10,000 images");
  const places = Float32Array.from(new Uint16Array(content.slice(0, 4 * COUNT).buffer), (place) => place / (PLACES - 1));
  return {
    x: places.subarray(0, COUNT),
    y: places.subarray(COUNT),
    answers: content.subarray(4 * COUNT, 5 * COUNT),
    confidences: Float32Array.from(content.subarray(5 * COUNT, 6 * COUNT), (confidence) => confidence / 255),
    lengths: Float32Array.from(content.subarray(6 * COUNT), (size) => 600 + 12.5 * size),
  };
};

export const fetchDigitMap = unpackOnce("map.bin", readDigitMap);

// Indices of the images that are misread, by label and answer.
export const findErrors = ({ answers }: DigitMap, labels: Uint8Array): number[] =>
  [...answers.keys()].filter((i) => answers[i] !== labels[i]).sort((a, b) => labels[a] - labels[b] || answers[a] - answers[b]);

// A digit is placed at the mean of its nearest images, nearer ones counting more. Of the eight nearest by blurred pixels, 94 %
// have the digit's label, and one digit in 12 lies beyond a tenth of the map from where t-SNE puts it; by the network's
// features, 99.5 %, and one in 500. All features would be a download of 2 MB, so they are computed here, of the images most
// alike in pixels: 98.6 %, and one in 80.
const CANDIDATES = 32;
const NEIGHBORS = 8;
const SHARPNESS = 20;
// Images compared in one go, before the time is looked at.
const PART = 200;

export type Find = (digit: Uint8Array, signal: AbortSignal, self?: number) => Promise<Placed | null>;

// pixels: of all test images. features: of an image, of length 1. Gives null once the signal is aborted. self: of the test
// images, the digit itself, which is no neighbor.
export const createFinder = (map: DigitMap, pixels: Uint8Array, features: (image: Uint8Array) => Float32Array): Find => {
  const known = new Map<number, Float32Array>();
  const featuresOf = (index: number): Float32Array => {
    const found = known.get(index) ?? features(pixels.subarray(PIXELS * index, PIXELS * (index + 1)));
    known.set(index, found);
    return found;
  };
  return async (digit, signal, self) => {
    if (!(await inSlices(1, () => {}, signal))) return null;
    // The product of two blurred images, as of one that is blurred twice with the other: cheaper than blurring all.
    const wanted = blurred(digit);
    const inked = [...wanted.keys()].filter((i) => wanted[i] > 0.5);
    const scores = new Float32Array(COUNT);
    const compare = (index: number) => {
      const start = PIXELS * index;
      let sum = 0;
      for (const i of inked) sum += wanted[i] * pixels[start + i];
      scores[index] = index === self ? 0 : sum / map.lengths[index];
    };
    const comparePart = (part: number) => {
      for (let index = PART * part; index < PART * (part + 1); index++) compare(index);
    };
    if (!(await inSlices(COUNT / PART, comparePart, signal))) return null;
    const candidates = highest(scores, CANDIDATES);
    const [own, likeness] = [features(digit), new Float32Array(CANDIDATES)];
    if (!(await inSlices(CANDIDATES, (i) => (likeness[i] = product(own, featuresOf(candidates[i]))), signal))) return null;
    const best = highest(likeness, NEIGHBORS);
    let [x, y, sum] = [0, 0, 0];
    for (const i of best) {
      const weight = Math.exp(SHARPNESS * (likeness[i] - likeness[best[0]]));
      x += weight * map.x[candidates[i]];
      y += weight * map.y[candidates[i]];
      sum += weight;
    }
    return { x: x / sum, y: y / sum, neighbors: best.map((i) => candidates[i]) };
  };
};

const product = (a: Float32Array, b: Float32Array): number => a.reduce((sum, value, i) => sum + value * b[i], 0);

// A Gaussian of 1 pixel, twice.
const GAUSSIAN = Array.from({ length: 9 }, (_, i) => Math.exp(-((i - 4) ** 2) / 4) / Math.sqrt(4 * Math.PI));

const blurred = (image: Uint8Array): Float32Array => {
  const along = (values: ArrayLike<number>, step: number, placeOf: (i: number) => number): Float32Array =>
    Float32Array.from(values, (_, i) => {
      let sum = 0;
      for (let d = -4; d <= 4; d++) if (placeOf(i) + d >= 0 && placeOf(i) + d < SIDE) sum += GAUSSIAN[d + 4] * values[i + d * step];
      return sum;
    });
  return along(along(image, 1, (i) => i % SIDE), SIDE, (i) => Math.floor(i / SIDE));
};
