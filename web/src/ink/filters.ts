// Filters over square windows, edges mirrored as SciPy's `reflect` mirrors them: d c b a | a b c d | d c b a. Their time
// does not grow with the window.

import { plane, type Plane } from "./plane.js";

const mirrored = (place: number, length: number): number => {
  const period = 2 * length;
  const inside = ((place % period) + period) % period;
  return inside < length ? inside : period - 1 - inside;
};

// Of an even window SciPy puts the extra place before the middle.
const before = (window: number): number => window >> 1;

// line: the values of one row or column, and beyond both ends as many mirrored ones as the window reaches. It may be
// written over. count: of places to fill in `out`, from `start`, `step` apart.
type Pass = (line: Float64Array, out: Float32Array, start: number, step: number, count: number) => void;

// One way after the other: what a maximum, a minimum or a mean over a square may be split into.
const separable = ({ width, height, data }: Plane, window: number, pass: Pass): Plane => {
  const out = plane(width, height);
  const line = new Float64Array(Math.max(width, height) + window - 1);
  const go = (values: Float32Array, start: number, step: number, count: number) => {
    const first = before(window);
    for (let i = 0; i < first; i++) line[i] = values[start + mirrored(i - first, count) * step];
    for (let i = 0; i < count; i++) line[first + i] = values[start + i * step];
    for (let i = first + count; i < count + window - 1; i++) line[i] = values[start + mirrored(i - first, count) * step];
    pass(line, out.data, start, step, count);
  };
  for (let x = 0; x < width; x++) go(data, x, width, height);
  for (let y = 0; y < height; y++) go(out.data, y * width, 1, width);
  return out;
};

// Van Herk (1992), "A fast algorithm for local minimum and maximum filters": the line in blocks as long as the window;
// any window is the end of one block and the start of the next.
const highest = (window: number, sign: 1 | -1): Pass => {
  let ends = new Float64Array(0);
  return (line, out, start, step, count) => {
    const length = count + window - 1;
    if (ends.length < length) ends = new Float64Array(length);
    for (let i = 0; i < length; i++) line[i] *= sign;
    for (let i = length - 1; i >= 0; i--)
      ends[i] = i === length - 1 || (i + 1) % window === 0 || line[i] > ends[i + 1] ? line[i] : ends[i + 1];
    for (let i = 1; i < length; i++) if (i % window !== 0 && line[i - 1] > line[i]) line[i] = line[i - 1];
    for (let i = 0; i < count; i++) out[start + i * step] = sign * Math.max(ends[i], line[i + window - 1]);
  };
};

export const maximumFilter = (source: Plane, window: number): Plane => separable(source, window, highest(window, 1));
export const minimumFilter = (source: Plane, window: number): Plane => separable(source, window, highest(window, -1));
export const closing = (source: Plane, window: number): Plane => minimumFilter(maximumFilter(source, window), window);

export const meanFilter = (source: Plane, window: number): Plane =>
  separable(source, window, (line, out, start, step, count) => {
    let sum = 0;
    for (let i = 0; i < window - 1; i++) sum += line[i];
    for (let i = 0; i < count; i++) {
      sum += line[i + window - 1];
      out[start + i * step] = sum / window;
      sum -= line[i];
    }
  });

// Huang, Yang and Tang (1979), "A fast two-dimensional median filtering algorithm", on the ranks of the values, which
// keeps every value as it is. Ranks are counted one by one and by the 64.
export const medianFilter = (source: Plane, window: number): Plane => {
  const { width, height } = source;
  const { ranks, sorted } = ranked(source.data);
  const fine = new Int32Array(sorted.length + 64);
  const coarse = new Int32Array((sorted.length >> 6) + 1);
  const out = plane(width, height);
  const first = before(window);
  const rows = new Int32Array(window);
  // The median is in this part of 64 ranks, and so many of the window's values lie below it.
  let [part, below] = [0, 0];
  const count = (x: number, change: 1 | -1) => {
    const column = mirrored(x, width);
    for (let v = 0; v < window; v++) {
      const rank = ranks[rows[v] + column];
      fine[rank] += change;
      coarse[rank >> 6] += change;
      if (rank >> 6 < part) below += change;
    }
  };
  const half = (window * window) >> 1;
  for (let y = 0; y < height; y++) {
    for (let v = 0; v < window; v++) rows[v] = mirrored(y - first + v, height) * width;
    for (let x = -first; x < window - 1 - first; x++) count(x, 1);
    for (let x = 0; x < width; x++) {
      count(x + window - 1 - first, 1);
      while (below > half) below -= coarse[--part];
      while (below + coarse[part] <= half) below += coarse[part++];
      let rank = part << 6;
      for (let seen = below + fine[rank]; seen <= half; seen += fine[rank]) rank++;
      out.data[y * width + x] = sorted[rank];
      count(x - first, -1);
    }
    for (let x = width - first; x < width + window - 1 - first; x++) count(x, -1);
  }
  return out;
};

// Each value's place among all of them, the lowest one's 0.
const ranked = (values: Float32Array): { ranks: Int32Array; sorted: Float32Array } => {
  const sorted = Float32Array.from(values).sort();
  const ranks = new Int32Array(values.length);
  for (let i = 0; i < values.length; i++) {
    let [low, high] = [0, values.length - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (sorted[middle] < values[i]) low = middle + 1;
      else high = middle;
    }
    ranks[i] = low;
  }
  return { ranks, sorted };
};
