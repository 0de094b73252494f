// A page's ink -> its lines of writing, each the components of ink that belong to it: tenfold/document/text_lines.py, step
// for step.

import { label } from "../ink/label.js";
import { above, placesOf } from "../ink/masks.js";
import { middleOf, plane, roundHalfEven, type Box, type Plane } from "../ink/plane.js";
import { INKED } from "../ink/ruled.js";
import { near } from "../ink/spread.js";
import { findWritingSize } from "./frames.js";

// As in tenfold/document/text_lines.py, which says what each is for.
const DARK = 0.55;
const DARK_SHARE = 0.2;
const SMALLEST = 8;
const EDGE = 2;
const RIM = 0.012;
const LOWEST = 0.45;
const HIGHEST = 3.2;
const MARK = 0.09;
const LEVEL = 0.6;
const BROKEN = 0.025;
const PART = 0.2;
const APART = 0.25;
const PARTS = 600;
const ONE_LINE = 1.4;
const TALLER = 2.6;
const SAME = 0.4;
const MOST = 4000;
const MARKS = 400;
const OUTSIDE = 0.4;
const AFTER = 1.6;

// A line of writing: where its ink is, in pixels of the page; the ink, without that of other lines; and how high its digits
// are, about.
export interface TextLine {
  readonly box: Box;
  readonly ink: Plane;
  readonly height: number;
}

interface Components {
  // Each pixel's component, numbered from 1; 0 where there is none.
  readonly labels: Int32Array;
  readonly width: number;
  readonly height: number;
  // The indices of pixels that belong to one.
  readonly places: Int32Array;
  // Of all numbers.
  readonly boxes: readonly Box[];
  readonly sizes: Int32Array;
  // Those of which enough is dark.
  readonly numbers: readonly number[];
}

// Of the pixel at (x, y).
export type Distance = (x: number, y: number) => number;

const tallOf = ([, top, , bottom]: Box): number => bottom - top;
const wideOf = ([left, , right]: Box): number => right - left;

// The lines of writing from top to bottom; writing is level, or nearly. edge: how far a pixel is from the edge of the
// picture, in pixels.
export const findLines = (ink: Plane, edge: Distance): TextLine[] => {
  const { height } = findWritingSize(above(ink, INKED));
  if (height < SMALLEST) return [];
  const found = componentsOf(ink, height);
  const { boxes } = found;
  const atEdge = findAtEdge(found, height, edge);
  const whole = found.numbers.filter(
    (number) => tallOf(boxes[number]) >= LOWEST * height && tallOf(boxes[number]) <= HIGHEST * height && !atEdge[number],
  );
  if (whole.length > MOST) return [];
  const lines = merged(found, chains(found, whole));
  if (!lines.length) return [];
  const members = lines.map((line) => [...line]);
  const known = new Set(whole);
  const isMark = (number: number): boolean => {
    const [tall, wide] = [tallOf(boxes[number]), wideOf(boxes[number])];
    return !known.has(number) && tall < LOWEST * height && Math.max(tall, wide) >= MARK * height && wide <= 3 * height;
  };
  const areaOf = (number: number): number => tallOf(boxes[number]) * wideOf(boxes[number]);
  const marks = found.numbers.filter(isMark).sort((a, b) => areaOf(b) - areaOf(a));
  const extents = lines.map((line) => line.map((number) => boxes[number]).reduce(around));
  for (const number of marks.slice(0, MARKS)) {
    const nearest = nearestLine(found, lines, extents, boxes[number]);
    if (nearest >= 0) members[nearest].push(number);
  }
  const texts = members.map((line) => textLine(found, line, ink));
  return texts.sort((a, b) => a.box[1] + a.box[3] - (b.box[1] + b.box[3]));
};

