// The map of the Learn view, and what the panel of changes does to a digit.

import { inflateSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { drawStrokes } from "../src/ink/strokes.js";
import { createFinder, findErrors, readDigitMap } from "../src/learn/digit-map.js";
import { createShippedReader, spoken } from "../src/learn/shipped.js";
import { NO_EFFECTS, PAIRS, blendStrokes, changed, findTips } from "../src/learn/transformations.js";
import { contentOf, farthest, shipped, testImages } from "./files.js";
import { prepare } from "../src/model/forward.js";
import { likeliest } from "../src/training/trainer.js";

const content = new Uint8Array(inflateSync(new Uint8Array(contentOf("web/public/learn/map.bin"))));
const map = readDigitMap(content);
const { labels, pixels } = testImages();
const reader = createShippedReader(contentOf("src/tenfold/reading/shipped/reader.10fd"));
const imageOf = (index: number) => pixels.subarray(784 * index, 784 * (index + 1));
const sum = (values: ArrayLike<number>) => Array.from(values).reduce((a, b) => a + b, 0);

test("the panels' reader is the app's", () => {
  const wanted = prepare(shipped());
  for (const index of [0, 1, 2]) expect(farthest(reader.probabilities(imageOf(index)), wanted(imageOf(index)))).toBeLessThan(1e-6);
  expect(sum(reader.features(imageOf(0)).map((value) => value ** 2))).toBeCloseTo(1, 5);
  expect(reader.unsureBelow).toBe(shipped().settings["unsure_below"]);
});

test("an unsure answer names both digits", () => {
  const row = (first: number) => Float32Array.from([0, 0, 0, 0, first, 0, 0, 0, 0, 1 - first]);
  expect(spoken(row(0.9), 0.7)).toBe("read as 4, 90 % sure");
  expect(spoken(row(0.6), 0.7)).toBe("not sure: 4 (60 %) or 9 (40 %)?");
});

describe("the map", () => {
  test("has 10,000 points, and no other file is taken for one", () => {
    for (const values of [map.x, map.y, map.answers, map.confidences]) expect(values).toHaveLength(10_000);
    for (const values of [map.x, map.y]) expect(values.every((value) => value >= 0 && value <= 1)).toBe(true);
    // As large as it may be.
    expect(Math.max(...map.x) - Math.min(...map.x), "one side fills the map").toBeGreaterThan(0.9);
    expect(() => readDigitMap(content.subarray(1))).toThrow(/map of 10,000 images/);
  });

  test("is right as often as the Reader's page says, and the errors are those of the Reader in the browser", () => {
    const { sets }: { sets: { name: string; right: number }[] } = JSON.parse(new TextDecoder().decode(contentOf("src/tenfold/reading/shipped/reader.json")));
    const errors = findErrors(map, labels);
    expect(1 - errors.length / 10_000).toBeCloseTo(sets.find(({ name }) => name === "MNIST test")!.right, 4);
    // The browser's images have 32 levels of gray, which may turn an answer or two.
    const other = errors.filter((index) => likeliest(reader.probabilities(imageOf(index))) !== map.answers[index]);
    expect(other.length).toBeLessThanOrEqual(2);
    for (let i = 1; i < errors.length; i++) expect(labels[errors[i]]).toBeGreaterThanOrEqual(labels[errors[i - 1]]);
  });

  test("a test image is placed near its own point, among images of its label", async () => {
    const find = createFinder(map, pixels, reader.features);
    const { signal } = new AbortController();
    const away: number[] = [];
    let alike = 0;
    for (let index = 0; index < 10_000; index += 500) {
      expect((await find(imageOf(index), signal))!.neighbors[0], "itself").toBe(index);
      const { x, y, neighbors } = (await find(imageOf(index), signal, index))!;
      expect(neighbors).toHaveLength(8);
      expect(neighbors).not.toContain(index);
      alike += neighbors.filter((other) => labels[other] === labels[index]).length;
      away.push(Math.hypot(x - map.x[index], y - map.y[index]));
    }
    expect(away.sort((a, b) => a - b)[10], "the median").toBeLessThan(0.03);
    expect(alike).toBeGreaterThan(0.9 * 8 * 20);
  });

  test("a search that is not wanted any more ends without an answer", async () => {
    const ended = new AbortController();
    const found = createFinder(map, pixels, reader.features)(imageOf(0), ended.signal);
    ended.abort();
    expect(await found).toBeNull();
  });
});

describe("a digit that becomes another", () => {
  test.each(PAIRS.map((pair) => [`${pair.from} to ${pair.to}`, pair] as const))("%s: the Reader is sure of both, and tips once", (_, pair) => {
    const rows = Array.from({ length: 21 }, (_, i) => reader.probabilities(drawStrokes(blendStrokes(pair, i / 20))));
    expect(rows[0][pair.from]).toBeGreaterThan(0.99);
    expect(rows[20][pair.to]).toBeGreaterThan(0.99);
    expect(findTips(rows.map(likeliest)).map(({ digit }) => digit)).toEqual([pair.to]);
  });

  test("the place where the answer tips lies between the two answers", () => {
    expect(findTips([4, 4, 9, 9, 9])).toEqual([{ share: 0.375, digit: 9 }]);
    expect(findTips([1, 1])).toEqual([]);
  });
});

describe("a change", () => {
  const seven = imageOf(0);
  const rowsOf = (image: Uint8Array) => Array.from({ length: 28 }, (_, y) => image.slice(28 * y, 28 * y + 28));

  test("of nothing leaves the image as it is", () => expect(changed(seven, NO_EFFECTS)).toEqual(seven));

  test("by whole pixels moves columns to the right", () => {
    const moved = changed(seven, { ...NO_EFFECTS, shift: 3 });
    for (const [y, row] of rowsOf(moved).entries()) expect(row.slice(3)).toEqual(rowsOf(seven)[y].slice(0, -3));
  });

  test("rotates clockwise", () => {
    const turned = changed(seven, { ...NO_EFFECTS, rotation: 90 });
    const wanted = seven.map((_, i) => seven[(27 - (i % 28)) * 28 + Math.floor(i / 28)]);
    expect(farthest(turned, wanted)).toBeLessThanOrEqual(1);
  });

  test("makes strokes thicker and thinner, little by little", () => {
    const inks = [-1, -0.5, 0, 0.5, 1, 2].map((thickness) => sum(changed(seven, { ...NO_EFFECTS, thickness })));
    for (let i = 1; i < inks.length; i++) expect(inks[i]).toBeGreaterThan(1.1 * inks[i - 1]);
    expect(farthest(changed(seven, { ...NO_EFFECTS, thickness: 0.01 }), seven)).toBeLessThanOrEqual(3);
  });

  test("adds the same noise each time", () => {
    const noisy = changed(new Uint8Array(784).fill(128), { ...NO_EFFECTS, noise: 0.2 });
    expect(changed(new Uint8Array(784).fill(128), { ...NO_EFFECTS, noise: 0.2 })).toEqual(noisy);
    const mean = sum(noisy) / 784;
    expect(Math.abs(mean - 128)).toBeLessThan(6);
    expect(Math.sqrt(sum(Array.from(noisy, (value) => (value - mean) ** 2)) / 784) / 255).toBeCloseTo(0.2, 1);
  });
});
