// Anything may be dropped on the page: what is no model is refused immediately, with a reason.

import { describe, expect, test } from "vitest";
import { ModelFileError, readModelFile } from "../src/model/file.js";
import { prepare } from "../src/model/forward.js";
import { contentOf } from "./files.js";

type Header = { format: unknown; settings: unknown; layers: Record<string, unknown>[] };

const whole = contentOf("src/tenfold/reading/shipped/reader.10fd");
const small = contentOf("tests/golden/separable.10fd");

const fileOf = (header: string, weights = new Uint8Array(0), magic = "10FD"): ArrayBuffer => {
  const text = new TextEncoder().encode(header);
  const file = new Uint8Array(8 + text.length + weights.length);
  file.set(new TextEncoder().encode(magic));
  new DataView(file.buffer).setUint32(4, text.length, true);
  file.set(text, 8);
  file.set(weights, 8 + text.length);
  return file.buffer;
};

// A sound model with something changed in its header.
const changed = (change: (header: Header) => void, content = small): ArrayBuffer => {
  const start = 8 + new DataView(content).getUint32(4, true);
  const header = JSON.parse(new TextDecoder().decode(content.slice(8, start)));
  change(header);
  return fileOf(JSON.stringify(header), new Uint8Array(content.slice(start)));
};

const refused = (content: ArrayBuffer, why: RegExp): void => {
  const open = () => prepare(readModelFile(content));
  expect(open).toThrow(ModelFileError);
  expect(open).toThrow(why);
};

const convolutionOf = ({ layers }: Header): Record<string, unknown> => layers.find(({ kind }) => kind === "convolution")!;
const weightOf = (header: Header): Record<string, unknown> => convolutionOf(header)["weight"] as Record<string, unknown>;

test("a sound file is opened, whatever its settings are", () => {
  expect(prepare(readModelFile(whole))(new Uint8Array(784))).toHaveLength(10);
  const content = changed((header) => (header.settings = null));
  expect(readModelFile(content).settings).toEqual({});
  expect(prepare(readModelFile(content))(new Uint8Array(784))).toHaveLength(10);
});

test("a file cut short anywhere is refused", () => {
  for (let length = 0; length < small.byteLength; length += length < 2000 ? 37 : 499)
    expect(() => readModelFile(small.slice(0, length)), `${length} bytes`).toThrow(ModelFileError);
  expect(() => readModelFile(small.slice(0, -4))).toThrow(/cut short/);
});

test.each([
  ["nothing", new ArrayBuffer(0), /not a Tenfold model/],
  ["another kind of file", fileOf("{}", new Uint8Array(100), "PK\u0003\u0004"), /not a Tenfold model/],
  ["a header longer than the file", new Uint8Array([49, 48, 70, 68, 255, 255, 255, 255]).buffer, /cut short/],
  ["a header that is not JSON", fileOf("{format: 1}"), /not JSON/],
  ["a header that is no text", fileOf("").slice(0, 4) as ArrayBuffer, /not a Tenfold model/],
  ["a header that is a list", fileOf("[]"), /no object/],
  ["a header that is null", fileOf("null"), /no object/],
  ["no layers", fileOf('{"format": 1}'), /no layers/],
  ["an empty list of layers", fileOf('{"format": 1, "layers": []}'), /784 classes/],
  ["a million layers", fileOf(JSON.stringify({ format: 1, layers: new Array(1_000_000).fill(0) })), /too many/],
  ["a layer that is a number", fileOf('{"format": 1, "layers": [3]}'), /no kind/],
  ["a later version", changed((header) => (header.format = 2)), /format 2; this page reads 1/],
])("%s is refused", (_, content, why) => refused(content, why));

