// Pen strokes -> 28x28: tenfold/ink/strokes.py, step for step.

import { distanceTo } from "./distance.js";
import { BOX, CELLS, SIDE, centre, layInk } from "./fit.js";
import { mask } from "./plane.js";

export type Point = readonly [x: number, y: number];
export type Stroke = readonly Point[];

export const PEN_WIDTH = 2.4;

export const drawStrokes = (strokes: readonly Stroke[], width = PEN_WIDTH): Uint8Array => {
  const lines = strokes.filter((stroke) => stroke.length > 0);
  if (!lines.length) return new Uint8Array(SIDE * SIDE);
  const low = [Infinity, Infinity];
  const high = [-Infinity, -Infinity];
  for (const line of lines)
    for (const point of line)
      for (const axis of [0, 1] as const) {
        if (!(Math.abs(point[axis]) <= 1e30)) throw new RangeError(`a coordinate is ${point[axis]}`);
        low[axis] = Math.min(low[axis], point[axis]);
        high[axis] = Math.max(high[axis], point[axis]);
      }
  const extent = [high[0] - low[0], high[1] - low[1]];
  const longest = Math.max(...extent);
  const factor = longest > 0 ? (BOX - width) / longest : 0;
  const pixels = extent.map((length) => Math.min(Math.max(Math.floor(length * factor + width + 0.5), 1), BOX));
  const margin = pixels.map((count, axis) => (count - extent[axis] * factor) / 2);
  const cells = mask(pixels[0] * CELLS, pixels[1] * CELLS);
  const place = (point: Point, axis: 0 | 1) => ((point[axis] - low[axis]) * factor + margin[axis]) * CELLS;
  const set = (x: number, y: number) => {
    const column = Math.min(Math.max(Math.floor(x), 0), cells.width - 1);
    const row = Math.min(Math.max(Math.floor(y), 0), cells.height - 1);
    cells.data[row * cells.width + column] = 1;
  };
  for (const line of lines)
    for (let i = 0; i < Math.max(1, line.length - 1); i++) {
      const [from, to] = [line[i], line[Math.min(i + 1, line.length - 1)]];
      const [x0, y0, x1, y1] = [place(from, 0), place(from, 1), place(to, 0), place(to, 1)];
      const steps = Math.ceil(Math.max(Math.abs(x1 - x0), Math.abs(y1 - y0))) + 1;
      for (let step = 0; step < steps; step++) {
        const share = step / Math.max(1, steps - 1);
        set(x0 * (1 - share) + x1 * share, y0 * (1 - share) + y1 * share);
      }
    }
  return centre(layInk(distanceTo(cells), (width * CELLS) / 2));
};
