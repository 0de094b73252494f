// One digit must be read without loading what reads numbers.

import { expect, test } from "vitest";
import { areSeveral, type Stroke } from "../src/ink/strokes.js";
import { golden } from "./files.js";

const digits = golden<{ name: string; strokes?: Stroke[] }[]>("golden.json").filter(({ strokes, name }) => strokes && /^\d/.test(name));
const { strokes: numbers } = golden<{ strokes: { name: string; strokes: Stroke[] }[] }>("numbers.json");

// As they grow while they are written: after each point, and with the pen up after each stroke.
const growing = (strokes: readonly Stroke[]): [Stroke[], boolean][] =>
  strokes.flatMap((stroke, i) =>
    stroke.map((_, k): [Stroke[], boolean] => [[...strokes.slice(0, i), stroke.slice(0, k + 1)], k === stroke.length - 1]),
  );

test.each(digits)("$name is one digit, while it is written too", ({ strokes }) => {
  for (const [some, lifted] of growing(strokes!)) expect(areSeveral(some, lifted)).toBe(false);
});

test.each(numbers.filter(({ name }) => name.length > 1))("$name is several", ({ strokes }) => {
  expect(areSeveral(strokes, true)).toBe(true);
});

test("digits that overlap, and a stroke that writes two, are several once the pen is up", () => {
  const zero = (left: number): Stroke => Array.from({ length: 33 }, (_, i) => [left + 40 * Math.cos(i / 5), 60 * Math.sin(i / 5)] as const);
  for (const some of [[zero(0), zero(78)], [[...zero(0), ...zero(90)]]]) {
    expect(areSeveral(some, true)).toBe(true);
    expect(areSeveral(some, false)).toBe(false);
  }
});

test("a dot, a bar and nothing are not", () => {
  for (const some of [[], [[]], [[[3, 4]]], [[[0, 0], [90, 2]]], [[[0, 0], [0, 0]]]] as Stroke[][]) expect(areSeveral(some, true)).toBe(false);
});
