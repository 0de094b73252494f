// The sides of boxes that stand alone, around a digit: `find_boxes` of tenfold/document/frames.py, step for step.

import { label } from "../ink/label.js";
import { mask, middleOf, roundHalfEven, type Mask } from "../ink/plane.js";

// As in tenfold/document/frames.py, which says what each is for.
const COVERED = 0.85;
const BAND = 0.14;

// A box's pixels, looked at from one of its sides: how far in, and how far along.
interface Side {
  readonly deep: number;
  readonly long: number;
  readonly at: (row: number, column: number) => number;
}

// The sides of boxes that stand alone, around a digit.
export const findBoxes = (inked: Mask, height: number): Mask => {
  const { width } = inked;
  const found = mask(width, inked.height);
  const blots = label(inked);
  for (let number = 1; number <= blots.count; number++) {
    const [left, top, right, bottom] = blots.boxes.subarray(4 * number, 4 * number + 4);
    const [tall, wide] = [bottom - top, right - left];
    const [shorter, longer] = [Math.min(tall, wide), Math.max(tall, wide)];
    if (shorter < Math.max(10, 0.5 * height) || longer > 20 * shorter) continue;
    const sides: Side[] = [
      { deep: tall, long: wide, at: (row, column) => (top + row) * width + left + column },
      { deep: tall, long: wide, at: (row, column) => (bottom - 1 - row) * width + left + column },
      { deep: wide, long: tall, at: (row, column) => (top + column) * width + left + row },
      { deep: wide, long: tall, at: (row, column) => (top + column) * width + right - 1 - row },
    ];
    const own = (index: number): boolean => blots.labels[index] === number;
    if (sides.every((side) => isCovered(side, own))) for (const side of sides) markSide(side, own, found);
  }
  return found;
};

const bandOf = ({ deep }: Side): number => Math.max(2, roundHalfEven(BAND * deep));

// Whether there is ink in nearly all columns near the first rows.
const isCovered = (side: Side, own: (index: number) => boolean): boolean => {
  const band = Math.min(side.deep, bandOf(side));
  let covered = 0;
  for (let column = 0; column < side.long; column++)
    for (let row = 0; row < band; row++)
      if (own(side.at(row, column))) {
        covered++;
        break;
      }
  return covered / side.long >= COVERED;
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
  const usual = middleOf(thicknesses) + 1;
  for (const [column, first] of starts)
    for (let row = first; row < Math.min(side.deep, first + usual); row++)
      if (own(side.at(row, column))) found.data[side.at(row, column)] = 1;
};
