// The images that a channel of the first layer answers to most.

import { lay } from "../model/forward.js";
import type { ModelFile } from "../model/file.js";
import { PIXELS } from "../training/network.js";
import { deskew } from "./deskew.js";
import { mapOf } from "./maps.js";
import { highest, inSlices } from "./work.js";

// pixels: of all images. Gives the indices of `count` images for each channel, that with the highest mean first; null once
// the signal is aborted.
export const findStrongest = async (
  model: ModelFile, pixels: Uint8Array, count: number, progress: (share: number) => void, ended: AbortSignal,
): Promise<number[][] | null> => {
  const first = { ...model, layers: model.layers.slice(0, 1 + model.layers.findIndex(({ kind }) => kind === "relu")) };
  const { values, run } = lay(first, 28, 28);
  const images = pixels.length / PIXELS;
  const sums = Array.from({ length: values.channels }, () => new Float32Array(images));
  const measure = (index: number) => {
    if (index % 100 === 0) progress(index / images);
    run(deskew(pixels.subarray(PIXELS * index, PIXELS * (index + 1))));
    sums.forEach((sum, channel) => (sum[index] = mapOf(values, channel).reduce((total, value) => total + value, 0)));
  };
  if (!(await inSlices(images, measure, ended))) return null;
  return sums.map((sum) => highest(sum, count));
};
