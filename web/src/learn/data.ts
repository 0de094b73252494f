// MNIST as web/pack_images.py packed it, fetched when it is first needed.

import { CLASSES, PIXELS } from "../training/network.js";
import type { Images } from "../training/trainer.js";

// Of the first file, so many images train and the others validate; those of other files train as well.
export const FIRST_TRAIN = 10_000;

// Pixels by their level in a file, 0 to 31.
const INK = Uint8Array.from({ length: 32 }, (_, level) => Math.round((255 / 31) * level));
const fetched = new Map<string, Promise<Images>>();

// `train-0` to `train-4` have 12,000 images each, `test` has 10,000. A failure is forgotten, so that it can be tried again.
export const fetchImages = (name: string): Promise<Images> => {
  const found = fetched.get(name) ?? load(name).catch((error: unknown) => {
    fetched.delete(name);
    throw error;
  });
  fetched.set(name, found);
  return found;
};

// The content of a file of this view; they are zlib's.
export const fetchUnpacked = async (path: string): Promise<Uint8Array<ArrayBuffer>> => {
  const response = await fetch(`learn/${path}`).catch(() => null);
  if (!response?.ok || !response.body) throw new Error("What is shown here could not be loaded: check the network and try again.");
  const unpacked = response.body.pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(unpacked).arrayBuffer());
};

const load = async (name: string): Promise<Images> => {
  const content = await fetchUnpacked(`mnist/${name}.bin`);
  const count = content.length / (PIXELS + 1);
  const [labels, pixels] = [content.subarray(0, count), content.subarray(count)];
  if (!Number.isInteger(count) || labels.some((label) => label >= CLASSES)) throw new Error(`${name}.bin does not hold images of digits`);
  for (let i = 0; i < pixels.length; i++) pixels[i] = INK[pixels[i]];
  return { pixels, labels };
};

export const slice = ({ pixels, labels }: Images, start: number, end: number): Images => ({
  pixels: pixels.subarray(PIXELS * start, PIXELS * end),
  labels: labels.subarray(start, end),
});
