// What the tests read from the disk.

import { readFileSync } from "node:fs";
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
