// Layers of feature maps, with the arithmetic of PyTorch's.

import { padded, sequence, takeParameter, takeRows, uniform, type Layer, type Parameter, type Rows } from "./layers.js";
import type { Address, Kernels, Memory } from "./memory.js";
import type { Generator } from "./random.js";

// A batch's feature maps: see kernels.as.ts. channel: numbers from one channel to the next.
export interface Maps {
  readonly channels: number;
  readonly side: number;
  readonly channel: number;
  readonly mask: Address;
  readonly values: Address;
  readonly gradient: Address;
}

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
  return { layer, output };
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
