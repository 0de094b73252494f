// The layers of networks that are trained here. Each has the arithmetic of PyTorch's.

import { ACTIVATIONS, erf, sigmoid } from "../model/activations.js";
import type { Address, Kernels, Memory } from "./memory.js";
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

// A batch's feature maps: see kernels.as.ts. channel: numbers from one channel to the next.
export interface Maps {
  readonly channels: number;
  readonly side: number;
  readonly channel: number;
  readonly mask: Address;
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

const padded = (count: number): number => 8 * Math.ceil(count / 8);
const sequence = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

export const takeParameter = (memory: Memory, count: number, decays: boolean): Parameter => {
  const [at, gradient, first, second] = [0, 1, 2, 3].map(() => memory.take(count));
  return { count: 4 * Math.ceil(count / 4), at, gradient, first, second, decays };
};

export const takeRows = (memory: Memory, batch: number, width: number): Rows => {
  const stride = padded(width);
  return { width, stride, values: memory.take(batch * stride), gradient: memory.take(batch * stride) };
};

// How many numbers a channel has for so many images, borders included.
const numbersOf = ({ side }: Maps, images: number): number => images * (side + 2) ** 2;

export const takeMaps = (memory: Memory, batch: number, channels: number, side: number, like?: Maps): Maps => {
  const channel = padded(batch * (side + 2) ** 2);
  const mask = like?.mask ?? takeMask(memory, channel, side);
  // Shifted maps are read from before the first channel to behind the last.
  const [values, gradient] = [0, 1].map(() => memory.take(channels * channel, side + 16));
  return { channels, side, channel, mask, values, gradient };
};

const takeMask = (memory: Memory, channel: number, side: number): Address => {
  const at = memory.take(channel);
  const [row, image] = [side + 2, (side + 2) ** 2];
  memory.onOpen(() => {
    const mask = memory.floats(at, channel);
    for (let i = 0; i + image <= channel; i += image)
      for (let y = 1; y <= side; y++) mask.fill(1, i + y * row + 1, i + y * row + 1 + side);
  });
  return at;
};

// The default of PyTorch's layers: He et al. (2015), "Delving deep into rectifiers", with a = sqrt(5).
const uniform = (values: Float32Array, inputs: number, random: Generator, place = (i: number) => i, count = values.length) => {
  const bound = 1 / Math.sqrt(inputs);
  for (let i = 0; i < count; i++) values[place(i)] = random.uniform(-bound, bound);
};

// A dense layer. The weights lie by inputs: [inputs][outputs, padded].
export const dense = (memory: Memory, batch: number, input: Rows, outputs: number, first: boolean) => {
  const output = takeRows(memory, batch, outputs);
  const { width, stride } = { width: input.width, stride: output.stride };
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

const EPSILON = 1e-5;
const MOMENTUM = 0.1;

// Batch norm (Ioffe and Szegedy 2015) of feature maps, then a sum with `shortcut`, if there is one, and ReLU.
export const normRelu = (memory: Memory, batch: number, input: Maps, shortcut: Maps | null) => {
  const { channels, side, channel, mask } = input;
  const output = takeMaps(memory, batch, channels, side, input);
  const gamma = takeParameter(memory, channels, false);
  const beta = takeParameter(memory, channels, false);
  const sums = memory.take(4);
  const means = new Float64Array(channels);
  const inverses = new Float64Array(channels);
  const runningMeans = new Float64Array(channels);
  const runningVariances = new Float64Array(channels).fill(1);
  const layer: Layer = {
    parameters: [gamma, beta],
    initialize: () => {
      memory.floats(gamma.at, channels).fill(1);
      runningMeans.fill(0);
      runningVariances.fill(1);
    },
    forward: (count, training) => {
      const { kernels } = memory;
      const [scales, shifts] = [memory.floats(gamma.at, channels), memory.floats(beta.at, channels)];
      const [length, numbers] = [numbersOf(input, count), count * side * side];
      for (let c = 0; c < channels; c++) {
        const offset = 4 * c * channel;
        let [mean, variance] = [runningMeans[c], runningVariances[c]];
        if (training) {
          kernels.moments(length, mask, input.values + offset, sums);
          const [sum, squares] = memory.doubles(sums, 2);
          mean = sum / numbers;
          variance = squares / numbers - mean * mean;
          runningMeans[c] += MOMENTUM * (mean - runningMeans[c]);
          runningVariances[c] += MOMENTUM * ((variance * numbers) / (numbers - 1) - runningVariances[c]);
        }
        means[c] = mean;
        inverses[c] = 1 / Math.sqrt(variance + EPSILON);
        const scale = scales[c] * inverses[c];
        const added = shortcut ? shortcut.values + offset : 0;
        kernels.scaleRelu(length, mask, input.values + offset, scale, shifts[c] - mean * scale, added, output.values + offset);
      }
    },
    backward: (count) => {
      const { kernels } = memory;
      const scales = memory.floats(gamma.at, channels);
      const [scaleGradient, shiftGradient] = [memory.floats(gamma.gradient, channels), memory.floats(beta.gradient, channels)];
      const [length, numbers] = [numbersOf(input, count), count * side * side];
      for (let c = 0; c < channels; c++) {
        const offset = 4 * c * channel;
        kernels.reluGradient(length, output.values + offset, input.values + offset, output.gradient + offset, sums);
        const [sum, products] = memory.doubles(sums, 2);
        const towardScale = inverses[c] * (products - means[c] * sum);
        scaleGradient[c] = towardScale;
        shiftGradient[c] = sum;
        const a = scales[c] * inverses[c];
        const b = (-a * inverses[c] * towardScale) / numbers;
        const c0 = (-a * sum) / numbers - b * means[c];
        kernels.normGradient(length, mask, output.gradient + offset, input.values + offset, a, b, c0, input.gradient + offset);
      }
    },
  };
  // The gradient of the output is also that of the shortcut, once the backward pass has been through the ReLU.
  return { layer, output, running: { means: runningMeans, variances: runningVariances } };
};

// A 3x3 convolution without bias, of maps within borders: nine shifted products. Several layers may share the weights, whose
// gradients then add up: `fresh` says that a backward pass begins.
export const convolution = (memory: Memory, channels: number) => {
  const weight = takeParameter(memory, channels * channels * 9, true);
  const flipped = memory.take(channels * channels * 9);
  const scratch = memory.take(channels * channels * 9);
  const stride = 36 * channels;
  const flip = () => {
    const [from, to] = [memory.floats(weight.at, channels * channels * 9), memory.floats(flipped, channels * channels * 9)];
    for (let o = 0; o < channels; o++)
      for (let i = 0; i < channels; i++)
        for (let k = 0; k < 9; k++) to[(i * channels + o) * 9 + 8 - k] = from[(o * channels + i) * 9 + k];
  };
  const shifts = ({ channel, side }: Maps, at: Address) =>
    memory.list(
      sequence(channels * 9).map((i) => {
        const k = i % 9;
        return at + 4 * (Math.floor(i / 9) * channel + (Math.floor(k / 3) - 1) * (side + 2) + (k % 3) - 1);
      }),
    );
  const parameters: readonly Parameter[] = [weight];
  const initialize = (random: Generator) => uniform(memory.floats(weight.at, channels * channels * 9), 9 * channels, random);
  const beginBackward = () => {
    memory.floats(weight.gradient, weight.count).fill(0);
    flip();
  };
  const apply = (batch: number, input: Maps) => {
    const output = takeMaps(memory, batch, channels, input.side, input);
    const inputRows = shifts(input, input.values);
    const gradientRows = shifts(output, output.gradient);
    const channelBytes = 4 * input.channel;
    const forward = (count: number) =>
      memory.kernels.product(channels, numbersOf(input, count), 9 * channels, weight.at, stride, 4, inputRows, output.values, channelBytes);
    const backward = (count: number) => {
      const { kernels } = memory;
      const length = numbersOf(input, count);
      kernels.dots(channels, 9 * channels, length, output.gradient, channelBytes, inputRows, scratch, stride);
      const [sum, more] = [memory.floats(weight.gradient, weight.count), memory.floats(scratch, weight.count)];
      for (let i = 0; i < channels * channels * 9; i++) sum[i] += more[i];
      kernels.product(channels, length, 9 * channels, flipped, stride, 4, gradientRows, input.gradient, channelBytes);
    };
    return { output, forward, backward };
  };
  return { parameters, initialize, beginBackward, apply };
};

// Adds the gradient of a shortcut.
export const addGradient = ({ kernels }: Memory, count: number, from: Maps, to: Maps) => {
  for (let c = 0; c < from.channels; c++) {
    const offset = 4 * c * from.channel;
    kernels.accumulate(numbersOf(from, count), from.gradient + offset, to.gradient + offset);
  }
};

export const maxPool = (memory: Memory, batch: number, input: Maps) => {
  const { channels, side } = input;
  const output = takeMaps(memory, batch, channels, side >> 1);
  const each = (run: Kernels["pool"], count: number, ...addresses: [from: Maps, at: Address][]) => {
    for (let c = 0; c < channels; c++) run(count, side, ...addresses.map(([maps, at]) => at + 4 * c * maps.channel));
  };
  const layer: Layer = {
    parameters: [],
    forward: (count) => each(memory.kernels.pool, count, [input, input.values], [output, output.values]),
    backward: (count) =>
      each(memory.kernels.poolGradient, count, [input, input.values], [output, output.gradient], [input, input.gradient]),
  };
  return { layer, output };
};

// A sum over positions with learned weights, shared by all channels.
export const learnedPool = (memory: Memory, batch: number, input: Maps) => {
  const { channels, side, channel } = input;
  const output = takeRows(memory, batch, channels);
  const weight = takeParameter(memory, side * side, true);
  const row = side + 2;
  const places = sequence(side * side).map((p) => (Math.floor(p / side) + 1) * row + (p % side) + 1);
  const at = (c: number, image: number, p: number) => c * channel + image * row * row + places[p];
  const layer: Layer = {
    parameters: [weight],
    initialize: () => memory.floats(weight.at, side * side).fill(1 / (side * side)),
    forward: (count) => {
      const [x, w] = [memory.floats(input.values, channels * channel), memory.floats(weight.at, side * side)];
      const y = memory.floats(output.values, count * output.stride);
      for (let image = 0; image < count; image++)
        for (let c = 0; c < channels; c++) {
          let sum = 0;
          for (let p = 0; p < places.length; p++) sum += w[p] * x[at(c, image, p)];
          y[image * output.stride + c] = sum;
        }
    },
    backward: (count) => {
      const [x, w] = [memory.floats(input.values, channels * channel), memory.floats(weight.at, side * side)];
      const [to, from] = [memory.floats(input.gradient, channels * channel), memory.floats(output.gradient, count * output.stride)];
      const sums = memory.floats(weight.gradient, side * side).fill(0);
      for (let image = 0; image < count; image++)
        for (let c = 0; c < channels; c++) {
          const gradient = from[image * output.stride + c];
          for (let p = 0; p < places.length; p++) {
            to[at(c, image, p)] = gradient * w[p];
            sums[p] += gradient * x[at(c, image, p)];
          }
        }
    },
  };
  return { layer, output };
};

const PIXEL_MEAN = Math.fround(0.1307);
const PIXEL_SCALE = Math.fround(1 / 0.3081);

// A 3x3 convolution of every second pixel, in each direction, of standardized images within a border of paper.
export const stem = (memory: Memory, batch: number, images: Rows, channels: number) => {
  const side = 14;
  const output = takeMaps(memory, batch, channels, side);
  const patches = memory.take(9 * output.channel);
  const weight = takeParameter(memory, channels * 9, true);
  const rows = memory.list(sequence(9).map((k) => patches + 4 * k * output.channel));
  const gather = (count: number) => {
    const [pixels, to] = [memory.floats(images.values, count * images.stride), memory.floats(patches, 9 * output.channel)];
    for (let k = 0; k < 9; k++)
      for (let image = 0; image < count; image++)
        for (let y = 0; y < side; y++)
          for (let x = 0; x < side; x++) {
            const [row, column] = [2 * y + Math.floor(k / 3) - 1, 2 * x + (k % 3) - 1];
            const pixel = row < 0 || column < 0 ? 0 : pixels[image * images.stride + 28 * row + column];
            to[k * output.channel + image * 256 + 16 * (y + 1) + x + 1] = Math.fround(pixel - PIXEL_MEAN) * PIXEL_SCALE;
          }
  };
  const layer: Layer = {
    parameters: [weight],
    initialize: (random) => uniform(memory.floats(weight.at, channels * 9), 9, random),
    forward: (count) => {
      gather(count);
      memory.kernels.product(channels, numbersOf(output, count), 9, weight.at, 36, 4, rows, output.values, 4 * output.channel);
    },
    backward: (count) =>
      memory.kernels.dots(channels, 9, numbersOf(output, count), output.gradient, 4 * output.channel, rows, weight.gradient, 36),
  };
  return { layer, output };
};
