// Training as `tenfold train` does it: the same initial weights, order of images and arithmetic, within float32's rounding.

import { augment, type AugmentSettings } from "./augment.js";
import { CLASSES, PIXELS, createNetwork, type ModelSettings, type Network } from "./network.js";
import { createGenerator, seedOf } from "./random.js";

// The fields of a recipe's section [training], by the names that they have there. The optimizer is Adam, or AdamW where there
// is weight decay.
export interface TrainingSettings {
  readonly learning_rate: number;
  readonly batch_size: number;
  readonly epochs: number;
  readonly schedule: "constant" | "linear" | "cosine" | "one-cycle";
  readonly warmup: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly weight_decay: number;
  readonly seed: number;
}

export interface Settings {
  readonly model: ModelSettings;
  readonly training: TrainingSettings;
  readonly augment?: AugmentSettings;
}

// pixels: 784 of each image, 0 paper to 255 ink.
export interface Images {
  readonly pixels: Uint8Array;
  readonly labels: Uint8Array;
}

// What an epoch of `tenfold train` records: the training figures are means over its batches, measured while the weights
// changed.
export interface EpochRecord {
  readonly epoch: number;
  readonly trainLoss: number;
  readonly trainAccuracy: number;
  readonly validationLoss: number;
  readonly validationAccuracy: number;
  readonly learningRate: number;
  readonly seconds: number;
}

export interface Evaluation {
  readonly loss: number;
  readonly accuracy: number;
  // Ten for each image.
  readonly probabilities: Float32Array;
}

const EPSILON = 1e-8;
// Pixels as networks take them, 0 to 1.
const SCALED = Float32Array.from({ length: 256 }, (_, value) => value * Math.fround(1 / 255));
// Where warmup starts, as a fraction of the peak learning rate.
const WARMUP_START = 0.04;

export class Trainer {
  readonly network: Network;
  readonly images: Images;
  readonly stepsPerEpoch: number;
  step = 0;
  readonly #settings: TrainingSettings;
  readonly #augment: AugmentSettings | undefined;
  #order: Uint32Array = new Uint32Array();
  #losses: number[] = [];
  #correct = 0;
  #learningRate = 0;
  readonly #random: () => number;

  constructor(images: Images, { model, training, augment }: Settings) {
    this.images = images;
    this.#augment = augment;
    this.#settings = training;
    this.network = createNetwork(model, training.batch_size, training.seed);
    this.network.initialize(createGenerator(training.seed));
    this.stepsPerEpoch = Math.ceil(images.labels.length / training.batch_size);
    const generator = createGenerator(seedOf([training.seed, 0]));
    this.#random = () => generator.next() / 2 ** 32;
  }

  get epoch(): number {
    return Math.floor(this.step / this.stepsPerEpoch);
  }

  get finished(): boolean {
    return this.step >= this.#settings.epochs * this.stepsPerEpoch;
  }

  // Trains on the next batch; gives its mean loss in nats, from before the update. Throws an Error where that is
  // not finite.
  trainStep(): number {
    const { batch_size, seed } = this.#settings;
    const start = (this.step % this.stepsPerEpoch) * batch_size;
    if (!start) {
      this.#order = createGenerator(seedOf([seed, this.epoch + 1])).permutation(this.images.labels.length);
      this.#losses = [];
      this.#correct = 0;
    }
    const rows = this.#order.subarray(start, start + batch_size);
    this.#fill(this.images, rows, this.#augment);
    this.network.forward(rows.length, true);
    const loss = this.#loss(rows);
    if (!Number.isFinite(loss)) throw new Error(`The loss is ${loss} at epoch ${this.epoch + 1}, step ${start / batch_size + 1}: training diverged. Try a lower learning rate.`);
    this.network.backward(rows.length);
    this.#update();
    this.step++;
    this.#losses.push(loss * rows.length);
    return loss;
  }

  // The record of the epoch that has just ended.
  record(validation: Evaluation, seconds: number): EpochRecord {
    const count = this.images.labels.length;
    return {
      epoch: this.step / this.stepsPerEpoch,
      trainLoss: this.#losses.reduce((sum, loss) => sum + loss, 0) / count,
      trainAccuracy: this.#correct / count,
      validationLoss: validation.loss,
      validationAccuracy: validation.accuracy,
      learningRate: this.#learningRate,
      seconds,
    };
  }

  // Ten probabilities of one image.
  predict(pixels: Uint8Array): Float32Array {
    return this.evaluate({ pixels, labels: Uint8Array.of(0) }).probabilities;
  }