// Parts of a broken digit are one component, but not digits of different lines.
const componentsOf = (ink: Plane, height: number): Components => {
  const inked = above(ink, INKED);
  const { labels, count, boxes, sizes } = label(inked);
  const groups = label(near(inked, roundHalfEven(BROKEN * height)));
  // Each component takes the number of its group, those of tall groups their own.
  const numbers = new Int32Array(count + 1);
  const places = placesOf(inked);
  for (const i of places) numbers[labels[i]] = groups.labels[i];
  for (let number = 1; number <= count; number++) {
    const at = 4 * numbers[number];
    if (groups.boxes[at + 3] - groups.boxes[at + 1] > ONE_LINE * height) numbers[number] = count + 1 + number;
  }
  const first = renumbered(numbers, boundsOf(boxes, count));
  const second = renumbered(joined(first.boxes, height), first.boxes);
  const to = numbers.map((_, number) => second.to[first.to[number]]);
  const merged = new Int32Array(second.boxes.length);
  for (let number = 1; number <= count; number++) merged[to[number]] += sizes[number];
  const dark = new Int32Array(second.boxes.length);
  const least = Math.fround(DARK);
  for (const i of places) {
    labels[i] = to[labels[i]];
    if (ink.data[i] > least) dark[labels[i]]++;
  }
  const kept = second.boxes.map((_, number) => number).filter((number) => dark[number] > DARK_SHARE * merged[number]);
  return { labels, places, width: ink.width, height: ink.height, boxes: second.boxes, sizes: merged, numbers: kept };
};

const NOWHERE: Box = [Infinity, Infinity, -Infinity, -Infinity];

const boundsOf = (boxes: Int32Array, count: number): Box[] =>
  Array.from({ length: count + 1 }, (_, i): Box => (i ? [boxes[4 * i], boxes[4 * i + 1], boxes[4 * i + 2], boxes[4 * i + 3]] : NOWHERE));

const around = (a: Box, b: Box): Box => [Math.min(a[0], b[0]), Math.min(a[1], b[1]), Math.max(a[2], b[2]), Math.max(a[3], b[3])];

// Numbers without gaps, in the same order, for components from 1 on; and the boxes around those that share one.
const renumbered = (numbers: Int32Array, boxes: readonly Box[]): { to: Int32Array; boxes: Box[] } => {
  const sorted = [...new Set(numbers.subarray(1))].sort((a, b) => a - b);
  const places = new Map(sorted.map((number, i) => [number, i + 1]));
  const to = numbers.map((number, i) => (i ? places.get(number)! : 0));
  const whole = Array.from({ length: sorted.length + 1 }, () => NOWHERE);
  for (let number = 1; number < to.length; number++) whole[to[number]] = around(whole[to[number]], boxes[number]);
  return { to, boxes: whole };
};

// Which component each is a part of: parts of a digit above one another become one. They are near, most of the narrower one
// is above or below the other, and both together are no higher than a digit.
const joined = (given: readonly Box[], height: number): Int32Array => {
  const boxes = [...given];
  const owner = Int32Array.from(boxes, (_, i) => i);
  const large = boxes
    .map((_, number) => number)
    .filter((number) => number && Math.max(tallOf(boxes[number]), wideOf(boxes[number])) >= PART * height)
    .sort((a, b) => given[a][0] - given[b][0]);
  if (large.length > PARTS) return owner;
  large.forEach((second, at) => {
    const [left, top, right, bottom] = boxes[second];
    for (let k = 0; k < at; k++) {
      // Those that begin to the left of it, and end to the right of where it begins.
      if (boxes[large[k]][2] <= left) continue;
      const first = owner[large[k]];
      const [x0, y0, x1, y1] = boxes[first];
      const lap = Math.min(x1, right) - Math.max(x0, left);
      const gap = Math.max(y0, top) - Math.min(y1, bottom);
      const tall = Math.max(y1, bottom) - Math.min(y0, top);
      if (!(lap > 0.5 * Math.min(x1 - x0, right - left) && gap >= 0 && gap <= APART * height && tall <= 1.25 * height)) continue;
      boxes[first] = around(boxes[first], boxes[second]);
      const before = owner[second];
      for (let i = 0; i < owner.length; i++) if (owner[i] === before) owner[i] = first;
      break;
    }
  });
  return owner;
};

// Which components are at the picture's edge, and longer along it than a digit is: no writing.
const findAtEdge = (found: Components, tall: number, edge: Distance): Uint8Array => {
  const { labels, places, width, height, boxes, sizes, numbers } = found;
  // Cut close around the writing.
  const close = tall > 0.25 * Math.min(width, height);
  const rim = close ? EDGE : Math.max(EDGE, RIM * Math.max(width, height));
  const touching = new Uint8Array(boxes.length);
  const along = new Int32Array(boxes.length);
  for (const i of places) {
    const far = edge(i % width, Math.floor(i / width));
    if (far < EDGE) touching[labels[i]] = 1;
    if (far < rim) along[labels[i]]++;
  }
  const atEdge = new Uint8Array(boxes.length);
  for (const number of numbers) {
    const [high, wide] = [tallOf(boxes[number]), wideOf(boxes[number])];
    const longest = Math.max(high, wide);
    const thin = along[number] > 0.7 * sizes[number] && longest > 4 * Math.min(high, wide);
    if (thin || (touching[number] && (close ? high > 2.2 * tall : longest > 1.5 * tall))) atEdge[number] = 1;
  }
  return atEdge;
};

