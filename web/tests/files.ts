// What the tests read from the disk.

import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { inflateSync } from "node:zlib";
import { readModelFile, type ModelFile } from "../src/model/file.js";

export const contentOf = (path: string): ArrayBuffer => {
  const content = readFileSync(new URL(`../../${path}`, import.meta.url));
  return content.buffer.slice(content.byteOffset, content.byteOffset + content.byteLength) as ArrayBuffer;
};

export const opened = (path: string): ModelFile => readModelFile(contentOf(path));
export const shipped = (): ModelFile => opened("src/tenfold/reading/shipped/reader.10fd");
export const shippedLines = (): ModelFile => opened("src/tenfold/reading/shipped/lines.10fd");

export const golden = <T>(name: string): T => JSON.parse(new TextDecoder().decode(contentOf(`tests/golden/${name}`)));

export const fromBase64 = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, "base64"));
export const unpacked = (text: string): Uint8Array => Uint8Array.from(inflateSync(Buffer.from(text, "base64")));

// The largest difference between the two, which are equally long.
export const farthest = (found: ArrayLike<number>, wanted: ArrayLike<number>): number => {
  if (found.length !== wanted.length) return Infinity;
  return Array.from(wanted).reduce((most, value, i) => Math.max(most, Math.abs(value - found[i])), 0);
};

// MNIST's test images as the Learn view has them. They are packed first where the web app has not been built yet.
export const testImages = (): { labels: Uint8Array; pixels: Uint8Array } => {
  const folder = fileURLToPath(new URL("..", import.meta.url));
  const pack = "import pathlib, pack_images; pack_images.pack_images(pathlib.Path('public/learn/mnist'))";
  if (!existsSync(`${folder}/public/learn/mnist/test.bin`)) execFileSync("python", ["-c", pack], { cwd: folder });
  const content = inflateSync(new Uint8Array(contentOf("web/public/learn/mnist/test.bin")));
  return { labels: content.subarray(0, 10_000), pixels: Uint8Array.from(content.subarray(10_000), (level) => Math.round((255 / 31) * level)) };
};
