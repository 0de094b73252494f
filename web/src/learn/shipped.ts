// The Reader that ships with the app, for panels that ask it themselves.

import url from "../../../src/tenfold/reading/shipped/reader.10fd?url";
import { percent } from "../app/elements.js";
import { readModelFile, unsureBelow } from "../model/file.js";
import { fetchOnce } from "./data.js";
import { lay, softmax } from "../model/forward.js";
import { createArena } from "../model/simd.js";

export interface ShippedReader {
  // Uint8[784], 0 paper to 255 ink -> ten probabilities.
  readonly probabilities: (pixels: Uint8Array) => Float32Array;
  // What the classifier takes, Float32[192], scaled to length 1.
  readonly features: (pixels: Uint8Array) => Float32Array;
  readonly unsureBelow: number;
}

const SIDE = 28;
// Numbers that the Reader's layers take, and some more. The arena makes a pass twice as fast.
const ARENA = 600_000;

export const createShippedReader = (content: ArrayBuffer): ShippedReader => {
  const model = readModelFile(content);
  const { layers, values, run } = lay(model, SIDE, SIDE, createArena(ARENA));
  const inputs = layers[model.layers.findIndex(({ kind }) => kind === "mean_and_maximum")].data;
  return {
    probabilities: (pixels) => {
      run(pixels);
      return softmax(values.data);
    },
    features: (pixels) => {
      run(pixels);
      const length = Math.hypot(...inputs);
      return Float32Array.from(inputs, (input) => input / length);
    },
    unsureBelow: unsureBelow(model),
  };
};

// The app has loaded the same URL, so it comes from the cache.
export const openShippedReader = fetchOnce(url, async (response) => createShippedReader(await response.arrayBuffer()));

// Such as "read as 4, 98 % sure".
export const spoken = (probabilities: Float32Array, unsureBelow: number): string => {
  const [first, second] = [...probabilities.keys()].sort((a, b) => probabilities[b] - probabilities[a]);
  if (probabilities[first] >= unsureBelow) return `read as ${first}, ${percent(probabilities[first])} sure`;
  return `not sure: ${first} (${percent(probabilities[first])}) or ${second} (${percent(probabilities[second])})?`;
};

export const sentence = (words: string): string => words[0].toUpperCase() + words.slice(1);
