// Printed frames and ruled lines: boxes, combs, tables, underlines, squared paper; found as structure and removed.
// tenfold/document/frames.py, step for step.

import { label, type Blots } from "../ink/label.js";
import { above, add, isEmpty, placesOf, runsOf, without } from "../ink/masks.js";
import { inkLevel } from "../ink/page.js";
import { mask, middleOf, roundHalfEven, type Box, type Mask, type Plane } from "../ink/plane.js";
import { FAINT, INKED, ruledLines } from "../ink/ruled.js";
import { grown, near, runLengths } from "../ink/spread.js";
import { findBoxes } from "./printed-boxes.js";
import { withoutPrinted } from "./printed.js";

// As in tenfold/document/frames.py, which says what each is for.
const RULED = 0.6;
const LONG = 1.7;
const LONGER = 3.2;
const THIN = 0.2;
const CROOKED = 0.1;
const SIDES = [0.5, 0.16] as const;
const MEETS = 0.12;
const THICKER = 1.5;
const PIECES = 1000;
const TALL = 1.4;
const NARROW = 0.55;
const OFF = 0.1;
const REGULAR = 1.3;
const MOST = 0.2;
const TEXTURE = 18_000;
const SPECK = 0.01;
const TALLEST = 2.6;
const BEYOND = 1.4;
const { fround } = Math;

// Clears printed frames and ruled lines that are level or upright, or nearly.
export const removeFrames = (ink: Plane): Plane => {
  const inked = above(ink, FAINT);
  let level = ruledLines(inked, RULED, "level");
  let upright = ruledLines(inked, RULED, "upright");
  const { height } = findWritingSize(without(inked, level, upright));
  if (height === 0) return ink;
  // Where writing fills the picture, a 1 reaches as far as a ruled line would.
  if (RULED * ink.width < BEYOND * height) level = ruledLines(inked, (BEYOND * height) / ink.width, "level");
  if (RULED * ink.height < BEYOND * height) upright = ruledLines(inked, (BEYOND * height) / ink.height, "upright");
  // Ruled lines may be fainter than frames.
  const dark = above(ink, INKED);
  const boxes = findBoxes(dark, height);
  ({ level, upright } = findLongLines(without(dark, level, upright), level, upright, height));
  add(level, boxes.level);
  const sides = findSides(without(dark, level, upright), level, height);
  const found = upright;
  for (const lines of [level, boxes.upright, sides]) add(found, lines);
  if (isEmpty(found)) return ink;
  // And their blurred edges.
  const around = near(found, 1);
  for (const i of placesOf(without(inked, dark))) if (around.data[i]) found.data[i] = 1;
  const written = withoutPrinted(ink, inked, found);
  // Lines may be darker than what is written on them.
  const most = fround(Math.max(inkLevel(written.data), FAINT));
  for (let i = 0; i < written.data.length; i++) written.data[i] = Math.min(1, written.data[i] / most);
  return written;
};

export interface WritingSize {
  // That half of the writing's components reach, each weighted by its ink; 0 without ink.
  readonly height: number;
  // Components that are neither long and thin nor, if there are others, cut off by the edge.
  readonly written: () => Mask;
}

