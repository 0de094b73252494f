// What is done to pixels that are set or not, in tenfold/ink/ruled.py by NumPy. Ink is a few pixels in a hundred: four pixels
// are looked at together, and the time that most of this takes grows with the ink.

import { mask, type Mask, type Plane } from "./plane.js";

// Pixels above a threshold, which NumPy rounds to single precision.
export const above = ({ width, height, data }: Plane, threshold: number): Mask => {
  const least = Math.fround(threshold);
  const found = mask(width, height);
  for (let i = 0; i < data.length; i++) if (data[i] > least) found.data[i] = 1;
  return found;
};

// Four pixels a number, and how many are left over at the end.
export const fours = ({ data }: Mask): Int32Array => new Int32Array(data.buffer, 0, data.length >> 2);

export const isEmpty = (source: Mask): boolean =>
  !fours(source).some((four) => four !== 0) && !source.data.subarray(source.data.length & ~3).includes(1);

// Sets what is set in another one too.
export const add = (into: Mask, other: Mask): void => {
  const [to, from] = [fours(into), fours(other)];
  for (let i = 0; i < to.length; i++) to[i] |= from[i];
  for (let i = 4 * to.length; i < into.data.length; i++) into.data[i] |= other.data[i];
};

// Set in the first one, and in none of the others.
export const without = (whole: Mask, ...others: readonly Mask[]): Mask => {
  const rest = mask(whole.width, whole.height, whole.data.slice());
  const to = fours(rest);
  for (const other of others) {
    const from = fours(other);
    for (let i = 0; i < to.length; i++) to[i] &= ~from[i];
    for (let i = 4 * to.length; i < rest.data.length; i++) if (other.data[i]) rest.data[i] = 0;
  }
  return rest;
};

// The indices of set pixels, row by row.
export const placesOf = (source: Mask): Int32Array<ArrayBuffer> => {
  const all = fours(source);
  const { data } = source;
  let count = 0;
  for (let k = 0; k < all.length; k++) {
    const four = all[k];
    if (four) count += (four & 1) + ((four >> 8) & 1) + ((four >> 16) & 1) + ((four >> 24) & 1);
  }
  for (let i = 4 * all.length; i < data.length; i++) count += data[i];
  const places = new Int32Array(count);
  let to = 0;
  for (let k = 0; k < all.length; k++) {
    if (!all[k]) continue;
    for (let i = 4 * k, end = i + 4; i < end; i++) if (data[i]) places[to++] = i;
  }
  for (let i = 4 * all.length; i < data.length; i++) if (data[i]) places[to++] = i;
  return places;
};

// Runs of set pixels along rows: the index of the first pixel, and that after the last.
export interface Runs {
  readonly starts: Int32Array;
  readonly ends: Int32Array;
}

export const runsOf = (source: Mask): Runs => {
  const { width } = source;
  const places = placesOf(source);
  const [starts, ends] = [new Int32Array(places.length), new Int32Array(places.length)];
  let count = 0;
  for (let k = 0, border = 0; k < places.length; k++) {
    const place = places[k];
    if (k === 0 || place !== places[k - 1] + 1 || place >= border) {
      starts[count++] = place;
      if (place >= border) border = place - (place % width) + width;
    }
    ends[count - 1] = place + 1;
  }
  return { starts: starts.subarray(0, count), ends: ends.subarray(0, count) };
};
