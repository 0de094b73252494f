// MNIST as web/pack_images.py packed it, fetched when it is first needed.

import { CLASSES, PIXELS } from "../training/network.js";
import type { Images } from "../training/trainer.js";

// Of the first file, so many images train and the others validate; those of other files train as well.
export const FIRST_TRAIN = 10_000;

// Pixels by their level in a file, 0 to 31.
const INK = Uint8Array.from({ length: 32 }, (_, level) => Math.round((255 / 31) * level));

// What is made of a file, which is fetched when it is first needed. A failure is forgotten, so that it can be tried again.
export const fetchOnce = <Made>(url: string, read: (response: Response) => Promise<Made>): (() => Promise<Made>) => {
  let made: Promise<Made> | null = null;
  const load = async () => {
    const response = await fetch(url).catch(() => null);
    if (!response?.ok) throw new Error("What is shown here could not be loaded: check the network and try again.");
    return read(response);
  };
  return () =>
    (made ??= load().catch((error: unknown) => {
      made = null;
      throw error;
    }));
};

// The same for a file of this view; they are zlib's.
export const unpackOnce = <Made>(path: string, read: (content: Uint8Array<ArrayBuffer>) => Made): (() => Promise<Made>) =>
  fetchOnce(`learn/${path}`, async (response) => {
    const unpacked = response.body!.pipeThrough(new DecompressionStream("deflate"));
    return read(new Uint8Array(await new Response(unpacked).arrayBuffer()));
  });

const FILES = ["train-0", "train-1", "train-2", "train-3", "train-4", "test"] as const;
const fetches = new Map(FILES.map((name) => [name, unpackOnce(`mnist/${name}.bin`, (content) => readImages(content, name))]));

// `train-0` to `train-4` have 12,000 images each, `test` has 10,000.
export const fetchImages = (name: (typeof FILES)[number]): Promise<Images> => fetches.get(name)!();

const readImages = (content: Uint8Array, name: string): Images => {
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
