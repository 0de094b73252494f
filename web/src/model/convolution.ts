// Convolutions, made ready once and then run without making garbage. Double precision: engines would round after every
// step to keep to single. All but depthwise ones become products of matrices.

import { ModelFileError } from "./file.js";
import type { Allocate, Step, Values } from "./forward.js";
import { multiply, product, valueAt, weightAt } from "./product.js";
import { winograd, winogradRows } from "./winograd.js";

export interface Weights {
  readonly weight: Float32Array;
  readonly bias: Float32Array;
  readonly shape: readonly number[];
}

// Of rows and of columns.
export type Pair = readonly [number, number];

export interface Options {
  readonly padding: Pair;
  readonly stride: Pair;
  readonly groups: number;
}

// Makes a convolution of padded values ready.
export type Way = (weights: Weights, input: Values, stride: Pair, out: Values, allocate: Allocate) => () => void;

// Columns above which an image is convolved row by row: as fast as tiles, in a third of the memory. In narrow images, rows
// of four places would reach too far beyond the last.
const WIDE = 32;

export const convolution = (weights: Weights, input: Values, options: Options, allocate: Allocate): Step => {
  const { stride, groups } = options;
  const [above, left] = options.padding;
  const [down, across] = stride;
  const [outputs, inputs, high, wide] = weights.shape;
  const fits = groups === 1 ? inputs === input.channels : groups === input.channels && outputs === groups && inputs === 1;
  const inside = high <= input.height + 2 * above && wide <= input.width + 2 * left;
  if (!(fits && inside)) throw new ModelFileError(`a convolution of ${weights.shape} can't follow`);
  const height = Math.floor((input.height + 2 * above - high) / down) + 1;
  const width = Math.floor((input.width + 2 * left - wide) / across) + 1;
  const out: Values = { channels: outputs, height, width, data: allocate(outputs * height * width) };
  const tiled = high === 3 && down === 1 && width <= WIDE;
  const way = groups > 1 ? "depthwise" : wide !== 3 || across !== 1 ? "unrolled" : tiled ? "tiles" : "rows";
  // Tiles of two by two places, or of four in a row, may reach beyond the last place.
  const below = way === "tiles" ? height % 2 : 0;
  const right = way === "tiles" ? width % 2 : way === "rows" ? -width & 3 : 0;
  const padded = withPadding(input, options.padding, below, right, allocate);
  const run = WAYS[way](weights, padded.values, stride, out, allocate);
  return {
    values: out,
    run: () => {
      padded.run();
      run();
    },
  };
};

// Zeros all round, and `below` and `right` more of them.
const withPadding = (input: Values, [above, left]: Pair, below: number, right: number, allocate: Allocate): Step => {
  if (above + left + below + right === 0) return { values: input, run: () => {} };
  const height = input.height + 2 * above + below;
  const width = input.width + 2 * left + right;
  const data = allocate(input.channels * height * width);
  const run = () => {
    for (let c = 0, from = 0; c < input.channels; c++)
      for (let y = 0; y < input.height; y++) {
        const to = (c * height + y + above) * width + left;
        for (let x = 0; x < input.width; x++) data[to + x] = input.data[from++];
      }
  };
  return { values: { channels: input.channels, height, width, data }, run };
};

// Each place's window as a column.
const unrolled: Way = ({ weight, bias, shape }, input, [down, across], out, allocate) => {
  const [rows, channels, high, wide] = shape;
  const [inner, area] = [channels * high * wide, out.height * out.width];
  const sums = product(1, rows, inner, area, allocate);
  for (let i = 0; i < weight.length; i++) sums.weights[weightAt(sums, Math.floor(i / inner), i % inner)] = weight[i];
  return () => {
    for (let i = 0; i < inner; i++) {
      const [u, v] = [i % wide, Math.floor(i / wide) % high];
      const c = Math.floor(i / (high * wide));
      for (let y = 0, place = 0; y < out.height; y++)
        for (let x = 0, from = (c * input.height + y * down + v) * input.width + u; x < out.width; x++, from += across)
          sums.values[valueAt(sums, place++, i)] = input.data[from];
    }
    multiply(sums);
    for (let o = 0; o < rows; o++)
      for (let i = 0; i < area; i++) out.data[o * area + i] = sums.result[o * sums.columns + i] + bias[o];
  };
};

const depthwise: Way = ({ weight, bias, shape }, input, [down, across], out) => {
  const [, , high, wide] = shape;
  return () => {
    for (let c = 0, to = 0; c < out.channels; c++)
      for (let y = 0; y < out.height; y++)
        for (let x = 0; x < out.width; x++) {
          let sum = bias[c];
          for (let v = 0, at = c * high * wide; v < high; v++) {
            const from = (c * input.height + y * down + v) * input.width + x * across;
            for (let u = 0; u < wide; u++) sum += weight[at++] * input.data[from + u];
          }
          out.data[to++] = sum;
        }
  };
};

const WAYS = { depthwise, unrolled, rows: winogradRows, tiles: winograd };