export const findWritingSize = (inked: Mask): WritingSize => {
  const blots = label(inked);
  const { count, boxes, sizes } = blots;
  if (count === 0 || count > TEXTURE) return { height: 0, written: () => mask(inked.width, inked.height) };
  const line = new Uint8Array(count + 1);
  const atEdge = new Uint8Array(count + 1);
  let whole = 0;
  for (let number = 1; number <= count; number++) {
    const [left, top, right, bottom] = boxes.subarray(4 * number, 4 * number + 4);
    const [wide, tall] = [right - left, bottom - top];
    // A component of lines is nearly empty.
    const empty = sizes[number] < 0.06 * tall * wide;
    if (empty || tall > 0.9 * inked.height || wide > 12 * tall || tall > 6 * wide + 20) line[number] = 1;
    if (top === 0 || bottom === inked.height || left === 0 || right === inked.width) atEdge[number] = 1;
    whole += sizes[number];
  }
  const numbers = Array.from({ length: count }, (_, i) => i + 1);
  const choices = [numbers.filter((number) => !line[number] && !atEdge[number]), numbers.filter((number) => !line[number])];
  const massOf = (some: readonly number[]): number => some.reduce((sum, number) => sum + sizes[number], 0);
  const some = choices.find((some) => massOf(some) > MOST * whole) ?? numbers;
  const largest = some.reduce((most, number) => Math.max(most, sizes[number]), 0);
  const use = some.filter((number) => sizes[number] >= SPECK * largest);
  const tallOf = (number: number): number => boxes[4 * number + 3] - boxes[4 * number + 1];
  const sorted = [...use].sort((a, b) => tallOf(a) - tallOf(b));
  const half = massOf(use) / 2;
  let [at, mass] = [0, sizes[sorted[0]]];
  while (mass < half) mass += sizes[sorted[++at]];
  const height = tallOf(sorted[at]);
  const own = new Uint8Array(count + 1);
  for (const number of use) if (tallOf(number) <= TALLEST * height) own[number] = 1;
  const written = (): Mask => {
    const found = mask(inked.width, inked.height);
    const { labels } = blots;
    for (const i of placesOf(inked)) found.data[i] = own[labels[i]];
    return found;
  };
  return { height, written };
};

interface Lines {
  readonly level: Mask;
  readonly upright: Mask;
}

// The pixels of long level lines, and of long upright ones. inked: without the ruled lines `level` and `upright`, which are
// among what is returned.
export const findLongLines = (inked: Mask, ruledLevel: Mask, ruledUpright: Mask, height: number): Lines => {
  const { width, height: rows } = inked;
  const [long, thin, longest] = [LONG * height, Math.max(3, THIN * height), LONGER * height];
  // A line that is not quite level continues in the next row.
  const places = placesOf(inked);
  const [along, down] = [runLengths(places, grown(inked, "column"), "row"), runLengths(places, grown(inked, "row"), "column")];
  const [high, wide] = [runLengths(places, inked, "column"), runLengths(places, inked, "row")];
  const [across, vertical, both] = [mask(width, rows), mask(width, rows), mask(width, rows)];
  places.forEach((i, k) => {
    if (along[k] >= long && high[k] <= thin) across.data[i] = 1;
    if (down[k] >= long && wide[k] <= thin) vertical.data[i] = 1;
    if (along[k] >= long && down[k] >= long) both.data[i] = 1;
  });
  keepOneThickness(across, places, high);
  keepOneThickness(vertical, places, wide);
  // Of writing of two sizes, strokes of the larger may be long: a line is longer still, or meets another.
  const [level, upright] = [without(ruledLevel), without(ruledUpright)];
  places.forEach((i, k) => {
    if (across.data[i] && along[k] >= longest) level.data[i] = 1;
    if (vertical.data[i] && down[k] >= longest) upright.data[i] = 1;
  });
  const meets = Math.max(2, roundHalfEven(MEETS * height));
  addMeeting(level, across, near(upright, meets));
  addMeeting(upright, vertical, near(level, meets));
  // Where lines cross, runs are long both ways.
  if (isEmpty(both) || isEmpty(level) || isEmpty(upright)) return { level, upright };
  const reach = roundHalfEven(thin);
  const [nearLevel, nearUpright] = [near(level, reach), near(upright, reach)];
  for (const i of placesOf(both)) if (nearLevel.data[i] && nearUpright.data[i]) level.data[i] = upright.data[i] = 1;
  return { level, upright };
};

// Adds those of some lines that go to one of the places.
const addMeeting = (into: Mask, lines: Mask, places: Mask): void => {
  const { labels, count } = label(lines);
  const met = new Uint8Array(count + 1);
  const all = placesOf(lines);
  for (const i of all) if (places.data[i]) met[labels[i]] = 1;
  for (const i of all) if (met[labels[i]]) into.data[i] = 1;
};

