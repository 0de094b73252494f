// The forward pass: what tenfold/export/evaluate_plain.py does, one image at a time, channel by channel.

import type { Layer, ModelFile } from "./file.js";
import { ModelFileError } from "./file.js";

interface Values {
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  readonly data: Float32Array;
}

const ACTIVATIONS: Record<string, (x: number) => number> = {
  relu: (x) => (x > 0 ? x : 0),
  leaky_relu: (x) => (x > 0 ? x : 0.01 * x),
  elu: (x) => (x > 0 ? x : Math.expm1(x)),
  gelu: (x) => 0.5 * x * (1 + erf(x / Math.SQRT2)),
  silu: (x) => x / (1 + Math.exp(-x)),
  tanh: Math.tanh,
  sigmoid: (x) => 1 / (1 + Math.exp(-x)),
};

const STEPS: Record<string, (layer: Layer, values: Values) => Values> = {
  pixels: (layer, values) => pixels(layer, values),
  convolution: (layer, values) => convolution(layer, values),
  dense: (layer, values) => dense(layer, values),
  scale: (layer, { channels, height, width, data }) => {
    const area = height * width;
    const { weight, bias } = numbers(layer);
    return { channels, height, width, data: data.map((x, i) => x * weight[Math.floor(i / area)] + bias[Math.floor(i / area)]) };
  },
  pool: (layer, values) => pool(layer.options["size"], values),
  flatten: (_, { channels, height, width, data }) => {
    const area = height * width;
    const flat = new Float32Array(data.length);
    for (let c = 0; c < channels; c++) for (let i = 0; i < area; i++) flat[i * channels + c] = data[c * area + i];
    return { channels: data.length, height: 1, width: 1, data: flat };
  },
  mean_and_maximum: (_, { channels, height, width, data }) => {
    const area = height * width;
    const out = new Float32Array(2 * channels);
    for (let c = 0; c < channels; c++) {
      let [sum, most] = [0, -Infinity];
      for (let i = c * area; i < (c + 1) * area; i++) {
        sum += data[i];
        most = Math.max(most, data[i]);
      }
      out[c] = sum / area;
      out[channels + c] = most;
    }
    return { channels: 2 * channels, height: 1, width: 1, data: out };
  },
};

// What remembers values in a slot, goes on from them, and adds them.
const SLOTS: Record<string, (slots: Values[], slot: number, values: Values) => Values> = {
  keep: (slots, slot, values) => (slots[slot] = values),
  recall: (slots, slot) => slots[slot],
  add: (slots, slot, values) => ({ ...values, data: values.data.map((x, i) => x + slots[slot].data[i]) }),
};

// Raises before the first image where a layer is of a kind that this page does not know.
export const checkModel = ({ layers }: ModelFile): void => {
  for (const { kind } of layers)
    if (!(kind in STEPS) && !(kind in SLOTS) && !(kind in ACTIVATIONS)) throw new ModelFileError(`this page can't run a layer of kind ${kind}`);
};

// Uint8[784], 0 paper to 255 ink -> ten probabilities.
export const probabilities = (model: ModelFile, image: Uint8Array): Float32Array => {
  let values: Values = { channels: 1, height: 28, width: 28, data: Float32Array.from(image) };
  const slots: Values[] = [];
  for (const layer of model.layers) {
    const [step, slot] = [STEPS[layer.kind], SLOTS[layer.kind]];
    if (step) values = step(layer, values);
    else if (slot) values = slot(slots, layer.options["slot"], values);
    else values = { ...values, data: values.data.map(ACTIVATIONS[layer.kind]) };
  }
  return softmax(values.data);
};

export const softmax = (logits: Float32Array): Float32Array => {
  const most = Math.max(...logits);
  const powers = logits.map((logit) => Math.exp(logit - most));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((power) => power / sum);
};

const numbers = (layer: Layer): { weight: Float32Array; bias: Float32Array } => {
  if (!layer.weight || !layer.bias) throw new ModelFileError(`a layer of kind ${layer.kind} has no weights`);
  return { weight: layer.weight, bias: layer.bias };
};