describe("a layer", () => {
  test.each(["attention", "constructor", "__proto__", "toString"])("of kind %s is unknown", (kind) => {
    refused(
      changed(({ layers }) => layers.splice(1, 0, { kind })),
      /can't run a layer of kind/,
    );
  });

  test.each([
    ["stride", 0],
    ["stride", -1],
    ["stride", 1.5],
    ["stride", "1"],
    ["stride", null],
    ["padding", -1],
    ["padding", 1e9],
    ["padding", 4000],
    ["padding", [1, -1]],
    ["padding", [2]],
    ["padding", [2, 2, 2]],
    ["stride", [1, 0]],
    ["stride", [1, "1"]],
    ["stride", [[1], 1]],
    ["groups", [1, 1]],
    ["groups", 3],
    ["groups", 0],
  ])("with %s %s is refused", (option, value) => {
    refused(
      changed((header) => (convolutionOf(header)[option] = value)),
      /./,
    );
  });

  test.each([
    { kind: "pool", size: 0 },
    { kind: "pool", size: -2 },
    { kind: "pool", size: 64 },
    { kind: "pool", size: [1, 0] },
    { kind: "pool" },
    { kind: "recall", slot: 7 },
    { kind: "add", slot: 7 },
    { kind: "keep", slot: -1 },
    { kind: "dense" },
    { kind: "scale" },
    { kind: "convolution", padding: 0, stride: 1, groups: 1 },
    { kind: "pixels", crop: 28, patch: 0, border: 0, mean: 0, spread: 1 },
    { kind: "pixels", crop: 30, patch: 1, border: 0, mean: 0, spread: 1 },
    { kind: "pixels", crop: 28, patch: 1, border: 4096, mean: 0, spread: 1 },
    { kind: "pixels", crop: 28, patch: 1, border: 0, mean: 0, spread: 0 },
    { kind: "pixels", crop: 28, patch: 1, border: 0, mean: 0, spread: [1, 1] },
    { kind: "strips", patch: 3, mean: 0, spread: 1 },
    { kind: "strips", patch: [2, 2], mean: 0, spread: 1 },
    { kind: "strips", patch: 2, mean: 0 },
  ])("$kind that does not fit is refused", (layer) => {
    refused(
      changed(({ layers }) => layers.splice(0, 1, layer as Record<string, unknown>)),
      /./,
    );
  });
});

describe("weights", () => {
  test.each([
    ["offset", -4],
    ["offset", 1e300],
    ["offset", 2 ** 53],
    ["offset", "0"],
    ["offset", null],
    ["offset", 0.5],
    ["shape", [8, -1, 5, 5]],
    ["shape", [8, 0, 5, 5]],
    ["shape", [8, null, 5, 5]],
    ["shape", [2 ** 30, 2 ** 30, 2 ** 30, 2 ** 30]],
    ["shape", [1e308, 1e308]],
    ["shape", [1, 1, 1, 1, 1]],
    ["shape", [8, 1, 5]],
    ["shape", [4, 2, 5, 5]],
    ["shape", 200],
    ["type", "int1"],
    ["type", "int9"],
    ["type", "float8"],
    ["type", "__proto__"],
    ["type", null],
  ])("with %s %j are refused", (name, value) => {
    refused(
      changed((header) => (weightOf(header)[name] = value)),
      /./,
    );
  });

  test("that are not a place but a number are refused", () => {
    refused(
      changed((header) => (convolutionOf(header)["weight"] = 5)),
      /where an array lies/,
    );
  });

  test("whose scales are too many are refused", () => {
    refused(
      changed((header) => ((convolutionOf(header)["scale"] as Record<string, unknown>)["shape"] = [7])),
      /scales/,
    );
  });

  test("that are NaN give probabilities that are NaN, and end", () => {
    const content = whole.slice(0);
    new Uint8Array(content, 8 + new DataView(content).getUint32(4, true)).fill(255);
    expect(prepare(readModelFile(content))(new Uint8Array(784).fill(9))).toHaveLength(10);
  });
});

test("a model that needs too much memory is refused before it is allocated", () => {
  const grow = { kind: "pixels", crop: 28, patch: 1, border: 2000, mean: 0, spread: 1 };
  refused(fileOf(JSON.stringify({ format: 1, layers: [grow, ...new Array(900).fill({ kind: "relu" })] })), /too large/);
});