  evaluate(images: Images): Evaluation {
    const { batch } = this.network;
    const count = images.labels.length;
    const probabilities = new Float32Array(CLASSES * count);
    let [loss, correct] = [0, 0];
    for (let start = 0; start < count; start += batch) {
      const rows = Uint32Array.from({ length: Math.min(batch, count - start) }, (_, i) => start + i);
      this.#fill(images, rows);
      this.network.forward(rows.length, false);
      const logits = this.#logits(rows.length);
      for (let i = 0; i < rows.length; i++) {
        const row = softmax(logits, i * this.network.logits.stride);
        probabilities.set(row, CLASSES * rows[i]);
        const label = images.labels[rows[i]];
        loss -= Math.log(Math.max(row[label], 1e-38));
        if (likeliest(row) === label) correct++;
      }
    }
    return { loss: loss / count, accuracy: correct / count, probabilities };
  }

  #logits(count: number): Float32Array {
    const { memory, logits } = this.network;
    return memory.floats(logits.values, count * logits.stride);
  }

  #fill({ pixels }: Images, rows: Uint32Array, settings?: AugmentSettings): void {
    const { memory, images } = this.network;
    const to = memory.floats(images.values, rows.length * PIXELS);
    let at = 0;
    for (const row of rows) for (let from = row * PIXELS; from < (row + 1) * PIXELS; from++) to[at++] = SCALED[pixels[from]];
    if (settings) for (let i = 0; i < at; i += PIXELS) to.set(augment(to.slice(i, i + PIXELS), settings, this.#random), i);
  }

  // The mean cross-entropy; its gradient is left where the backward pass takes it.
  #loss(rows: Uint32Array): number {
    const { memory, logits } = this.network;
    const values = this.#logits(rows.length);
    const gradient = memory.floats(logits.gradient, values.length);
    let loss = 0;
    for (let i = 0; i < rows.length; i++) {
      const at = i * logits.stride;
      const row = softmax(values, at);
      const label = this.images.labels[rows[i]];
      loss -= Math.log(Math.max(row[label], 1e-38));
      if (likeliest(row) === label) this.#correct++;
      for (let c = 0; c < CLASSES; c++) gradient[at + c] = (row[c] - (c === label ? 1 : 0)) / rows.length;
    }
    return loss / rows.length;
  }

  #update(): void {
    const { learning_rate, schedule, warmup, weight_decay, beta1, beta2, epochs } = this.#settings;
    const rate = learning_rate * rateFactor(schedule, warmup, (this.step + 0.5) / (epochs * this.stepsPerEpoch));
    const t = this.step + 1;
    const { memory, parameters } = this.network;
    this.#learningRate = rate;
    for (const { count, at, gradient, first, second, decays } of parameters) {
      const keep = decays ? 1 - rate * weight_decay : 1;
      const [corrected, root] = [rate / (1 - beta1 ** t), Math.sqrt(1 - beta2 ** t)];
      memory.kernels.adam(count, at, gradient, first, second, beta1, beta2, corrected, root, EPSILON, keep);
    }
  }
}

// The learning rate as a fraction of its peak. progress: of all steps, 0 to 1.
const rateFactor = (schedule: TrainingSettings["schedule"], warmup: number, progress: number): number => {
  if (schedule === "constant") return 1;
  if (schedule === "linear") return 1 - progress;
  if (progress < warmup) return WARMUP_START + ((1 - WARMUP_START) * progress) / warmup;
  const decayed = (progress - warmup) / (1 - warmup);
  return schedule === "cosine" ? 0.5 + 0.5 * Math.cos(Math.PI * decayed) : 1 - decayed;
};

// Probabilities of ten logits, as of `torch.softmax`; the array is used again for the next.
const softmax = (logits: Float32Array, at: number): Float64Array => {
  let [most, sum] = [-Infinity, 0];
  for (let c = 0; c < CLASSES; c++) most = Math.max(most, logits[at + c]);
  for (let c = 0; c < CLASSES; c++) sum += shares[c] = Math.exp(logits[at + c] - most);
  for (let c = 0; c < CLASSES; c++) shares[c] /= sum;
  return shares;
};
const shares = new Float64Array(CLASSES);

// The index of the largest number.
export const likeliest = (row: ArrayLike<number>): number => {
  let best = 0;
  for (let c = 1; c < row.length; c++) if (row[c] > row[best]) best = c;
  return best;
};
