// The forward pass: what tenfold/exporters/inference_graph.py does, of one image. All arrays are allocated beforehand.

import { ACTIVATIONS } from "./activations.js";
import { convolution, type Pair, type Weights } from "./convolution.js";
import { ModelFileError, type Layer, type ModelFile } from "./file.js";

export interface Values {
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  readonly data: Float64Array;
}

// What a layer gives, and how to have it given anew.
export interface Step {
  readonly values: Values;
  readonly run: () => void;
}

// Allocates an array, within the limit on a model's memory.
export type Allocate = (count: number) => Float64Array;

const SIDE = 28;
const CLASSES = 10;
// Numbers that all layers of a model may allocate: 128 MB.
const MOST = 1 << 24;

// Uint8[784], 0 paper to 255 ink -> the probability of each class. Throws a ModelFileError for a model that can't be run: of
// an unknown kind of layer, whose layers do not fit each other, too large, or with another number of classes.
export const prepare = (model: ModelFile, classes = CLASSES): ((image: Uint8Array) => Float32Array) => {
  const { values, run } = lay(model, SIDE, SIDE);
  const logits = values.data;
  if (logits.length !== classes) throw new ModelFileError(`the model has ${logits.length} classes, not ${classes}`);
  return (image) => {
    run(image);
    return softmax(logits);
  };
};

// A network laid out for images of one size: what each layer gives, and the last; and how to have it given for an image.
export interface Network {
  readonly layers: readonly Values[];
  readonly values: Values;
  readonly run: (image: Uint8Array) => void;
}

// array: allocates arrays, which have memory of their own otherwise.
export const lay = (model: ModelFile, height: number, width: number, array: Allocate = newArray): Network => {
  let left = MOST;
  const allocate: Allocate = (count) => {
    left -= count;
    if (!(left >= 0)) throw new ModelFileError("the model is too large for this page");
    return array(count);
  };
  const input: Values = { channels: 1, height, width, data: allocate(height * width) };
  const runs: (() => void)[] = [];
  const slots: Values[] = [];
  const layers: Values[] = [];
  let values = input;
  for (const layer of model.layers) {
    if (layer.kind === "keep") slots[whole(layer, "slot", 0)] = values;
    else if (layer.kind === "recall") values = kept(slots, layer);
    else {
      const step = stepOf(layer, values, slots, allocate);
      runs.push(step.run);
      values = step.values;
    }
    layers.push(values);
  }
  const run = (image: Uint8Array) => {
    for (let i = 0; i < input.data.length; i++) input.data[i] = image[i];
    for (const run of runs) run();
  };
  return { layers, values, run };
};

const newArray: Allocate = (count) => new Float64Array(count);

export const softmax = (logits: ArrayLike<number>): Float32Array => {
  const powers = new Float32Array(logits.length);
  let [most, sum] = [-Infinity, 0];
  for (let i = 0; i < powers.length; i++) most = Math.max(most, logits[i]);
  for (let i = 0; i < powers.length; i++) sum += Math.exp(logits[i] - most);
  for (let i = 0; i < powers.length; i++) powers[i] = Math.exp(logits[i] - most) / sum;
  return powers;
};

