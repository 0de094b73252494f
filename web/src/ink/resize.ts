// Pillow's resampling, to the letter: the same pixels must come out here as in Python.

import { plane, type Plane } from "./plane.js";

type Filter = { readonly support: number; readonly weigh: (x: number) => number };

export const BOX: Filter = { support: 0.5, weigh: (x) => (x > -0.5 && x <= 0.5 ? 1 : 0) };
export const BILINEAR: Filter = { support: 1, weigh: (x) => Math.max(0, 1 - Math.abs(x)) };

// Which pixels each new pixel is made of, and their shares, `most` of them kept for each.
interface Shares {
  readonly first: Int32Array;
  readonly count: Int32Array;
  readonly shares: Float64Array;
  readonly most: number;
}

// Pillow's precompute_coeffs (src/libImaging/Resample.c).
const coefficients = (from: number, to: number, filter: Filter): Shares => {
  const scale = from / to;
  const stretch = Math.max(scale, 1);
  const support = filter.support * stretch;
  const most = 2 * Math.ceil(support) + 1;
  const [first, count] = [new Int32Array(to), new Int32Array(to)];
  const shares = new Float64Array(to * most);
  for (let place = 0; place < to; place++) {
    const middle = (place + 0.5) * scale;
    first[place] = Math.max(0, Math.trunc(middle - support + 0.5));
    count[place] = Math.min(from, Math.trunc(middle + support + 0.5)) - first[place];
    const own = shares.subarray(place * most, place * most + count[place]);
    let sum = 0;
    for (let i = 0; i < own.length; i++) sum += own[i] = filter.weigh((i + first[place] - middle + 0.5) / stretch);
    if (sum) for (let i = 0; i < own.length; i++) own[i] /= sum;
  }
  return { first, count, shares, most };
};

export const resize = (source: Plane, width: number, height: number, filter: Filter): Plane => {
  const across = coefficients(source.width, width, filter);
  const middle = plane(width, source.height);
  for (let y = 0; y < source.height; y++) squeeze(source.data, y * source.width, across, middle.data, y * width);
  const down = coefficients(source.height, height, filter);
  const out = plane(width, height);
  const sums = new Float64Array(width);
  for (let y = 0; y < height; y++) {
    sums.fill(0);
    for (let i = 0; i < down.count[y]; i++) {
      const share = down.shares[y * down.most + i];
      const from = (down.first[y] + i) * width;
      for (let x = 0; x < width; x++) sums[x] += middle.data[from + x] * share;
    }
    out.data.set(sums, y * width);
  }
  return out;
};

// One row to its new length.
const squeeze = (values: Float32Array, from: number, { first, count, shares, most }: Shares, out: Float32Array, to: number) => {
  for (let x = 0; x < first.length; x++) {
    let sum = 0;
    for (let i = 0; i < count[x]; i++) sum += values[from + first[x] + i] * shares[x * most + i];
    out[to + x] = sum;
  }
};

// The side of the blocks of pixels that leave no side longer than `longest` when each becomes one.
export const reductionOf = (width: number, height: number, longest: number): number =>
  Math.max(1, Math.ceil(Math.max(width, height) / longest));
export const reduction = ({ width, height }: Plane, longest: number): number => reductionOf(width, height, longest);

// Each pixel the mean of a block; at the right and the bottom, of what is left of one.
export const reduce = (source: Plane, block: number): Plane => {
  if (block < 2) return source;
  const { width, height, data } = source;
  return reduceRows(width, height, block, (y) => data.subarray(y * width, (y + 1) * width));
};

// The same of rows that are made one after the other.
export const reduceRows = (width: number, height: number, block: number, row: (y: number) => Float32Array): Plane => {
  const out = plane(Math.ceil(width / block), Math.ceil(height / block));
  const sums = new Float64Array(out.width);
  for (let y = 0; y < out.height; y++) {
    sums.fill(0);
    const end = Math.min((y + 1) * block, height);
    for (let v = y * block; v < end; v++) {
      const values = row(v);
      for (let x = 0, u = 0; x < out.width; x++) {
        let sum = 0;
        for (const stop = Math.min(u + block, width); u < stop; u++) sum += values[u];
        sums[x] += sum;
      }
    }
    for (let x = 0; x < out.width; x++)
      out.data[y * out.width + x] = sums[x] * (1 / ((end - y * block) * (Math.min((x + 1) * block, width) - x * block)));
  }
  return out;
};
