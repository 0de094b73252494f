// Products of matrices, made ready once and then run without making garbage.

import type { Allocate } from "./forward.js";

// `count` pairs of matrices, rows of weights times columns of values. Four rows lie together, and two columns, so that
// each number that is loaded serves several products.
export interface Product {
  readonly count: number;
  readonly rows: number;
  readonly inner: number;
  readonly columns: number;
  readonly weights: Float64Array;
  readonly values: Float64Array;
  readonly result: Float64Array;
}

export const product = (count: number, rows: number, inner: number, columns: number, allocate: Allocate): Product => {
  const [high, wide] = [Math.ceil(rows / 4) * 4, Math.ceil(columns / 2) * 2];
  const [weights, values, result] = [allocate(count * high * inner), allocate(count * inner * wide), allocate(count * high * wide)];
  return { count, rows: high, inner, columns: wide, weights, values, result };
};

// Where the first pair's weights and values lie; another pair's lie `rows * inner`, or `columns * inner`, further on.
export const weightAt = ({ inner }: Product, row: number, i: number): number => (row >> 2) * 4 * inner + 4 * i + (row & 3);
export const valueAt = ({ inner }: Product, column: number, i: number): number =>
  (column >> 1) * 2 * inner + 2 * i + (column & 1);

// `multiply` of arrays in one buffer, by their places in bytes.
export type Kernel = (count: number, rows: number, inner: number, columns: number, weights: number, values: number, result: number) => void;

// What multiplies the arrays of a buffer faster: simd.ts.
export const kernels = new WeakMap<ArrayBufferLike, Kernel>();

// `| 0` shows the engine that an index does not overflow, which makes the loop faster.
export const multiply = ({ count, rows, inner, columns, weights, values, result }: Product): void => {
  const kernel = kernels.get(weights.buffer);
  if (kernel && values.buffer === weights.buffer && result.buffer === weights.buffer) {
    kernel(count, rows, inner, columns, weights.byteOffset, values.byteOffset, result.byteOffset);
    return;
  }
  for (let pair = 0; pair < count; pair++)
    for (let row = 0; row < rows; row += 4)
      for (let column = 0; column < columns; column += 2) {
        let a = (pair * rows + row) * inner;
        let b = (pair * columns + column) * inner;
        let s0 = 0;
        let s1 = 0;
        let s2 = 0;
        let s3 = 0;
        let t0 = 0;
        let t1 = 0;
        let t2 = 0;
        let t3 = 0;
        for (const end = a + 4 * inner; a < end; a = (a + 4) | 0, b = (b + 2) | 0) {
          const s = values[b];
          const t = values[(b + 1) | 0];
          const w0 = weights[a];
          const w1 = weights[(a + 1) | 0];
          const w2 = weights[(a + 2) | 0];
          const w3 = weights[(a + 3) | 0];
          s0 += w0 * s;
          s1 += w1 * s;
          s2 += w2 * s;
          s3 += w3 * s;
          t0 += w0 * t;
          t1 += w1 * t;
          t2 += w2 * t;
          t3 += w3 * t;
        }
        const to = (pair * rows + row) * columns + column;
        result[to] = s0;
        result[to + 1] = t0;
        result[to + columns] = s1;
        result[to + columns + 1] = t1;
        result[to + 2 * columns] = s2;
        result[to + 2 * columns + 1] = t2;
        result[to + 3 * columns] = s3;
        result[to + 3 * columns + 1] = t3;
      }
};
