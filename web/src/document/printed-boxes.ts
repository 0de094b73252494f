// The sides of boxes that stand alone, around a digit: `find_boxes` of tenfold/document/frames.py, step for step.

import { label } from "../ink/label.js";
import { mask, roundHalfEven, type Mask } from "../ink/plane.js";

// As in tenfold/document/frames.py, which says what each is for.
const COVERED = 0.85;
const BAND = 0.14;

const LINE = 0.8;
const OUTSIDE = 0.04;
const BEYOND_INK = 0.35;

// A box's pixels, looked at from one of its sides: how far in, how far along, and how far there are pixels outside of it and
// beyond both ends.
interface Side {
  readonly deep: number;
  readonly long: number;
  readonly outside: number;
  readonly beyond: number;
  readonly at: (row: number, column: number) => number;
}

export interface Boxes {
  readonly level: Mask;
  readonly upright: Mask;
}

// The level and the upright sides of boxes that stand alone, around a digit.
export const findBoxes = (inked: Mask, height: number): Boxes => {
  const { width } = inked;
  const [level, upright] = [mask(width, inked.height), mask(width, inked.height)];
  const blots = label(inked);
  const least = Math.max(10, 0.5 * height);
  for (let number = 1; number <= blots.count; number++) {
    const [x0, y0, x1, y1] = blots.boxes.subarray(4 * number, 4 * number + 4);
    const [shorter, longer] = [Math.min(y1 - y0, x1 - x0), Math.max(y1 - y0, x1 - x0)];
    if (shorter < least || longer > 20 * shorter) continue;
    const own = (index: number): boolean => blots.labels[index] === number;
    const isOwn = (row: number, column: number): boolean => own((y0 + row) * width + x0 + column);
    const rows = betweenLines(y1 - y0, x1 - x0, isOwn);
    const columns = betweenLines(x1 - x0, y1 - y0, (column, row) => isOwn(row, column));
    const [top, bottom, left, right] = [y0 + rows[0], y0 + rows[1], x0 + columns[0], x0 + columns[1]];
    const [tall, wide] = [bottom - top, right - left];
    if (Math.min(tall, wide) < least) continue;
    const [high, far] = [Math.min(top - y0, y1 - bottom), Math.min(left - x0, x1 - right)];
    const across: Side[] = [
      { deep: tall, long: wide, beyond: far, outside: top - y0, at: (row, column) => (top + row) * width + left + column },
      { deep: tall, long: wide, beyond: far, outside: y1 - bottom, at: (row, column) => (bottom - 1 - row) * width + left + column },
    ];
    const down: Side[] = [
      { deep: wide, long: tall, beyond: high, outside: left - x0, at: (row, column) => (top + column) * width + left + row },
      { deep: wide, long: tall, beyond: high, outside: x1 - right, at: (row, column) => (top + column) * width + right - 1 - row },
    ];
    if (![...across, ...down].every((side) => isSide(side, own))) continue;
    for (const side of across) markSide(side, own, level);
    for (const side of down) markSide(side, own, upright);
  }
  return { level, upright };
};

// The rows from the first to after the last that are a line: a digit may reach beyond its box.
const betweenLines = (count: number, along: number, own: (row: number, column: number) => boolean): [number, number] => {
  const longest = new Int32Array(count);
  for (let row = 0; row < count; row++) {
    let run = 0;
    for (let column = 0; column < along; column++) {
      const grown = own(row, column) || (row > 0 && own(row - 1, column)) || (row + 1 < count && own(row + 1, column));
      run = grown ? run + 1 : 0;
      longest[row] = Math.max(longest[row], run);
    }
  }
  const least = LINE * Math.max(...longest);
  const first = longest.findIndex((length) => length >= least);
  return [first, longest.findLastIndex((length) => length >= least) + 1];
};

const bandOf = ({ deep }: Side): number => Math.max(2, roundHalfEven(BAND * deep));

// Whether there is ink near the first rows in nearly all columns, and beyond them in few; and not at both ends, as of a
// ruled line.
const isSide = (side: Side, own: (index: number) => boolean): boolean => {
  const band = bandOf(side);
  const [above, beside] = [side.deep, side.long].map((size) => Math.max(1, roundHalfEven(OUTSIDE * size)));
  const isInked = (column: number): boolean => {
    for (let row = 0; row < Math.min(side.deep, band); row++) if (own(side.at(row, column))) return true;
    return false;
  };
  let [covered, beyond] = [0, 0];
  for (let column = 0; column < side.long; column++) {
    if (isInked(column)) covered++;
    if (above <= side.outside && own(side.at(-above, column))) beyond++;
  }
  const through = beside <= side.beyond && isInked(-beside) && isInked(side.long - 1 + beside);
  return covered / side.long >= COVERED && beyond / side.long <= BEYOND_INK && !through;
};

// Marks the first run of ink of each column, as far as the line is thick.
const markSide = (side: Side, own: (index: number) => boolean, found: Mask): void => {
  const band = bandOf(side);
  const starts: [column: number, first: number][] = [];
  const thicknesses: number[] = [];
  for (let column = 0; column < side.long; column++) {
    let first = 0;
    while (first < side.deep && !own(side.at(first, column))) first++;
    if (first >= Math.min(band, side.deep)) continue;
    let end = first;
    while (end < side.deep && own(side.at(end, column))) end++;
    starts.push([column, first]);
    thicknesses.push(end - first);
  }
  // Where a digit lies on the line, the run is longer.
  thicknesses.sort((a, b) => a - b);
  const usual = thicknesses[Math.floor((thicknesses.length - 1) / 4)] + 1;
  for (const [column, first] of starts)
    for (let row = first; row < Math.min(side.deep, first + usual); row++)
      if (own(side.at(row, column))) found.data[side.at(row, column)] = 1;
};