// Clears pixels of lines where they are much thicker than usual: there, a stroke lies on the line. thickness: at each place.
const keepOneThickness = (line: Mask, places: Int32Array, thickness: Int32Array): void => {
  const { labels, count, sizes } = label(line);
  if (count === 0) return;
  // Each line's thicknesses, one line after the other.
  const ends = sizes.slice();
  for (let number = 1; number <= count; number++) ends[number] += ends[number - 1];
  const starts = ends.slice();
  const sorted = new Int32Array(ends[count]);
  places.forEach((i, k) => line.data[i] && (sorted[--starts[labels[i]]] = thickness[k]));
  const usual = Float64Array.from(sizes, (_, number) => (number ? middleOf(sorted.subarray(ends[number - 1], ends[number])) : 0));
  places.forEach((i, k) => line.data[i] && thickness[k] > 2 * usual[labels[i]] + 1 && (line.data[i] = 0));
};

// A component: where it is, and its number among the labels.
interface Piece {
  readonly box: Box;
  readonly labels: Int32Array;
  readonly number: number;
}

const mark = (found: Mask, { box: [left, top, right, bottom], labels, number }: Piece, value: 0 | 1 = 1): void => {
  for (let y = top; y < bottom; y++)
    for (let i = y * found.width + left; i < y * found.width + right; i++) if (labels[i] === number) found.data[i] = value;
};

const massOf = ({ box: [left, top, right, bottom], labels, number }: Piece, width: number): number => {
  let mass = 0;
  for (let y = top; y < bottom; y++) for (let i = y * width + left; i < y * width + right; i++) if (labels[i] === number) mass++;
  return mass;
};

const boxOf = ({ boxes }: Blots, number: number): Box => {
  const [left, top, right, bottom] = boxes.subarray(4 * number, 4 * number + 4);
  return [left, top, right, bottom];
};

// The sides of joined boxes and the ticks of combs: short upright lines that meet a level one, at equal distances between
// its ends; and longer ones from line to line. inked: without the lines.
export const findSides = (inked: Mask, level: Mask, height: number): Mask => {
  const found = mask(inked.width, inked.height);
  if (isEmpty(level)) return found;
  const [thin, meets] = [Math.max(3, THIN * height), Math.max(2, roundHalfEven(MEETS * height))];
  const pieces = uprightPieces(inked, thin, SIDES[0] * height);
  const rest = without(inked);
  for (const piece of pieces) mark(rest, piece, 0);
  pieces.push(...uprightPieces(rest, thin, SIDES[1] * height));
  if (!pieces.length || pieces.length > PIECES) return found;
  const lines = label(joined(level, roundHalfEven(height)));
  const thickness = new Float64Array(lines.count + 1);
  for (const i of placesOf(level)) thickness[lines.labels[i]]++;
  for (let line = 1; line <= lines.count; line++) {
    const [left, , right] = boxOf(lines, line);
    thickness[line] /= right - left;
  }
  const met = Array.from({ length: lines.count + 1 }, (): number[] => []);
  const between = new Set<number>();
  pieces.forEach((piece, index) => {
    const [left, top, right, bottom] = piece.box;
    // A side is about as thick as the line.
    const pen = massOf(piece, inked.width) / (bottom - top);
    // At the end of a line, the corner is no part of it.
    const beside = (row: number): Set<number> => {
      const found = new Set<number>();
      for (let y = Math.max(0, row - meets); y < Math.min(inked.height, row + meets); y++)
        for (let x = Math.max(0, left - meets); x < Math.min(inked.width, right + meets); x++) {
          const line = lines.labels[y * inked.width + x];
          if (line && pen <= THICKER * thickness[line] + 1) found.add(line);
        }
      return found;
    };
    const [atTop, atBottom] = [beside(top), beside(bottom)];
    for (const line of new Set([...atTop, ...atBottom])) met[line].push(index);
    if (!atTop.size || !atBottom.size) return;
    between.add(index);
    if (bottom - top > TALL * height) mark(found, piece);
  });
  const tallOf = (index: number): number => pieces[index].box[3] - pieces[index].box[1];
  for (let line = 1; line <= lines.count; line++) {
    if (!met[line].length) continue;
    const [start, , stop] = boxOf(lines, line);
    // A 1 on the line of a comb is higher than its ticks.
    const usual = middleOf(met[line].map(tallOf));
    const indices = met[line].filter((index) => between.has(index) || tallOf(index) <= 2 * usual);
    const middles = indices.map((index) => (pieces[index].box[0] + pieces[index].box[2]) / 2);
    regularPlaces(start, stop, middles, height).forEach((regular, i) => regular && mark(found, pieces[indices[i]]));
  }
  return found;
};