const stepOf = (layer: Layer, input: Values, slots: readonly Values[], allocate: Allocate): Step => {
  const { channels, height, width, data } = input;
  const area = height * width;
  // Of the same size.
  const alike = (): Values => ({ ...input, data: allocate(channels * area) });
  switch (layer.kind) {
    case "pixels":
      return pixels(layer, input, allocate);
    case "deskew":
      return deskew(input, allocate);
    case "strips":
      return strips(layer, input, allocate);
    case "convolution": {
      const [padding, stride, groups] = [pair(layer, "padding", 0), pair(layer, "stride", 1), whole(layer, "groups", 1)];
      return convolution(weights(layer, 4), input, { padding, stride, groups }, allocate);
    }
    case "dense":
      return dense(weights(layer, 2), input, allocate);
    case "pool":
      return pool(pair(layer, "size", 1), input, allocate);
    case "scale": {
      const [values, { weight, bias }] = [alike(), weights(layer, 1)];
      if (weight.length !== channels) throw unfit(layer);
      const run = () => {
        for (let c = 0, i = 0; c < channels; c++)
          for (const end = i + area; i < end; i++) values.data[i] = data[i] * weight[c] + bias[c];
      };
      return { values, run };
    }
    case "flatten": {
      const flat = allocate(data.length);
      const run = () => {
        for (let c = 0; c < channels; c++) for (let i = 0; i < area; i++) flat[i * channels + c] = data[c * area + i];
      };
      return { values: row(flat), run };
    }
    case "mean_and_maximum": {
      const out = allocate(2 * channels);
      const run = () => {
        for (let c = 0, i = 0; c < channels; c++) {
          let [sum, most] = [0, -Infinity];
          for (const end = i + area; i < end; i++) {
            sum += data[i];
            if (data[i] > most) most = data[i];
          }
          out[c] = sum / area;
          out[channels + c] = most;
        }
      };
      return { values: row(out), run };
    }
    case "add": {
      const [values, other] = [alike(), kept(slots, layer)];
      if (other.channels !== channels || other.height !== height || other.width !== width) throw unfit(layer);
      const run = () => {
        for (let i = 0; i < data.length; i++) values.data[i] = data[i] + other.data[i];
      };
      return { values, run };
    }
  }
  if (!Object.hasOwn(ACTIVATIONS, layer.kind)) throw new ModelFileError(`this page can't run a layer of kind ${layer.kind}`);
  const [values, activation] = [alike(), ACTIVATIONS[layer.kind]];
  const run = () => {
    for (let i = 0; i < data.length; i++) values.data[i] = activation(data[i]);
  };
  return { values, run };
};

const row = (data: Float64Array): Values => ({ channels: data.length, height: 1, width: 1, data });

const unfit = ({ kind }: Layer): ModelFileError =>
  new ModelFileError(`the model is damaged: its layer of kind ${kind} does not fit`);

const kept = (slots: readonly Values[], layer: Layer): Values => {
  const values = slots[whole(layer, "slot", 0)];
  if (!values) throw unfit(layer);
  return values;
};

const MOST_OPTION = 4096;

// Two whole numbers from `least` to 4096, for rows and columns; the file may hold one for both.
const pair = (layer: Layer, name: string, least: number): Pair => {
  const value = layer.options[name];
  const [rows, columns, ...more] = typeof value === "number" ? [value, value] : (value ?? []);
  const fits = (n: number) => Number.isInteger(n) && n >= least && n <= MOST_OPTION;
  if (!fits(rows) || !fits(columns) || more.length > 0) throw unfit(layer);
  return [rows, columns];
};

const whole = (layer: Layer, name: string, least: number): number => {
  if (typeof layer.options[name] !== "number") throw unfit(layer);
  return pair(layer, name, least)[0];
};

// How pixels are standardized.
const standard = (layer: Layer): { mean: number; spread: number } => {
  const { mean, spread } = layer.options;
  if (!(typeof mean === "number" && typeof spread === "number" && spread > 0 && Number.isFinite(mean))) throw unfit(layer);
  return { mean, spread };
};

const weights = (layer: Layer, rank: number): Weights => {
  const { weight, bias, shape } = layer;
  if (!weight || !bias || shape.length !== rank || bias.length !== shape[0]) throw unfit(layer);
  return { weight, bias, shape };
};

// The middle of the picture, a border round it, and squares of `patch` pixels as channels.
const pixels = (layer: Layer, { channels, data }: Values, allocate: Allocate): Step => {
  const [crop, patch, border] = [whole(layer, "crop", 1), whole(layer, "patch", 1), whole(layer, "border", 0)];
  const { mean, spread } = standard(layer);
  const margin = (SIDE - crop) / 2;
  const side = (crop + 2 * border) / patch;
  const first = channels === 1 && data.length === SIDE * SIDE;
  const even = Number.isInteger(margin) && margin >= 0 && Number.isInteger(side);
  if (!(first && even)) throw unfit(layer);
  const out = allocate(patch * patch * side * side);
  const run = () => {
    for (let y = 0; y < side * patch; y++)
      for (let x = 0; x < side * patch; x++) {
        const [v, u] = [y - border, x - border];
        const inside = v >= 0 && u >= 0 && v < crop && u < crop;
        const value = inside ? data[(v + margin) * SIDE + u + margin] / 255 : 0;
        const channel = (y % patch) * patch + (x % patch);
        out[(channel * side + Math.floor(y / patch)) * side + Math.floor(x / patch)] = (value - mean) / spread;
      }
  };
  return { values: { channels: patch * patch, height: side, width: side, data: out }, run };
};

