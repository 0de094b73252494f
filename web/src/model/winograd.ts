// Lavin and Gray (2016), "Fast algorithms for convolutional neural networks": convolutions of small tiles as products of
// matrices, with fewer multiplications. Of padded values.

import type { Values } from "./forward.js";
import type { Way } from "./convolution.js";
import { multiply, product, valueAt, weightAt, type Product } from "./product.js";

// F(2x2, 3x3): sixteen products make four sums of nine. A tile is 4x4 values, of which sixteen others are made, and 2x2
// sums.
export const winograd: Way = ({ weight, bias, shape }, input, _, out, allocate) => {
  const [rows, channels] = shape;
  const [down, across] = [Math.ceil(out.height / 2), Math.ceil(out.width / 2)];
  const tiles = product(16, rows, channels, down * across, allocate);
  const scratch = new Float64Array(16);
  for (let o = 0, from = 0; o < rows; o++)
    for (let c = 0; c < channels; c++, from += 9) turnWeights(weight, from, tiles, weightAt(tiles, o, c), scratch);
  return () => {
    for (let c = 0; c < channels; c++)
      for (let y = 0, tile = 0; y < down; y++)
        for (let x = 0, from = (c * input.height + 2 * y) * input.width; x < across; x++, tile++, from += 2)
          turnValues(input, from, tiles, valueAt(tiles, tile, c), scratch);
    multiply(tiles);
    for (let o = 0; o < rows; o++)
      for (let y = 0, tile = 0; y < down; y++)
        for (let x = 0, to = (o * out.height + 2 * y) * out.width; x < across; x++, tile++, to += 2) {
          turnBack(tiles, o * tiles.columns + tile, scratch);
          const right = 2 * x + 1 < out.width;
          const below = 2 * y + 1 < out.height;
          out.data[to] = scratch[0] + scratch[1] + scratch[2] + bias[o];
          if (right) out.data[to + 1] = scratch[1] - scratch[2] - scratch[3] + bias[o];
          if (below) out.data[to + out.width] = scratch[4] + scratch[5] + scratch[6] + bias[o];
          if (right && below) out.data[to + out.width + 1] = scratch[5] - scratch[6] - scratch[7] + bias[o];
        }
  };
};

// Each 3x3 of weights as 4x4.
const turnWeights = (
  weight: Float32Array,
  from: number,
  { weights, rows, inner }: Product,
  to: number,
  turned: Float64Array,
): void => {
  for (let x = 0; x < 3; x++) {
    const a = weight[from + x];
    const b = weight[from + 3 + x];
    const c = weight[from + 6 + x];
    turned[x] = a;
    turned[4 + x] = (a + b + c) / 2;
    turned[8 + x] = (a - b + c) / 2;
    turned[12 + x] = c;
  }
  const step = rows * inner;
  for (let y = 0; y < 16; y += 4, to += 4 * step) {
    const a = turned[y];
    const b = turned[y + 1];
    const c = turned[y + 2];
    weights[to] = a;
    weights[to + step] = (a + b + c) / 2;
    weights[to + 2 * step] = (a - b + c) / 2;
    weights[to + 3 * step] = c;
  }
};

// Each tile of values.
const turnValues = (
  { data, width }: Values,
  from: number,
  { values, columns, inner }: Product,
  to: number,
  turned: Float64Array,
): void => {
  for (let y = 0; y < 16; y += 4, from += width) {
    const a = data[from];
    const b = data[from + 1];
    const c = data[from + 2];
    const d = data[from + 3];
    turned[y] = a - c;
    turned[y + 1] = b + c;
    turned[y + 2] = c - b;
    turned[y + 3] = b - d;
  }
  const step = columns * inner;
  for (let x = 0; x < 4; x++, to += step) {
    const a = turned[x];
    const b = turned[4 + x];
    const c = turned[8 + x];
    const d = turned[12 + x];
    values[to] = a - c;
    values[to + 4 * step] = b + c;
    values[to + 8 * step] = c - b;
    values[to + 12 * step] = b - d;
  }
};

