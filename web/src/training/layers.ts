// What layers have in common, and those of a multilayer perceptron. Each has the arithmetic of PyTorch's.

import { ACTIVATIONS, erf, sigmoid } from "../model/activations.js";
import type { Address, Memory } from "./memory.js";
import type { Generator } from "./random.js";

// What is learned. Weight decay applies to weights, not to biases and norms.
export interface Parameter {
  readonly count: number;
  readonly at: Address;
  readonly gradient: Address;
  readonly first: Address;
  readonly second: Address;
  readonly decays: boolean;
}

// A batch's numbers in rows, one for each image; rows are padded to eight numbers.
export interface Rows {
  readonly width: number;
  readonly stride: number;
  readonly values: Address;
  readonly gradient: Address;
}

export interface Layer {
  readonly parameters: readonly Parameter[];
  // Sets the initial parameters; layers without any leave it out.
  readonly initialize?: (random: Generator) => void;
  readonly forward: (count: number, training: boolean) => void;
  // From the gradient of what the layer gives to that of what it takes; adds nothing, except where parameters are shared.
  readonly backward: (count: number) => void;
}

export const padded = (count: number): number => 8 * Math.ceil(count / 8);
export const sequence = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

export const takeParameter = (memory: Memory, count: number, decays: boolean): Parameter => {
  const [at, gradient, first, second] = [0, 1, 2, 3].map(() => memory.take(count));
  return { count: 4 * Math.ceil(count / 4), at, gradient, first, second, decays };
};

export const takeRows = (memory: Memory, batch: number, width: number): Rows => {
  const stride = padded(width);
  return { width, stride, values: memory.take(batch * stride), gradient: memory.take(batch * stride) };
};

// The default of PyTorch's layers: He et al. (2015), "Delving deep into rectifiers", with a = sqrt(5).
export const uniform = (values: Float32Array, inputs: number, random: Generator, place = (i: number) => i, count = values.length) => {
  const bound = 1 / Math.sqrt(inputs);
  for (let i = 0; i < count; i++) values[place(i)] = random.uniform(-bound, bound);
};

// A dense layer. The weights lie by inputs: [inputs][outputs, padded].
export const dense = (memory: Memory, batch: number, input: Rows, outputs: number, first: boolean) => {
  const output = takeRows(memory, batch, outputs);
  const [width, stride] = [input.width, output.stride];
  const weight = takeParameter(memory, width * stride, true);
  const bias = takeParameter(memory, stride, false);
  const weightRows = memory.list(sequence(width).map((i) => weight.at + 4 * i * stride));
  const gradientRows = memory.list(sequence(batch).map((i) => output.gradient + 4 * i * stride));
  const layer: Layer = {
    parameters: [weight, bias],
    initialize: (random) => {
      const place = (i: number) => (i % width) * stride + Math.floor(i / width);
      uniform(memory.floats(weight.at, width * stride), width, random, place, width * outputs);
      uniform(memory.floats(bias.at, outputs), width, random);
    },
    forward: (count) => {
      const [values, added] = [memory.floats(output.values, count * stride), memory.floats(bias.at, stride)];
      memory.kernels.product(count, stride, width, input.values, 4 * input.stride, 4, weightRows, output.values, 4 * stride);
      for (let row = 0; row < values.length; row += stride) for (let i = 0; i < outputs; i++) values[row + i] += added[i];
    },
    backward: (count) => {
      const [gradient, sums] = [memory.floats(output.gradient, count * stride), memory.floats(bias.gradient, stride)];
      sums.fill(0);
      for (let row = 0; row < gradient.length; row += stride) for (let i = 0; i < outputs; i++) sums[i] += gradient[row + i];
      memory.kernels.product(width, stride, count, input.values, 4, 4 * input.stride, gradientRows, weight.gradient, 4 * stride);
      if (!first) memory.kernels.dots(count, width, stride, output.gradient, 4 * stride, weightRows, input.gradient, 4 * input.stride);
    },
  };
  return { layer, output };
};

const normal = (x: number): number => 0.5 * (1 + erf(x * Math.SQRT1_2));

// The slopes of activation functions at x, where their value is y.
const SLOPES = {
  relu: (x: number) => (x > 0 ? 1 : 0),
  leaky_relu: (x: number) => (x > 0 ? 1 : 0.01),
  elu: (x: number, y: number) => (x > 0 ? 1 : y + 1),
  gelu: (x: number) => normal(x) + (x * Math.exp(-0.5 * x * x)) / Math.sqrt(2 * Math.PI),
  silu: (x: number) => sigmoid(x) * (1 + x * (1 - sigmoid(x))),
  tanh: (_: number, y: number) => 1 - y * y,
  sigmoid: (_: number, y: number) => y * (1 - y),
};
export type ActivationName = keyof typeof SLOPES;

export const activation = (memory: Memory, batch: number, input: Rows, name: ActivationName) => {
  const output = takeRows(memory, batch, input.width);
  const [value, slope] = [ACTIVATIONS[name], SLOPES[name]];
  const length = (count: number) => count * input.stride;
  const layer: Layer = {
    parameters: [],
    forward: (count) => {
      const [x, y] = [memory.floats(input.values, length(count)), memory.floats(output.values, length(count))];
      for (let i = 0; i < x.length; i++) y[i] = value(x[i]);
    },
    backward: (count) => {
      const [x, y] = [memory.floats(input.values, length(count)), memory.floats(output.values, length(count))];
      const [to, from] = [memory.floats(input.gradient, length(count)), memory.floats(output.gradient, length(count))];
      for (let i = 0; i < x.length; i++) to[i] = from[i] * slope(x[i], y[i]);
    },
  };
  return { layer, output };
};

// Dropout: Srivastava et al. (2014). Which units are left out is drawn by another generator than PyTorch's.
export const dropout = (memory: Memory, batch: number, input: Rows, share: number, random: () => number) => {
  const output = takeRows(memory, batch, input.width);
  const mask = new Float32Array(batch * input.stride);
  const layer: Layer = {
    parameters: [],
    forward: (count, training) => {
      const length = count * input.stride;
      const [x, y] = [memory.floats(input.values, length), memory.floats(output.values, length)];
      for (let i = 0; i < length; i++) {
        mask[i] = !training ? 1 : random() < share ? 0 : 1 / (1 - share);
        y[i] = x[i] * mask[i];
      }
    },
    backward: (count) => {
      const length = count * input.stride;
      const [to, from] = [memory.floats(input.gradient, length), memory.floats(output.gradient, length)];
      for (let i = 0; i < length; i++) to[i] = from[i] * mask[i];
    },
  };
  return { layer, output };
};