// Least variance of rows, in pixels, that a slant is divided by.
const LEAST = 1e-6 * (SIDE / 2) ** 2;

// Centers a digit on its center of mass and removes its slant, as `deskewed` does it.
const deskew = (input: Values, allocate: Allocate): Step => {
  const { height, width, data } = input;
  const out = allocate(data.length);
  const [middle, center] = [(height - 1) / 2, (width - 1) / 2];
  const at = (row: number, column: number): number =>
    row >= 0 && column >= 0 && row < height && column < width ? data[row * width + column] : 0;
  const run = () => {
    let [mass, x, y, xy, yy] = [0, 0, 0, 0, 0];
    for (let row = 0; row < height; row++)
      for (let column = 0; column < width; column++) {
        const [ink, u, v] = [data[row * width + column], column - center, row - middle];
        mass += ink;
        x += ink * u;
        y += ink * v;
        xy += ink * u * v;
        yy += ink * v * v;
      }
    mass ||= 1; // Of a blank image.
    [x, y] = [x / mass, y / mass];
    const slant = (xy / mass - x * y) / Math.max(yy / mass - y * y, LEAST);
    for (let row = 0; row < height; row++)
      for (let column = 0; column < width; column++) {
        const [v, u] = [row + y, column + x + slant * (row - middle)];
        const [top, left] = [Math.floor(v), Math.floor(u)];
        const upper = at(top, left) + (at(top, left + 1) - at(top, left)) * (u - left);
        const lower = at(top + 1, left) + (at(top + 1, left + 1) - at(top + 1, left)) * (u - left);
        out[row * width + column] = upper + (lower - upper) * (v - top);
      }
  };
  return { values: { ...input, data: out }, run };
};

// The whole strip, and squares of `patch` pixels as channels.
const strips = (layer: Layer, input: Values, allocate: Allocate): Step => {
  const patch = whole(layer, "patch", 1);
  const { mean, spread } = standard(layer);
  const [height, width] = [input.height / patch, input.width / patch];
  if (!(input.channels === 1 && Number.isInteger(height) && Number.isInteger(width))) throw unfit(layer);
  const out = allocate(input.height * input.width);
  const run = () => {
    for (let channel = 0, to = 0; channel < patch * patch; channel++)
      for (let y = 0; y < height; y++) {
        const from = (y * patch + Math.floor(channel / patch)) * input.width + (channel % patch);
        for (let x = 0; x < width; x++) out[to++] = (input.data[from + x * patch] / 255 - mean) / spread;
      }
  };
  return { values: { channels: patch * patch, height, width, data: out }, run };
};

const dense = ({ weight, bias, shape }: Weights, { data }: Values, allocate: Allocate): Step => {
  const [outputs, inputs] = shape;
  if (inputs !== data.length)
    throw new ModelFileError(`a dense layer of ${inputs} inputs can't follow ${data.length} values`);
  const out = allocate(outputs);
  const run = () => {
    for (let o = 0, at = 0; o < outputs; o++) {
      let sum = bias[o];
      for (let i = 0; i < inputs; i++) sum += weight[at++] * data[i];
      out[o] = sum;
    }
  };
  return { values: row(out), run };
};

const pool = ([tall, wide]: Pair, input: Values, allocate: Allocate): Step => {
  const [height, width] = [Math.floor(input.height / tall), Math.floor(input.width / wide)];
  const out = allocate(input.channels * height * width);
  const { data } = input;
  const run = () => {
    for (let c = 0, to = 0; c < input.channels; c++)
      for (let y = 0; y < height; y++)
        for (let x = 0; x < width; x++) {
          let most = -Infinity;
          for (let v = y * tall; v < (y + 1) * tall; v++)
            for (let u = x * wide; u < (x + 1) * wide; u++) {
              const value = data[(c * input.height + v) * input.width + u];
              if (value > most) most = value;
            }
          out[to++] = most;
        }
  };
  return { values: { channels: input.channels, height, width, data: out }, run };
};
