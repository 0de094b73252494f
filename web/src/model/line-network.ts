// The forward pass of a line network: strips of any width.

import { ModelFileError, type ModelFile } from "./file.js";
import { lay, type Network, type Values } from "./forward.js";
import { createArena } from "./simd.js";

// In pixels: a strip's height, and what its width is filled up to a multiple of.
export const STRIP_HEIGHT = 32;
const STRIP_STEP = 16;
// Pixels that a column of the network's output covers.
export const COLUMN = 2;
// Wider strips are read in parts, which overlap by what the network sees of a column's neighbors (20 pixels) and more: a
// network laid out for this width takes 20 MB.
const PART = 512;
const OVERLAP = 64;
// Widths whose networks are kept: as many as passes over a line.
const KEPT = 3;

// Uint8[32 * width], row by row, 0 paper to 255 ink -> log probabilities Float32[columns * classes], column by column,
// of columns of two pixels. Throws a ModelFileError for a model that can't be run.
export const prepareLines = (model: ModelFile, classes: number): ((strip: Uint8Array, width: number) => Float32Array) => {
  const laid = new Map<number, Network>();
  // How many numbers a network for a width takes: so many more for each step.
  const [least, more] = [sizeOf(model, STRIP_STEP), sizeOf(model, 2 * STRIP_STEP) - sizeOf(model, STRIP_STEP)];
  const laidFor = (width: number): Network =>
    lay(model, STRIP_HEIGHT, width, createArena(least + more * (width / STRIP_STEP - 1)));

  const networkOf = (width: number): Network => {
    const network = laid.get(width) ?? laidFor(width);
    laid.delete(width);
    laid.set(width, network);
    if (laid.size > KEPT) laid.delete(laid.keys().next().value!);
    const { channels, height, width: columns } = network.values;
    if (channels !== classes || height !== 1 || columns * COLUMN !== width)
      throw new ModelFileError(`the model gives ${channels}x${height}x${columns} values, and reads no lines`);
    return network;
  };
  networkOf(STRIP_STEP);

  return (strip, width) => {
    const padded = Math.max(1, Math.ceil(width / STRIP_STEP)) * STRIP_STEP;
    const out = new Float32Array(Math.ceil(width / COLUMN) * classes);
    for (let start = 0; start === 0 || start + 2 * OVERLAP < padded; start += PART - 2 * OVERLAP) {
      const { values, run } = networkOf(Math.min(PART, padded - start));
      const part = values.width * COLUMN;
      const image = new Uint8Array(STRIP_HEIGHT * part);
      for (let y = 0; y < STRIP_HEIGHT; y++)
        image.set(strip.subarray(y * width + Math.min(start, width), y * width + Math.min(start + part, width)), y * part);
      run(image);
      // The next part overwrites the columns at the end, which lack neighbors.
      const skip = start === 0 ? 0 : OVERLAP / COLUMN;
      logSoftmax(values, skip, out.subarray((start / COLUMN + skip) * classes));
    }
    return out;
  };
};

const sizeOf = (model: ModelFile, width: number): number => {
  let size = 0;
  lay(model, STRIP_HEIGHT, width, (count) => {
    size += count;
    return NOTHING;
  });
  return size;
};

const NOTHING = new Float64Array(0);

// Columns of logits, which lie class by class, from one on, as log probabilities column by column: as many as there are and
// fit.
const logSoftmax = ({ channels, width, data }: Values, first: number, out: Float32Array): void => {
  for (let x = first, to = 0; x < width && to < out.length; x++) {
    let [most, sum] = [-Infinity, 0];
    for (let k = 0; k < channels; k++) most = Math.max(most, data[k * width + x]);
    for (let k = 0; k < channels; k++) sum += Math.exp(data[k * width + x] - most);
    for (let k = 0; k < channels; k++) out[to++] = data[k * width + x] - most - Math.log(sum);
  }
};