// Sums down the columns of sixteen products; what is left is to sum along two rows of four.
const turnBack = ({ result, columns, rows }: Product, from: number, turned: Float64Array): void => {
  const step = rows * columns;
  for (let k = 0; k < 4; k++, from += step) {
    const b = result[from + 4 * step];
    const c = result[from + 8 * step];
    turned[k] = result[from] + b + c;
    turned[4 + k] = b - c - result[from + 12 * step];
  }
};

// The same along rows alone, F(4, 3), for a kernel that is three columns wide: six products make four sums of three.
// One row of the output at a time, so that what is multiplied stays in a cache.
export const winogradRows: Way = ({ weight, bias, shape }, input, [down], out, allocate) => {
  const [rows, channels, high] = shape;
  const inner = channels * high;
  const tiles = product(6, rows, inner, Math.ceil(out.width / 4), allocate);
  for (let o = 0, from = 0; o < rows; o++)
    for (let i = 0; i < inner; i++, from += 3) turnWeightRow(weight, from, tiles, weightAt(tiles, o, i));
  return () => {
    for (let y = 0; y < out.height; y++) {
      for (let i = 0; i < inner; i++) {
        const [c, v] = [Math.floor(i / high), i % high];
        turnValueRow(input.data, (c * input.height + y * down + v) * input.width, out.width, tiles, i);
      }
      multiply(tiles);
      for (let o = 0; o < rows; o++) turnRowBack(tiles, o, bias[o], out.data, (o * out.height + y) * out.width, out.width);
    }
  };
};

// Each row of three weights as six.
const turnWeightRow = (weight: Float32Array, from: number, { weights, rows, inner }: Product, to: number): void => {
  const [a, b, c] = [weight[from], weight[from + 1], weight[from + 2]];
  const step = rows * inner;
  weights[to] = a / 4;
  weights[to + step] = -(a + b + c) / 6;
  weights[to + 2 * step] = -(a - b + c) / 6;
  weights[to + 3 * step] = (a + 2 * b + 4 * c) / 24;
  weights[to + 4 * step] = (a - 2 * b + 4 * c) / 24;
  weights[to + 5 * step] = c;
};

// Each tile of six values along a row; the next starts four further on.
const turnValueRow = (data: Float64Array, from: number, width: number, tiles: Product, i: number): void => {
  const { values, columns, inner } = tiles;
  const step = columns * inner;
  for (let x = 0, tile = 0; x < width; x += 4, tile++, from += 4) {
    const to = valueAt(tiles, tile, i);
    const a = data[from];
    const b = data[from + 1];
    const c = data[from + 2];
    const d = data[from + 3];
    const e = data[from + 4];
    const f = data[from + 5];
    values[to] = 4 * a - 5 * c + e;
    values[to + step] = e + d - 4 * (c + b);
    values[to + 2 * step] = e - d - 4 * (c - b);
    values[to + 3 * step] = e - c + 2 * (d - b);
    values[to + 4 * step] = e - c - 2 * (d - b);
    values[to + 5 * step] = 4 * b - 5 * d + f;
  }
};

const turnRowBack = (
  { result, columns, rows }: Product,
  row: number,
  bias: number,
  out: Float64Array,
  to: number,
  width: number,
): void => {
  const step = rows * columns;
  for (let x = 0, from = row * columns; x < width; x += 4, from++, to += 4) {
    const b = result[from + step];
    const c = result[from + 2 * step];
    const d = result[from + 3 * step];
    const e = result[from + 4 * step];
    out[to] = result[from] + b + c + d + e + bias;
    if (x + 1 < width) out[to + 1] = b - c + 2 * (d - e) + bias;
    if (x + 2 < width) out[to + 2] = b + c + 4 * (d + e) + bias;
    if (x + 3 < width) out[to + 3] = b - c + 8 * (d - e) + result[from + 5 * step] + bias;
  }
};
