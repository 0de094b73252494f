// Convolutions, made ready once and then run without making garbage. Double precision: engines would round after every
// step to keep to single. All but depthwise ones become products of matrices.

import { ModelFileError } from "./file.js";
import type { Allocate, Step, Values } from "./forward.js";

export interface Weights {
  readonly weight: Float32Array;
  readonly bias: Float32Array;
  readonly shape: readonly number[];
}

export interface Options {
  readonly padding: number;
  readonly stride: number;
  readonly groups: number;
}

export const convolution = (weights: Weights, input: Values, options: Options, allocate: Allocate): Step => {
  const { padding, stride, groups } = options;
  const [outputs, inputs, kernel, other] = weights.shape;
  const fits = groups === 1 ? inputs === input.channels : groups === input.channels && outputs === groups && inputs === 1;
  const inside = kernel <= Math.min(input.height, input.width) + 2 * padding;
  if (!(fits && inside && kernel === other)) throw new ModelFileError(`a convolution of ${weights.shape} can't follow`);
  const height = Math.floor((input.height + 2 * padding - kernel) / stride) + 1;
  const width = Math.floor((input.width + 2 * padding - kernel) / stride) + 1;
  const out: Values = { channels: outputs, height, width, data: allocate(outputs * height * width) };
  const tiled = groups === 1 && kernel === 3 && stride === 1;
  // Tiles of two by two places may reach beyond the last place.
  const padded = withPadding(input, padding, tiled ? height % 2 : 0, tiled ? width % 2 : 0, allocate);
  const run =
    groups > 1
      ? depthwise(weights, padded.values, stride, out)
      : tiled
        ? winograd(weights, padded.values, out, allocate)
        : unrolled(weights, padded.values, stride, out, allocate);
  return {
    values: out,
    run: () => {
      padded.run();
      run();
    },
  };
};

// Zeros all round, and `below` and `right` more of them.
const withPadding = (input: Values, padding: number, below: number, right: number, allocate: Allocate): Step => {
  if (padding + below + right === 0) return { values: input, run: () => {} };
  const height = input.height + 2 * padding + below;
  const width = input.width + 2 * padding + right;
  const data = allocate(input.channels * height * width);
  const run = () => {
    for (let c = 0, from = 0; c < input.channels; c++)
      for (let y = 0; y < input.height; y++) {
        const to = (c * height + y + padding) * width + padding;
        for (let x = 0; x < input.width; x++) data[to + x] = input.data[from++];
      }
  };
  return { values: { channels: input.channels, height, width, data }, run };
};

// `count` pairs of matrices, rows of weights times columns of values. Four rows lie together, and two columns, so that
// each number that is loaded serves several products.
interface Product {
  readonly count: number;
  readonly rows: number;
  readonly inner: number;
  readonly columns: number;
  readonly weights: Float64Array;
  readonly values: Float64Array;
  readonly result: Float64Array;
}

const product = (count: number, rows: number, inner: number, columns: number, allocate: Allocate): Product => {
  const [high, wide] = [Math.ceil(rows / 4) * 4, Math.ceil(columns / 2) * 2];
  const [weights, values, result] = [allocate(count * high * inner), allocate(count * inner * wide), allocate(count * high * wide)];
  return { count, rows: high, inner, columns: wide, weights, values, result };
};

// Where the first pair's weights and values lie; another pair's lie `rows * inner`, or `columns * inner`, further on.
const weightAt = ({ inner }: Product, row: number, i: number): number => (row >> 2) * 4 * inner + 4 * i + (row & 3);
const valueAt = ({ inner }: Product, column: number, i: number): number =>
  (column >> 1) * 2 * inner + 2 * i + (column & 1);

// `| 0` shows the engine that an index does not overflow, which makes the loop faster.
const multiply = ({ count, rows, inner, columns, weights, values, result }: Product): void => {
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

// Each place's window as a column.
const unrolled = (
  { weight, bias, shape }: Weights,
  input: Values,
  stride: number,
  out: Values,
  allocate: Allocate,
): (() => void) => {
  const [rows, channels, kernel] = shape;
  const [inner, area] = [channels * kernel * kernel, out.height * out.width];
  const sums = product(1, rows, inner, area, allocate);
  for (let i = 0; i < weight.length; i++) sums.weights[weightAt(sums, Math.floor(i / inner), i % inner)] = weight[i];
  return () => {
    for (let i = 0; i < inner; i++) {
      const [u, v] = [i % kernel, Math.floor(i / kernel) % kernel];
      const c = Math.floor(i / (kernel * kernel));
      for (let y = 0, place = 0; y < out.height; y++)
        for (let x = 0, from = (c * input.height + y * stride + v) * input.width + u; x < out.width; x++, from += stride)
          sums.values[valueAt(sums, place++, i)] = input.data[from];
    }
    multiply(sums);
    for (let o = 0; o < rows; o++)
      for (let i = 0; i < area; i++) out.data[o * area + i] = sums.result[o * sums.columns + i] + bias[o];
  };
};

// Lavin and Gray (2016), "Fast algorithms for convolutional neural networks", F(2x2, 3x3): sixteen products make four
// sums of nine. A tile is 4x4 values, of which sixteen others are made, and 2x2 sums.
const winograd = ({ weight, bias, shape }: Weights, input: Values, out: Values, allocate: Allocate): (() => void) => {
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

const depthwise = ({ weight, bias, shape }: Weights, input: Values, stride: number, out: Values): (() => void) => {
  const kernel = shape[2];
  return () => {
    for (let c = 0, to = 0; c < out.channels; c++)
      for (let y = 0; y < out.height; y++)
        for (let x = 0; x < out.width; x++) {
          let sum = bias[c];
          for (let v = 0, at = c * kernel * kernel; v < kernel; v++) {
            const from = (c * input.height + y * stride + v) * input.width + x * stride;
            for (let u = 0; u < kernel; u++) sum += weight[at++] * input.data[from + u];
          }
          out.data[to++] = sum;
        }
  };
};
