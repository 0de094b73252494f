// Pen strokes -> 28x28: tenfold/ink/strokes.py, step for step.

import { distanceTo } from "./distance.js";
import { BOX, CELLS, SIDE, center, layInk } from "./fit.js";
import type { Box } from "./line.js";
import { mask, type Mask } from "./plane.js";

// x to the right and y down, in any unit.
export type Point = readonly [x: number, y: number];
export type Stroke = readonly Point[];

export const PEN_WIDTH = 2.4;
// The distance between two coordinates of 1e308 is no number.
const FARTHEST = 1e30;

// The box that holds all points. Throws a RangeError where a coordinate is NaN, infinite or beyond 1e30.
export const strokesBox = (strokes: readonly Stroke[]): Box => {
  let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
  for (const stroke of strokes)
    for (const point of stroke) {
      const x = point[0];
      const y = point[1];
      if (!(Math.abs(x) <= FARTHEST && Math.abs(y) <= FARTHEST)) throw new RangeError(`a point lies at ${x}, ${y}`);
      if (x < left) left = x;
      if (x > right) right = x;
      if (y < top) top = y;
      if (y > bottom) bottom = y;
    }
  return [left, top, right, bottom];
};

// A stroke of one point is a dot, one of none is left out. Throws as `strokesBox` does.
export const drawStrokes = (strokes: readonly Stroke[], width = PEN_WIDTH): Uint8Array => {
  const lines = strokes.filter((stroke) => stroke.length > 0);
  if (!lines.length) return new Uint8Array(SIDE * SIDE);
  return center(layInk(distanceTo(centerLine(lines, width)), (width * CELLS) / 2));
};

// Cells of the 20x20 box that a pen's middle passes, where a pen of that width fills the box.
const centerLine = (lines: readonly Stroke[], width: number): Mask => {
  const [left, top, right, bottom] = strokesBox(lines);
  const longest = Math.max(right - left, bottom - top);
  const factor = longest > 0 ? (BOX - width) / longest : 0;
  const pixels = (length: number) => Math.min(Math.max(Math.floor(length * factor + width + 0.5), 1), BOX);
  const [wide, high] = [pixels(right - left), pixels(bottom - top)];
  const [marginX, marginY] = [(wide - (right - left) * factor) / 2, (high - (bottom - top) * factor) / 2];
  const cells = mask(wide * CELLS, high * CELLS);
  for (const line of lines)
    for (let i = 0; i < Math.max(1, line.length - 1); i++) {
      const [from, to] = [line[i], line[Math.min(i + 1, line.length - 1)]];
      const x0 = ((from[0] - left) * factor + marginX) * CELLS;
      const y0 = ((from[1] - top) * factor + marginY) * CELLS;
      const x1 = ((to[0] - left) * factor + marginX) * CELLS;
      const y1 = ((to[1] - top) * factor + marginY) * CELLS;
      mark(cells, x0, y0, x1, y1);
    }
  return cells;
};

// Sets each cell that the line passes, at steps of a cell at most.
const mark = ({ width, height, data }: Mask, x0: number, y0: number, x1: number, y1: number): void => {
  const steps = Math.ceil(Math.max(Math.abs(x1 - x0), Math.abs(y1 - y0)));
  for (let step = 0; step <= steps; step++) {
    const share = step / Math.max(1, steps);
    const x = Math.min(Math.max(Math.floor(x0 * (1 - share) + x1 * share), 0), width - 1);
    const y = Math.min(Math.max(Math.floor(y0 * (1 - share) + y1 * share), 0), height - 1);
    data[y * width + x] = 1;
  }
};
