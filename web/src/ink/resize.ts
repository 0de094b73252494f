// Pillow's resampling, to the letter: the same pixels must come out here as in Python.

import { plane, type Plane } from "./plane.js";

type Filter = { readonly support: number; readonly weigh: (x: number) => number };

export const BOX: Filter = { support: 0.5, weigh: (x) => (x > -0.5 && x <= 0.5 ? 1 : 0) };
export const BILINEAR: Filter = { support: 1, weigh: (x) => Math.max(0, 1 - Math.abs(x)) };

// Pillow's precompute_coeffs (src/libImaging/Resample.c): which pixels each new pixel is made of, and their shares.
const coefficients = (from: number, to: number, filter: Filter): { first: number; shares: number[] }[] => {
  const scale = from / to;
  const stretch = Math.max(scale, 1);
  const support = filter.support * stretch;
  return Array.from({ length: to }, (_, place) => {
    const middle = (place + 0.5) * scale;
    const first = Math.max(0, Math.trunc(middle - support + 0.5));
    const last = Math.min(from, Math.trunc(middle + support + 0.5));
    const shares = Array.from({ length: last - first }, (_, i) => filter.weigh((i + first - middle + 0.5) / stretch));
    const sum = shares.reduce((a, b) => a + b, 0);
    return { first, shares: sum ? shares.map((share) => share / sum) : shares };
  });
};

export const resize = (source: Plane, width: number, height: number, filter: Filter): Plane => {
  const across = coefficients(source.width, width, filter);
  const down = coefficients(source.height, height, filter);
  const middle = new Float32Array(width * source.height);
  for (let y = 0; y < source.height; y++)
    for (let x = 0; x < width; x++) {
      const { first, shares } = across[x];
      let sum = 0;
      for (let i = 0; i < shares.length; i++) sum += source.data[y * source.width + first + i] * shares[i];
      middle[y * width + x] = sum;
    }
  const out = plane(width, height);
  for (let y = 0; y < height; y++) {
    const { first, shares } = down[y];
    for (let x = 0; x < width; x++) {
      let sum = 0;
      for (let i = 0; i < shares.length; i++) sum += middle[(first + i) * width + x] * shares[i];
      out.data[y * width + x] = sum;
    }
  }
  return out;
};

// The side of the blocks of pixels that leave no side longer than `longest` when each becomes one.
export const reduction = (source: Plane, longest: number): number =>
  Math.ceil(Math.max(source.width, source.height) / longest);

// Each pixel the mean of a block; at the right and the bottom, of what is left of one.
export const reduce = (source: Plane, block: number): Plane => {
  if (block < 2) return source;
  const out = plane(Math.ceil(source.width / block), Math.ceil(source.height / block));
  for (let y = 0; y < out.height; y++)
    for (let x = 0; x < out.width; x++) {
      let sum = 0;
      let count = 0;
      for (let v = y * block; v < Math.min((y + 1) * block, source.height); v++)
        for (let u = x * block; u < Math.min((x + 1) * block, source.width); u++) {
          sum += source.data[v * source.width + u];
          count++;
        }
      out.data[y * out.width + x] = sum / count;
    }
  return out;
};