const pixels = ({ options }: Layer, { data }: Values): Values => {
  const { crop, patch, border, mean, spread } = options;
  const margin = (28 - crop) / 2;
  const side = (crop + 2 * border) / patch;
  const out = new Float32Array(patch * patch * side * side);
  for (let y = 0; y < side * patch; y++)
    for (let x = 0; x < side * patch; x++) {
      const [v, u] = [y - border, x - border];
      const inside = v >= 0 && u >= 0 && v < crop && u < crop;
      const value = inside ? data[(v + margin) * 28 + u + margin] / 255 : 0;
      const channel = (y % patch) * patch + (x % patch);
      out[(channel * side + Math.floor(y / patch)) * side + Math.floor(x / patch)] = (value - mean) / spread;
    }
  return { channels: patch * patch, height: side, width: side, data: out };
};

const convolution = (layer: Layer, input: Values): Values => {
  const { weight, bias } = numbers(layer);
  const [outputs, inputs, kernel] = layer.shape;
  const { padding, stride, groups } = layer.options;
  const padded = withPadding(input, padding);
  const height = Math.floor((padded.height - kernel) / stride) + 1;
  const width = Math.floor((padded.width - kernel) / stride) + 1;
  const out = new Float32Array(outputs * height * width);
  for (let o = 0; o < outputs; o++) {
    const row0 = o * height * width;
    out.fill(bias[o], row0, row0 + height * width);
    for (let c = 0; c < inputs; c++) {
      const channel = groups > 1 ? o : c;
      for (let v = 0; v < kernel; v++)
        for (let u = 0; u < kernel; u++) {
          const w = weight[((o * inputs + c) * kernel + v) * kernel + u];
          for (let y = 0; y < height; y++) {
            const from = (channel * padded.height + y * stride + v) * padded.width + u;
            const to = row0 + y * width;
            for (let x = 0; x < width; x++) out[to + x] += w * padded.data[from + x * stride];
          }
        }
    }
  }
  return { channels: outputs, height, width, data: out };
};

const withPadding = (input: Values, padding: number): Values => {
  if (!padding) return input;
  const [height, width] = [input.height + 2 * padding, input.width + 2 * padding];
  const data = new Float32Array(input.channels * height * width);
  for (let c = 0; c < input.channels; c++)
    for (let y = 0; y < input.height; y++) {
      const from = (c * input.height + y) * input.width;
      data.set(input.data.subarray(from, from + input.width), (c * height + y + padding) * width + padding);
    }
  return { channels: input.channels, height, width, data };
};

const dense = (layer: Layer, { data }: Values): Values => {
  const { weight, bias } = numbers(layer);
  const [outputs, inputs] = layer.shape;
  const out = Float32Array.from(bias);
  for (let o = 0; o < outputs; o++) for (let i = 0; i < inputs; i++) out[o] += weight[o * inputs + i] * data[i];
  return { channels: outputs, height: 1, width: 1, data: out };
};

const pool = (size: number, input: Values): Values => {
  const [height, width] = [Math.floor(input.height / size), Math.floor(input.width / size)];
  const out = new Float32Array(input.channels * height * width).fill(-Infinity);
  for (let c = 0; c < input.channels; c++)
    for (let y = 0; y < height * size; y++)
      for (let x = 0; x < width * size; x++) {
        const to = (c * height + Math.floor(y / size)) * width + Math.floor(x / size);
        out[to] = Math.max(out[to], input.data[(c * input.height + y) * input.width + x]);
      }
  return { channels: input.channels, height, width, data: out };
};

// Abramowitz and Stegun (1964), 7.1.26, is good to 1.5e-7.
const erf = (x: number): number => {
  const t = 1 / (1 + 0.3275911 * Math.abs(x));
  const poly = ((((1.061405429 * t - 1.453152027) * t + 1.421413741) * t - 0.284496736) * t + 0.254829592) * t;
  const value = 1 - poly * Math.exp(-x * x);
  return x < 0 ? -value : value;
};
