// Pen strokes of a line of digits -> its ink: `draw_stroke_line` of tenfold/ink/strokes.py, step for step.

import { distanceTo } from "./distance.js";
import { CELLS, layInk } from "./fit.js";
import { mask, type Plane } from "./plane.js";
import { markLines, strokesBox, type Point, type Stroke } from "./strokes.js";

// A line of writing is at most this many times as long as it is high.
const LONGEST = 60;

export interface StrokeLine {
  readonly ink: Plane;
  // Pixels per unit of the strokes.
  readonly scale: number;
  // The strokes' place of the picture's left top.
  readonly origin: Point;
}

// Null without strokes. height: of the picture. width: of the pen, in pixels. Throws as `strokesBox` does.
export const drawStrokeLine = (strokes: readonly Stroke[], height: number, width: number): StrokeLine | null => {
  const lines = strokes.filter((stroke) => stroke.length > 0);
  if (!lines.length) return null;
  const [left, top, right, bottom] = strokesBox(lines);
  const [across, down] = [right - left, bottom - top];
  // A dash, or a dot, is no line to fill the height with.
  const tall = Math.max(down, across / LONGEST);
  const scale = tall > 0 ? (height - width) / tall : 1;
  const [marginX, marginY] = [width / 2, (height - down * scale) / 2];
  const cells = mask(Math.ceil(across * scale + width) * CELLS, height * CELLS);
  markLines(cells, lines, ([x, y]) => [((x - left) * scale + marginX) * CELLS, ((y - top) * scale + marginY) * CELLS]);
  const ink = layInk(distanceTo(cells), (width * CELLS) / 2);
  return { ink, scale, origin: [left - marginX / scale, top - marginY / scale] };
};
