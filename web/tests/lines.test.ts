// Lines are read as Python reads them: tests/golden/lines.json binds both.

import { describe, expect, test } from "vitest";
import { ModelFileError, type ModelFile } from "../src/model/file.js";
import { lay } from "../src/model/forward.js";
import { prepareLines } from "../src/model/line-network.js";
import { logLikelihoods, places, spellings } from "../src/reading/decode.js";
import { createReader } from "../src/reader.js";
import { createLineReader, implausibility, type LineReading } from "../src/reading/lines.js";
import { CLASSES, SYMBOLS } from "../src/reading/symbols.js";
import { farthest, golden, opened, shipped, unpacked } from "./files.js";

interface Decoded {
  log_probabilities: string;
  spellings: [string, number][];
  likelihoods: number[];
  places: [number, number][];
}

interface ExpectedLine {
  text: string;
  boxes: number[][];
  probabilities: number[][];
  pixels: string;
  score: number;
  share: number;
  agreement: number;
}

type Line = Decoded & { name: string; width: number; strip: string; reading: ExpectedLine };

const document = golden<{ symbols: string; lines: Line[]; columns: Decoded[]; implausibility: [string, number][] }>("lines.json");
const { symbols, lines, columns } = document;
const model = opened("tests/golden/lines.10fd");
const columnsOf = prepareLines(model, CLASSES);
const reader = createLineReader(model);
const { classify } = createReader(shipped());

const floats = (text: string): Float32Array => new Float32Array(unpacked(text).buffer);

const expectReading = (found: LineReading, wanted: ExpectedLine): void => {
  expect(found.text).toBe(wanted.text);
  expect(found.cuts.map(({ box }) => box)).toEqual(wanted.boxes);
  const pixels = unpacked(wanted.pixels);
  found.pixels.forEach((own, i) => expect(farthest(own, pixels.subarray(i * 784, (i + 1) * 784))).toBeLessThanOrEqual(2));
  found.probabilities.forEach((row, i) => expect(farthest(row, wanted.probabilities[i])).toBeLessThan(0.01));
  expect(found.probabilities).toHaveLength(wanted.probabilities.length);
  expect(found.score).toBeCloseTo(wanted.score, 2);
  expect(found.share).toBeCloseTo(wanted.share, 2);
  expect(found.agreement).toBeCloseTo(wanted.agreement, 2);
};

test("the symbols are those of Python", () => {
  expect(SYMBOLS).toBe(symbols);
});

describe.each(lines)("a line: $name", ({ width, ...wanted }) => {
  const strip = unpacked(wanted.strip);

  test("gets the same log probabilities, whatever was read before it", () => {
    columnsOf(new Uint8Array(32 * width).fill(255), width);
    expect(farthest(columnsOf(strip, width), floats(wanted.log_probabilities))).toBeLessThan(1e-4);
  });

  test("is read the same", () => {
    expectReading(reader.read(strip, width, classify), wanted.reading);
  });
});

test.each([496, 513, 529, 895, 1700])("a strip %i pixels wide, read in parts, is read as a whole", (width) => {
  const strip = Uint8Array.from({ length: 32 * width }, (_, i) => (i * 7919) % 251);
  const padded = Math.ceil(width / 16) * 16;
  const image = new Uint8Array(32 * padded);
  for (let y = 0; y < 32; y++) image.set(strip.subarray(y * width, (y + 1) * width), y * padded);
  const { values, run } = lay(model, 32, padded);
  run(image);
  const found = columnsOf(strip, width);
  const wanted = Float32Array.from(found, (_, i) => values.data[(i % CLASSES) * values.width + Math.floor(i / CLASSES)]);
  // Logits, but for what is the same in all classes of a column.
  const differences = wanted.map((logit, i) => logit - found[i] - (wanted[i - (i % CLASSES)] - found[i - (i % CLASSES)]));
  expect(found).toHaveLength(Math.ceil(width / 2) * CLASSES);
  expect(farthest(differences, new Float32Array(differences.length))).toBeLessThan(1e-4);
});

test.each([...lines, ...columns])("columns are decoded the same", (wanted) => {
  const found = floats(wanted.log_probabilities);
  const texts = spellings(found);
  expect(texts.map(({ text }) => text)).toEqual(wanted.spellings.map(([text]) => text));
  expect(farthest(texts.map(({ logProbability }) => logProbability), wanted.spellings.map(([, log]) => log))).toBeLessThan(1e-5);
  expect(farthest(logLikelihoods(found, texts.map(({ text }) => text)), wanted.likelihoods)).toBeLessThan(1e-5);
  expect(places(found, texts[0].text)).toEqual(wanted.places);
});

test.each(document.implausibility)("marks speak against %j", (text, wanted) => {
  expect(implausibility(text)).toBe(0 + wanted);
});

describe("where there is nothing to read", () => {
  test("a strip without columns has no symbols", () => {
    const nothing = { text: "", cuts: [], probabilities: [], pixels: [] };
    expect(reader.read(new Uint8Array(0), 0, classify)).toMatchObject(nothing);
  });

  test("no columns spell no symbols alone", () => {
    const none = new Float32Array(0);
    expect(spellings(none)).toEqual([{ text: "", logProbability: 0 }]);
    expect(logLikelihoods(none, ["", "1"])).toEqual([0, -Infinity]);
    expect(places(none, "")).toEqual([]);
  });

  test("a text that columns can't spell is refused", () => {
    const short = floats(columns[0].log_probabilities).subarray(0, 2 * CLASSES);
    expect(logLikelihoods(short, ["11"])).toEqual([-Infinity]);
    expect(() => places(short, "11")).toThrow(RangeError);
  });
});

describe("a model that reads no lines is refused", () => {
  const changed = (change: (layers: ModelFile["layers"]) => ModelFile["layers"]): ModelFile => ({ ...model, layers: change(model.layers) });

  test.each([
    ["of single digits", shipped()],
    ["without layers", changed(() => [])],
    ["without its last layer", changed((layers) => layers.slice(0, -1))],
    ["whose columns are of one pixel", changed(([first, ...others]) => [{ ...first, options: { ...first.options, patch: 1 } }, ...others])],
    ["whose padding is three numbers", changed((layers) => layers.map((layer) => ({ ...layer, options: { ...layer.options, padding: [0, 1, 1] } })))],
  ])("%s", (_, file) => {
    expect(() => createLineReader(file)).toThrow(ModelFileError);
  });
});
