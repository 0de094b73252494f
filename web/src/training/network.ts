// Networks that can be trained: a multilayer perceptron, and convolutions with shared weights, as `tenfold model` shows them.

import { activation, dense, dropout, takeRows, type ActivationName, type Layer, type Parameter, type Rows } from "./layers.js";
import { addGradient, convolution, learnedPool, maxPool, normRelu, stem } from "./maps.js";
import { Memory } from "./memory.js";
import { createGenerator, type Generator } from "./random.js";

export const PIXELS = 784;
export const CLASSES = 10;

// The fields of a recipe's section [model], by the names that they have there.
export type ModelSettings =
  | { readonly architecture: "mlp"; readonly hidden: readonly number[]; readonly activation: ActivationName; readonly dropout: number }
  // sharing: a letter for each layer that has those weights, and - for max pooling.
  | { readonly architecture: "recurrent"; readonly width: number; readonly sharing: string };

export interface Network {
  readonly memory: Memory;
  readonly batch: number;
  // Images of a batch, 0 paper to 1 ink, and what is made of them.
  readonly images: Rows;
  readonly logits: Rows;
  readonly parameters: readonly Parameter[];
  // How many numbers are learned.
  readonly size: number;
  readonly initialize: (random: Generator) => void;
  // A copy of the first layer's weights: of each unit 784, or of each channel 9.
  readonly firstWeights: () => Float32Array[];
  readonly forward: (count: number, training: boolean) => void;
  readonly backward: (count: number) => void;
}

interface Part {
  readonly layers: readonly Layer[];
  readonly logits: Rows;
  readonly size: number;
  readonly firstWeights: () => Float32Array[];
}

// batch: images at a time, at most. seed: of dropout.
export const createNetwork = (settings: ModelSettings, batch: number, seed: number): Network => {
  const memory = new Memory();
  const images = takeRows(memory, batch, PIXELS);
  const { layers, logits, size, firstWeights } =
    settings.architecture === "mlp" ? perceptron(memory, images, batch, settings, seed) : recurrent(memory, images, batch, settings);
  memory.open();
  const reversed = layers.toReversed();
  return {
    memory, batch, images, logits, size, firstWeights,
    parameters: layers.flatMap((layer) => layer.parameters),
    initialize: (random) => layers.forEach((layer) => layer.initialize?.(random)),
    forward: (count, training) => layers.forEach((layer) => layer.forward(count, training)),
    backward: (count) => reversed.forEach((layer) => layer.backward(count)),
  };
};

const perceptron = (memory: Memory, images: Rows, batch: number, settings: ModelSettings & { architecture: "mlp" }, seed: number): Part => {
  const layers: Layer[] = [];
  const random = createGenerator(seed);
  let [rows, size] = [images, 0];
  const add = ({ layer, output }: { layer: Layer; output: Rows }) => {
    layers.push(layer);
    rows = output;
  };
  const addDense = (outputs: number) => {
    size += (rows.width + 1) * outputs;
    add(dense(memory, batch, rows, outputs, rows === images));
  };
  for (const outputs of settings.hidden) {
    addDense(outputs);
    add(activation(memory, batch, rows, settings.activation));
    if (settings.dropout) add(dropout(memory, batch, rows, settings.dropout, () => random.next() / 2 ** 32));
  }
  addDense(CLASSES);
  const units = settings.hidden[0] ?? CLASSES;
  const firstWeights = () => {
    const [weight] = layers[0].parameters;
    const stride = weight.count / PIXELS;
    const values = memory.floats(weight.at, weight.count);
    return Array.from({ length: units }, (_, unit) => Float32Array.from({ length: PIXELS }, (_, i) => values[i * stride + unit]));
  };
  return { layers, logits: rows, size, firstWeights };
};

const recurrent = (memory: Memory, images: Rows, batch: number, { width, sharing }: ModelSettings & { architecture: "recurrent" }): Part => {
  const first = stem(memory, batch, images, width);
  const norm = normRelu(memory, batch, first.output, null);
  const layers: Layer[] = [first.layer, norm.layer];
  const shared = new Map([...new Set(sharing.replaceAll("-", ""))].sort().map((letter) => [letter, convolution(memory, width)]));
  // Nothing is computed by it: it sets the shared weights, and has their parameters.
  layers.push({
    parameters: [...shared.values()].flatMap(({ parameters }) => parameters),
    initialize: (random) => shared.forEach(({ initialize }) => initialize(random)),
    forward: () => {},
    backward: () => {},
  });
  let maps = norm.output;
  for (const letter of sharing) {
    if (letter === "-") {
      const { layer, output } = maxPool(memory, batch, maps);
      layers.push(layer);
      maps = output;
      continue;
    }
    const input = maps;
    const { output, forward, backward } = shared.get(letter)!.apply(batch, input);
    const block = normRelu(memory, batch, output, input);
    layers.push({
      parameters: block.layer.parameters,
      initialize: block.layer.initialize!,
      forward: (count, training) => {
        forward(count);
        block.layer.forward(count, training);
      },
      backward: (count) => {
        block.layer.backward(count);
        backward(count);
        addGradient(memory, count, block.output, input);
      },
    });
    maps = block.output;
  }
  const pooled = learnedPool(memory, batch, maps);
  const last = dense(memory, batch, pooled.output, CLASSES, false);
  // The backward pass comes here first.
  const begin: Layer = { parameters: [], forward: () => {}, backward: () => shared.forEach(({ beginBackward }) => beginBackward()) };
  layers.push(pooled.layer, last.layer, begin);
  const norms = layers.length - 6 - (sharing.match(/-/g)?.length ?? 0);
  const size = 9 * width + 9 * width ** 2 * shared.size + 2 * width * (norms + 1) + maps.side ** 2 + (width + 1) * CLASSES;
  const firstWeights = () => Array.from({ length: width }, (_, c) => memory.floats(first.layer.parameters[0].at + 36 * c, 9).slice());
  return { layers, logits: last.output, size, firstWeights };
};