const centerOf = ([, top, , bottom]: Box): number => (top + bottom) / 2;

// Components side by side, from left to right: a line may rise or fall.
const chains = ({ boxes }: Components, whole: readonly number[]): number[][] => {
  const found: number[][] = [];
  for (const number of [...whole].sort((a, b) => boxes[a][0] - boxes[b][0])) {
    const tall = tallOf(boxes[number]);
    let best = LEVEL;
    let nearest: number[] | null = null;
    for (const chain of found) {
      const last = chain.slice(-3).map((other) => boxes[other]);
      const ratio = tall / middleOf(last.map(tallOf));
      if (!(ratio > 1 / TALLER && ratio < TALLER)) continue;
      const middle = last.reduce((sum, box) => sum + centerOf(box), 0) / last.length;
      const away = Math.abs(centerOf(boxes[number]) - middle) / Math.max(tall, ...last.map(tallOf));
      if (away < best) [best, nearest] = [away, chain];
    }
    if (nearest) nearest.push(number);
    else found.push([number]);
  }
  return found;
};

// Chains at one height are one line: print and writing next to each other, say.
const merged = ({ boxes }: Components, chains: readonly number[][]): number[][] => {
  const lines: number[][] = [];
  const middle = (chain: readonly number[]): number => middleOf(chain.map((number) => centerOf(boxes[number])));
  const height = (chain: readonly number[]): number => middleOf(chain.map((number) => tallOf(boxes[number])));
  for (const chain of [...chains].sort((a, b) => middle(a) - middle(b))) {
    const last = lines.at(-1);
    if (last && middle(chain) - middle(last) < SAME * Math.min(height(chain), height(last))) last.push(...chain);
    else lines.push([...chain]);
  }
  return lines;
};

// The line that a small component belongs to: that whose writing next to it is at its height. -1 for none.
const nearestLine = (
  { boxes }: Components,
  lines: readonly number[][],
  extents: readonly Box[],
  [left, top, right, bottom]: Box,
): number => {
  let [best, nearest] = [Infinity, -1];
  lines.forEach((line, number) => {
    const extent = extents[number];
    if (top - extent[3] >= tallOf(extent) || extent[1] - bottom >= tallOf(extent)) return;
    const away = line.map((member) => Math.max(boxes[member][0] - right, left - boxes[member][2], 0));
    const least = away.reduce((a, b) => Math.min(a, b));
    const height = middleOf(line.map((member) => tallOf(boxes[member])));
    if (least > AFTER * height) return;
    let [highest, lowest] = [Infinity, -Infinity];
    line.forEach((member, i) => {
      if (away[i] > Math.max(least, 1) * 1.5) return;
      highest = Math.min(highest, boxes[member][1]);
      lowest = Math.max(lowest, boxes[member][3]);
    });
    const outside = Math.max(highest - bottom, top - lowest);
    const distance = least + 2 * Math.max(outside, 0);
    if (outside <= OUTSIDE * height && distance < best) [best, nearest] = [distance, number];
  });
  return nearest;
};

const textLine = ({ labels, boxes, width }: Components, members: readonly number[], ink: Plane): TextLine => {
  const own = new Uint8Array(boxes.length);
  for (const number of members) own[number] = 1;
  const box = members.map((number) => boxes[number]).reduce(around);
  const [left, top, right, bottom] = box;
  const line = plane(right - left, bottom - top);
  // With the faint edges of its strokes: pixels next to its own, within the box.
  const isBeside = (x: number, y: number): boolean => {
    for (let v = Math.max(top, y - 1); v <= Math.min(bottom - 1, y + 1); v++)
      for (let u = Math.max(left, x - 1); u <= Math.min(right - 1, x + 1); u++) if (own[labels[v * width + u]]) return true;
    return false;
  };
  for (let y = top, to = 0; y < bottom; y++)
    for (let x = left, i = y * width + left; x < right; x++, i++, to++) {
      const value = ink.data[i];
      if (value && (labels[i] ? own[labels[i]] : isBeside(x, y))) line.data[to] = value;
    }
  const tall = members.map((number) => tallOf(boxes[number]));
  const most = Math.max(...tall);
  return { box, ink: line, height: middleOf(tall.filter((height) => height >= 0.5 * most)) };
};