// Straight upright pieces of ink that are `least` long.
const uprightPieces = (inked: Mask, thin: number, least: number): Piece[] => {
  const places = placesOf(inked);
  const [down, along] = [runLengths(places, grown(inked, "row"), "column"), runLengths(places, inked, "row")];
  const thinAndLong = mask(inked.width, inked.height);
  places.forEach((i, k) => down[k] >= least && along[k] <= thin && (thinAndLong.data[i] = 1));
  const blots = label(thinAndLong);
  const pieces: Piece[] = [];
  for (let number = 1; number <= blots.count; number++) {
    const box = boxOf(blots, number);
    const [tall, wide] = [box[3] - box[1], box[2] - box[0]];
    const piece = { box, labels: blots.labels, number };
    if (tall >= least && wide <= massOf(piece, inked.width) / tall + CROOKED * tall + 1) pieces.push(piece);
  }
  return pieces;
};

// Level lines with their gaps closed: those narrower than `wide`. As SciPy's binary_closing with a box of 3 by `wide` or the
// odd number above, beyond both ends too, where nothing is set above the first row and below the last.
const joined = (level: Mask, wide: number): Mask => {
  const { width, height } = level;
  const half = (wide | 1) >> 1;
  const across = width + 2 * wide;
  const spread = new Uint8Array(across * height);
  const { starts, ends } = runsOf(level);
  // Rows in which anything is set once rows have spread up and down.
  const used = new Uint8Array(height);
  for (let run = 0; run < starts.length; run++) {
    const y = Math.floor(starts[run] / width);
    const shift = y * across - y * width + wide;
    spread.fill(1, starts[run] + shift - half, ends[run] + shift + half);
    used.fill(1, Math.max(0, y - 1), y + 2);
  }
  const narrow = mask(width, height);
  const row = new Uint8Array(across);
  for (let y = 0; y < height; y++) {
    if (!used[y]) continue;
    for (let x = 0, i = y * across; x < across; x++, i++) row[x] = spread[i] | (spread[i - across] ?? 0) | (spread[i + across] ?? 0);
    for (let x = 0; x < across; x++) {
      if (!row[x]) continue;
      const start = x;
      while (x < across && row[x]) x++;
      const [from, to] = [Math.max(0, start + half - wide), Math.min(width, x - half - wide)];
      if (from < to) narrow.data.fill(1, y * width + from, y * width + to);
    }
  }
  const out = mask(width, height);
  for (const i of placesOf(narrow)) if (narrow.data[i - width] && narrow.data[i + width]) out.data[i] = 1;
  return out;
};

// Which places on a level line divide it into equal cells: the number of cells is that at whose borders most places are, for
// the borders that there are. A 1 between the lines is at no border.
export const regularPlaces = (start: number, stop: number, middles: readonly number[], height: number): boolean[] => {
  let best = 0;
  let chosen = middles.map(() => false);
  for (let cells = 1; cells <= Math.trunc((stop - start) / (NARROW * height)); cells++) {
    const pitch = (stop - start) / cells;
    const places = middles.map((middle) => (middle - start) / pitch);
    const close = places.map((place) => Math.abs(place - roundHalfEven(place)) <= Math.max(OFF, 3 / pitch));
    const borders = new Set(places.filter((_, i) => close[i]).map(roundHalfEven)).size;
    const score = (borders * borders) / (cells + 1);
    if (score > best) [best, chosen] = [score, close];
  }
  return best >= REGULAR ? chosen : middles.map(() => false);
};
