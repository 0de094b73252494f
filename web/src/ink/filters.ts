// Filters over square windows, edges mirrored as SciPy's `reflect` mirrors them: d c b a | a b c d | d c b a.

import { plane, type Plane } from "./plane.js";

const mirrored = (place: number, length: number): number => {
  const period = 2 * length;
  const inside = ((place % period) + period) % period;
  return inside < length ? inside : period - 1 - inside;
};

type Combine = (values: Float32Array, start: number, step: number, count: number, out: Float32Array) => void;

// One way after the other: what a maximum, a minimum or a mean over a square may be split into.
const separable = (source: Plane, combine: Combine): Plane => {
  const { width, height } = source;
  const middle = new Float32Array(source.data.length);
  for (let x = 0; x < width; x++) combine(source.data, x, width, height, middle);
  const out = plane(width, height);
  for (let y = 0; y < height; y++) combine(middle, y * width, 1, width, out.data);
  return out;
};

// Of an even window SciPy puts the extra place before the middle.
const reach = (window: number): [number, number] => [Math.floor(window / 2), Math.ceil(window / 2) - 1];

const running =
  (window: number, choose: (a: number, b: number) => number): Combine =>
  (values, start, step, count, out) => {
    const [before, after] = reach(window);
    for (let i = 0; i < count; i++) {
      let best = values[start + mirrored(i - before, count) * step];
      for (let k = i - before + 1; k <= i + after; k++) best = choose(best, values[start + mirrored(k, count) * step]);
      out[start + i * step] = best;
    }
  };

export const maximumFilter = (source: Plane, window: number): Plane => separable(source, running(window, Math.max));
export const minimumFilter = (source: Plane, window: number): Plane => separable(source, running(window, Math.min));
export const closing = (source: Plane, window: number): Plane => minimumFilter(maximumFilter(source, window), window);

export const meanFilter = (source: Plane, window: number): Plane =>
  separable(source, (values, start, step, count, out) => {
    const [before, after] = reach(window);
    for (let i = 0; i < count; i++) {
      let sum = 0;
      for (let k = i - before; k <= i + after; k++) sum += values[start + mirrored(k, count) * step];
      out[start + i * step] = sum / window;
    }
  });

export const medianFilter = (source: Plane, window: number): Plane => {
  const { width, height, data } = source;
  const out = plane(width, height);
  const [before, after] = reach(window);
  const near = new Float32Array(window * window);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      let count = 0;
      for (let v = y - before; v <= y + after; v++) {
        const row = mirrored(v, height) * width;
        for (let u = x - before; u <= x + after; u++) near[count++] = data[row + mirrored(u, width)];
      }
      out.data[y * width + x] = near.sort()[near.length >> 1];
    }
  return out;
};
