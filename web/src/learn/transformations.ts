// Changes of a digit: one that becomes another, and rotation, shift, thickness and noise.

import { plane } from "../ink/plane.js";
import type { Point, Stroke } from "../ink/strokes.js";
import { transform } from "../ink/transform.js";
import { createGenerator } from "../training/random.js";

// Places of a pen in the first digit and in the second, x and y of each. Blended strokes stay strokes; blended images of two
// digits are two pale digits, which nobody writes.
type Place = readonly [number, number, number, number];

export interface Pair {
  readonly from: number;
  readonly to: number;
  readonly strokes: readonly (readonly Place[])[];
}

export const PAIRS: readonly Pair[] = [
  {
    from: 4, to: 9,
    strokes: [
      [[36, 6, 78, 26], [33, 20, 58, 8], [29, 38, 32, 18], [20, 70, 21, 44], [20, 70, 29, 67], [45, 71, 52, 71], [70, 70, 71, 59], [96, 69, 80, 36]],
      [[76, 30, 80, 24], [74, 66, 79, 60], [71, 100, 76, 100], [69, 138, 70, 138]],
    ],
  },
  { from: 1, to: 7, strokes: [[[34, 34, 10, 12], [45, 22, 34, 11], [56, 8, 62, 11], [56, 8, 88, 10], [56, 8, 88, 10], [56, 50, 70, 52], [56, 94, 54, 96], [56, 138, 44, 138]]] },
  {
    from: 3, to: 8,
    strokes: [[
      [16, 30, 47, 68], [20, 20, 22, 50], [30, 12, 24, 22], [50, 8, 50, 8], [76, 28, 77, 26], [68, 54, 68, 52], [40, 67, 47, 68],
      [76, 86, 76, 90], [80, 114, 80, 118], [50, 138, 48, 138], [28, 134, 17, 118], [16, 124, 22, 88], [10, 110, 47, 68],
    ]],
  },
  {
    from: 5, to: 6,
    strokes: [[
      [84, 10, 70, 8], [56, 10, 50, 22], [28, 11, 36, 38], [28, 11, 28, 56], [25, 34, 22, 72], [22, 62, 19, 94], [46, 52, 44, 68],
      [76, 68, 74, 82], [80, 104, 78, 112], [50, 138, 50, 138], [28, 134, 24, 122], [12, 122, 19, 94],
    ]],
  },
];

// Points between two places of the pen.
const SMOOTH = 8;

// share: 0 the first digit, 1 the second.
export const blendStrokes = ({ strokes }: Pair, share: number): Stroke[] =>
  strokes.map((places) => smooth(places.map(([x, y, u, v]) => [x + (u - x) * share, y + (v - y) * share])));

// Catmull and Rom (1974), "A class of local interpolating splines".
const smooth = (points: readonly Point[]): Stroke => {
  const at = (i: number) => points[Math.min(Math.max(i, 0), points.length - 1)];
  return Array.from({ length: SMOOTH * (points.length - 1) + 1 }, (_, step): Point => {
    const i = Math.min(Math.floor(step / SMOOTH), points.length - 2);
    const t = step / SMOOTH - i;
    const value = (k: 0 | 1) => {
      const [a, b, c, d] = [at(i - 1)[k], at(i)[k], at(i + 1)[k], at(i + 2)[k]];
      return b + (t / 2) * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)));
    };
    return [value(0), value(1)];
  });
};

export interface Effects {
  // Degrees, clockwise.
  readonly rotation: number;
  // Pixels to the right.
  readonly shift: number;
  // Pixels that ink grows by on all sides, or shrinks by if negative.
  readonly thickness: number;
  // Standard deviation of what is added to each pixel, of 1.
  readonly noise: number;
}

export const NO_EFFECTS: Effects = { rotation: 0, shift: 0, thickness: 0, noise: 0 };

const SIDE = 28;

// Uint8[784] -> Uint8[784], 0 paper to 255 ink.
export const changed = (pixels: Uint8Array, { rotation, shift, thickness, noise }: Effects): Uint8Array => {
  const weighted = thickness < 0 ? grown(pixels.map((ink) => 255 - ink), -thickness).map((paper) => 255 - paper) : grown(pixels, thickness);
  const [cos, sin] = [Math.cos((rotation * Math.PI) / 180), Math.sin((rotation * Math.PI) / 180)];
  const [middle, x] = [SIDE / 2, SIDE / 2 + shift];
  const moved = transform(plane(SIDE, SIDE, Float32Array.from(weighted)), SIDE, SIDE, [cos, sin, middle - cos * x - sin * middle, -sin, cos, middle + sin * x - cos * middle, 0, 0]);
  return Uint8Array.from(moved.data, (ink, i) => Math.min(255, Math.max(0, Math.round(ink + 255 * noise * NOISE[i]))));
};

// The maximum over a disk whose edge fades within a pixel, so that growth may be a fraction of one.
const grown = (pixels: Uint8Array, radius: number): Uint8Array => {
  const reach = Math.ceil(radius);
  return pixels.map((ink, i) => {
    let most = ink;
    for (let v = -reach; v <= reach; v++)
      for (let u = -reach; u <= reach; u++) {
        const [x, y] = [(i % SIDE) + u, Math.floor(i / SIDE) + v];
        if (x < 0 || y < 0 || x >= SIDE || y >= SIDE) continue;
        most = Math.max(most, pixels[y * SIDE + x] * Math.min(1, Math.max(0, 1 + radius - Math.hypot(u, v))));
      }
    return Math.round(most);
  });
};

// Always the same, so that only its strength changes. Box and Muller (1958).
const random = createGenerator(0);
const NOISE = Float32Array.from({ length: SIDE * SIDE }, () =>
  Math.sqrt(-2 * Math.log(1 - random.uniform(0, 1))) * Math.cos(2 * Math.PI * random.uniform(0, 1)));

// Where the answer changes, as a share of the way through rows of probabilities, and the digit that it changes to.
export const findTips = (answers: readonly number[]): { share: number; digit: number }[] =>
  answers.flatMap((digit, i) => (i && digit !== answers[i - 1] ? [{ share: (i - 0.5) / (answers.length - 1), digit }] : []));
