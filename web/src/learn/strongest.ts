// The images that a channel of the first layer answers to most.

import { lay } from "../model/forward.js";
import type { ModelFile } from "../model/file.js";
import { deskew } from "./deskew.js";
import { mapOf } from "./maps.js";
import { PIXELS } from "../training/network.js";

// Between two slices the page can answer.
const SLICE_MS = 8;

// pixels: of all images. Gives the indexes of `count` images for each channel, that with the highest mean first; null if `stopped`.
export const findStrongest = async (
  model: ModelFile,
  pixels: Uint8Array,
  count: number,
  progress: (share: number) => void,
  stopped: () => boolean,
): Promise<number[][] | null> => {
  const first = { ...model, layers: model.layers.slice(0, 1 + model.layers.findIndex(({ kind }) => kind === "relu")) };
  const { values, run } = lay(first, 28, 28);
  const best: { mean: number; index: number }[][] = Array.from({ length: values.channels }, () => []);
  let end = 0;
  for (let index = 0; index < pixels.length / PIXELS; index++) {
    if (performance.now() > end) {
      progress((index * PIXELS) / pixels.length);
      await new Promise((resolve) => setTimeout(resolve));
      if (stopped()) return null;
      end = performance.now() + SLICE_MS;
    }
    run(deskew(pixels.subarray(PIXELS * index, PIXELS * (index + 1))));
    best.forEach((list, channel) => {
      const mean = mapOf(values, channel).reduce((sum, value) => sum + value, 0) / (values.height * values.width);
      if (list.length === count && mean <= list[count - 1].mean) return;
      list.splice(list.findLastIndex((other) => other.mean >= mean) + 1, 0, { mean, index });
      list.length = Math.min(count, list.length);
    });
  }
  return best.map((list) => list.map(({ index }) => index));
};
