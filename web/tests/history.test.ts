// Undo must bring back exactly what was there.

import { expect, test } from "vitest";
import type { Stroke } from "../src/ink/strokes.js";
import { BLANK, cleared, undone, withStroke, type History } from "../src/app/history.js";

const stroke = (x: number): Stroke => [[x, 0], [x, 1]];

test("undo goes back a stroke, and a clearing", () => {
  const two = withStroke(withStroke(BLANK, stroke(1)), stroke(2));
  expect(undone(two).now).toEqual([stroke(1)]);
  expect(cleared(two).now).toEqual([]);
  expect(undone(cleared(two)).now).toEqual([stroke(1), stroke(2)]);
});

test("there is nothing before nothing", () => {
  expect(undone(BLANK)).toBe(BLANK);
  expect(cleared(BLANK)).toBe(BLANK);
});

test("a long session does not grow for ever", () => {
  let history: History = BLANK;
  for (let i = 0; i < 2000; i++) history = withStroke(cleared(history), stroke(i));
  let depth = 0;
  for (let at: History | null = history; at; at = at.before) depth++;
  expect(depth).toBeLessThanOrEqual(401);
  expect(history.now).toEqual([stroke(1999)]);
  expect(undone(undone(history)).now).toEqual([stroke(1998)]);
});
