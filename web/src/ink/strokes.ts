// Pen strokes -> 28x28: tenfold/ink/strokes.py, step for step.

import { distanceTo } from "./distance.js";
import { BOX, CELLS, SIDE, center, layInk } from "./fit.js";
import { mask, type Box, type Mask } from "./plane.js";

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

// Shares of the height: parts of writing this far apart are several digits, and so are parts so high that overlap by less than
// the third; while the last stroke is written, it counts if it is so far and as high as `HIGH`. What is wider than `WIDE` is
// several, too, if more than one stroke is so high; a single stroke is several if it is this many times as long as they are wide.
const APART = 0.08;
const TALL = 0.7;
const OVERLAP = 0.12;
const APART_WRITTEN = 0.3;
const HIGH = 0.3;
const WIDE = 1.35;
const WINDING = 3;

// Whether strokes are several digits side by side rather than one. lifted: whether the pen is up; before that, the bar of a 7
// is wider than it is high. Throws as `strokesBox` does.
export const areSeveral = (strokes: readonly Stroke[], lifted: boolean): boolean => {
  const lines = strokes.filter((stroke) => stroke.length > 0);
  const [left, top, right, bottom] = strokesBox(lines);
  const [wide, tall] = [right - left, bottom - top];
  if (!(tall > 0)) return false;
  const boxes = lines.map((line) => strokesBox([line]));
  if (!lifted) {
    const [before, last] = [boxes.slice(0, -1), boxes.at(-1)!];
    // What was written before may be the flat beginning of a digit that will be as high as it is wide.
    const likely = before.length ? Math.max(tall, widthOf(around(before)) / WIDE) : tall;
    const high = heightOf(last) >= HIGH * likely;
    return areApart(before, APART * tall) || (high && areApart(boxes, APART_WRITTEN * likely));
  }
  if (areApart(boxes, APART * tall) || areApart(boxes, -OVERLAP * tall, TALL * tall)) return true;
  const high = lines.filter((_, i) => heightOf(boxes[i]) >= HIGH * tall);
  return wide > WIDE * tall && (high.length > 1 || lengthOf(high[0] ?? lines[0]) > WINDING * wide);
};

// Whether some boxes and the others have a gap between them, and are both so high.
const areApart = (boxes: readonly Box[], gap: number, high = 0): boolean => {
  const sorted = [...boxes].sort((a, b) => a[0] - b[0]);
  return sorted.some((_, i) => {
    if (i === 0) return false;
    const [before, after] = [around(sorted.slice(0, i)), around(sorted.slice(i))];
    return after[0] - before[2] > gap && Math.min(heightOf(before), heightOf(after)) >= high;
  });
};

const widthOf = (box: Box): number => box[2] - box[0];

const heightOf = (box: Box): number => box[3] - box[1];

const around = (boxes: readonly Box[]): Box =>
  boxes.reduce((a, b) => [Math.min(a[0], b[0]), Math.min(a[1], b[1]), Math.max(a[2], b[2]), Math.max(a[3], b[3])]);

const lengthOf = (stroke: Stroke): number =>
  stroke.reduce((sum, [x, y], i) => (i ? sum + Math.hypot(x - stroke[i - 1][0], y - stroke[i - 1][1]) : 0), 0);

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
  markLines(cells, lines, ([x, y]) => [((x - left) * factor + marginX) * CELLS, ((y - top) * factor + marginY) * CELLS]);
  return cells;
};

// Sets each cell that a stroke passes. place: of a point, in cells.
export const markLines = (cells: Mask, lines: readonly Stroke[], place: (point: Point) => Point): void => {
  for (const line of lines)
    for (let i = 0; i < Math.max(1, line.length - 1); i++)
      mark(cells, ...place(line[i]), ...place(line[Math.min(i + 1, line.length - 1)]));
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
