// What is done to many pixels together must give what looking at each pixel gives.

import { describe, expect, test } from "vitest";
import { label } from "../src/ink/label.js";
import { placesOf } from "../src/ink/masks.js";
import { mask, median, type Mask } from "../src/ink/plane.js";
import { grown, near, opposite, runLengths, shrunk } from "../src/ink/spread.js";

// The same numbers each time.
let state = 1;
const random = (): number => (state = (state * 1103515245 + 12345) % 2147483648) / 2147483648;

const masks = Array.from({ length: 400 }, (): Mask => {
  const [width, height, share] = [1 + Math.floor(random() * 23), 1 + Math.floor(random() * 17), random()];
  return mask(width, height, Uint8Array.from({ length: width * height }, () => (random() < share ? 1 : 0)));
});

const at = ({ width, height, data }: Mask, x: number, y: number): number =>
  x >= 0 && x < width && y >= 0 && y < height ? data[y * width + x] : 0;

const made = ({ width, height }: Mask, of: (x: number, y: number) => number): number[] =>
  Array.from({ length: width * height }, (_, i) => of(i % width, Math.floor(i / width)));

// The highest of the pixels at most so far away.
const highest = (source: Mask, across: number, down: number): number[] =>
  made(source, (x, y) => {
    let most = 0;
    for (let v = y - down; v <= y + down; v++) for (let u = x - across; u <= x + across; u++) most = Math.max(most, at(source, u, v));
    return most;
  });

const flooded = (source: Mask): number[] => {
  const { width, height, data } = source;
  const labels = new Array<number>(data.length).fill(0);
  let count = 0;
  const flood = (x: number, y: number) => {
    if (!at(source, x, y) || labels[y * width + x]) return;
    labels[y * width + x] = count;
    for (let v = y - 1; v <= y + 1; v++) for (let u = x - 1; u <= x + 1; u++) flood(u, v);
  };
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++)
      if (at(source, x, y) && !labels[y * width + x]) {
        count++;
        flood(x, y);
      }
  return labels;
};

const lengthAt = (source: Mask, x: number, y: number, dx: number, dy: number): number => {
  let length = 1;
  for (const sign of [1, -1]) for (let k = 1; at(source, x + sign * k * dx, y + sign * k * dy); k++) length++;
  return length;
};

test("blots are numbered row by row, with their boxes and sizes", () => {
  for (const source of masks) {
    const wanted = flooded(source);
    const { labels, count, boxes, sizes } = label(source);
    expect(Array.from(labels)).toEqual(wanted);
    for (let number = 1; number <= count; number++) {
      const places = wanted.flatMap((own, i) => (own === number ? [i] : []));
      const [xs, ys] = [places.map((i) => i % source.width), places.map((i) => Math.floor(i / source.width))];
      const box = [Math.min(...xs), Math.min(...ys), Math.max(...xs) + 1, Math.max(...ys) + 1];
      expect(Array.from(boxes.subarray(4 * number, 4 * number + 4))).toEqual(box);
      expect(sizes[number]).toBe(places.length);
    }
  }
});

test("masks spread and shrink", () => {
  masks.forEach((source, i) => {
    const reach = i % 4;
    expect(Array.from(near(source, reach).data)).toEqual(highest(source, reach, reach));
    expect(Array.from(grown(source, "row").data)).toEqual(highest(source, 1, 0));
    expect(Array.from(grown(source, "column").data)).toEqual(highest(source, 0, 1));
    expect(Array.from(shrunk(source, reach).data)).toEqual(highest(opposite(source), reach, reach).map((set) => 1 - set));
  });
});

test("runs are as long as they are", () => {
  for (const source of masks) {
    const places = placesOf(source);
    expect(Array.from(places)).toEqual([...source.data.keys()].filter((i) => source.data[i]));
    const lengths = (dx: number, dy: number) =>
      Array.from(places, (i) => lengthAt(source, i % source.width, Math.floor(i / source.width), dx, dy));
    expect(Array.from(runLengths(places, source, "row"))).toEqual(lengths(1, 0));
    expect(Array.from(runLengths(places, source, "column"))).toEqual(lengths(0, 1));
  }
});

describe("the median of many values", () => {
  test.each([4097, 4098, 20_000])("of %i is that of the sorted ones", (count) => {
    for (const scale of [1, 1e-30, 0]) {
      const values = Float32Array.from({ length: count }, () => Math.fround((random() - 0.3) * scale));
      const sorted = values.slice().sort();
      const [low, high] = [sorted[(count - 1) >> 1], sorted[count >> 1]];
      expect(median(values) + 0).toBe(Math.fround(Math.fround(low + high) / 2) + 0);
    }
  });
});
