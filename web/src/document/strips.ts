// A line of writing -> the strip that the line reader reads: level, its digits 22 pixels high. tenfold/document/strips.py,
// step for step.

import { STRIP_HEIGHT as HEIGHT } from "../model/line-network.js";
import { maximumFilter } from "../ink/filters.js";
import { above, placesOf } from "../ink/masks.js";
import { middleOf, plane, quantile, roundHalfEven, type Plane } from "../ink/plane.js";
import { INKED } from "../ink/ruled.js";
import { reduce } from "../ink/resize.js";
import { runLengths } from "../ink/spread.js";
import { transform } from "../ink/transform.js";
import { product, type Homography } from "./homography.js";
import type { TextLine } from "./text-lines.js";

// As in tenfold/document/strips.py, which says what each is for.
export const DIGIT_HEIGHT = 22;
const MARGIN = 6;
const WIDEST = 4096;
const STEADY = 1;
const BODY = 0.03;
const PEN = 1.3;
const { fround } = Math;
const INK = fround(INKED);

// pixels: Uint8[32 * width], 0 paper to 255 ink. toPage: takes places of the strip to the page's.
export interface Strip {
  readonly pixels: Uint8Array;
  readonly width: number;
  readonly toPage: Homography;
}

// pen: how thick the strokes of the page are, in pixels: thinner ones than a strip can show are thickened.
export const cutStrip = ({ ink, box: [left, top], height: tall }: TextLine, pen: number): Strip => {
  const inked = inkedOf(ink);
  const slope = slopeOf(inked, tall);
  const [first, last] = bodyOf(inked, slope);
  const scale = Math.min(DIGIT_HEIGHT / Math.max(last - first, 1), (WIDEST - 2 * MARGIN) / ink.width);
  const width = Math.ceil(ink.width * scale) + 2 * MARGIN;
  // From the strip to the line's ink: x' = (x - MARGIN) / scale; y' = (y - HEIGHT / 2) / scale + middle + slope x'.
  const [middle, step] = [(first + last) / 2, 1 / scale];
  const down = middle - (HEIGHT / 2) * step - slope * MARGIN * step;
  const toInk = [step, 0, -MARGIN * step, slope * step, step, down, 0, 0, 1];
  const missing = Math.trunc(PEN / scale - pen);
  const even = level(ink, inked);
  const { data } = resampled(missing > 1 ? maximumFilter(even, missing | 1) : even, toInk, width);
  const pixels = new Uint8Array(data.length);
  for (let i = 0; i < data.length; i++) pixels[i] = roundHalfEven(fround(255 * data[i]));
  return { pixels, width, toPage: product([1, 0, left, 0, 1, top, 0, 0, 1], toInk) };
};

// How thick most strokes are, in pixels; 0 without any.
export const penWidth = (ink: Plane): number => {
  const inked = above(ink, 0.5);
  const places = placesOf(inked);
  const [down, along] = [runLengths(places, inked, "column"), runLengths(places, inked, "row")];
  return places.length ? middleOf(down.map((length, k) => Math.min(length, along[k]))) : 0;
};

// Pixels that are ink: where they are, and how dark.
interface Inked {
  readonly x: Int32Array;
  readonly y: Int32Array;
  readonly values: Float32Array;
}

const inkedOf = ({ width, height, data }: Plane): Inked => {
  let count = 0;
  for (let i = 0; i < data.length; i++) if (data[i] > INK) count++;
  const inked = { x: new Int32Array(count), y: new Int32Array(count), values: new Float32Array(count) };
  for (let y = 0, i = 0, to = 0; y < height; y++)
    for (let x = 0; x < width; x++, i++) {
      if (!(data[i] > INK)) continue;
      inked.x[to] = x;
      inked.y[to] = y;
      inked.values[to++] = data[i];
    }
  return inked;
};

// Rows per column that a line of writing falls to the right: a regression over its ink, held near level.
const slopeOf = ({ x, y }: Inked, height: number): number => {
  const count = x.length;
  let [sumX, sumY] = [0, 0];
  for (let k = 0; k < count; k++) {
    sumX += x[k];
    sumY += y[k];
  }
  const [middleX, middleY] = [sumX / count, sumY / count];
  let [xy, xx] = [0, 0];
  for (let k = 0; k < count; k++) {
    const right = x[k] - middleX;
    xy += right * (y[k] - middleY);
    xx += right * right;
  }
  return xy / count / (xx / count + STEADY * height ** 2);
};

// The first and the last row of a line's digits, where the line begins.
const bodyOf = ({ x, y }: Inked, slope: number): [number, number] => {
  const places = new Float64Array(x.length);
  for (let k = 0; k < places.length; k++) places[k] = y[k] + 0.5 - slope * (x[k] + 0.5);
  places.sort();
  const [first, last] = [quantile(places, BODY), quantile(places, 1 - BODY)];
  const spare = BODY * (last - first);
  return [Math.max(first - spare, places[0] - 0.5), Math.min(last + spare, places[places.length - 1] + 0.5)];
};

// The ink, 1 where it is as dark as most of it.
const level = (ink: Plane, { values }: Inked): Plane => {
  if (!values.length) return ink;
  const most = fround(Math.max(fround(quantile(values, 0.7)), 1e-6));
  const out = plane(ink.width, ink.height);
  for (let i = 0; i < out.data.length; i++) if (ink.data[i] > 0) out.data[i] = Math.min(1, ink.data[i] / most);
  return out;
};

// Each pixel the mean of about what it covers.
const resampled = (ink: Plane, toInk: Homography, width: number): Plane => {
  const block = Math.max(1, Math.trunc(toInk[0] * 0.75));
  const small = reduce(padded(ink, block), block);
  return transform(small, width, HEIGHT, [...toInk.slice(0, 6).map((value) => value / block), 0, 0]);
};

// Blocks are counted from the first pixel: what is left at the ends is paper.
const padded = (ink: Plane, block: number): Plane => {
  if (ink.width % block === 0 && ink.height % block === 0) return ink;
  const wide = plane(Math.ceil(ink.width / block) * block, Math.ceil(ink.height / block) * block);
  for (let y = 0; y < ink.height; y++) wide.data.set(ink.data.subarray(y * ink.width, (y + 1) * ink.width), y * wide.width);
  return wide;
};
