// Finds the sheet of paper in a photo, among the desk and the dark around it, and undoes perspective:
// tenfold/document/sheet.py, step for step.

import { closing } from "../ink/filters.js";
import { repeated } from "../ink/ground.js";
import { cut, median, plane, quantile, roundHalfEven, type Plane } from "../ink/plane.js";
import { reduce, reduction } from "../ink/resize.js";
import { transform } from "../ink/transform.js";
import { solve, solveHomography, type Homography, type Point } from "./homography.js";
import { findStraightLines } from "./straight-lines.js";

// As in tenfold/document/sheet.py, which says what each is for.
const LONGEST = 320;
const SHORTEST = 48;
const STROKE = 11;
const TRIED = 5;
const WITHIN = 1;
const VOTING_STEP = 0.06;
const STEP = 0.13;
const NEAR = 2;
const FAR = 6;
const SHARP = 0.6;
const FAINT = 0.28;
const LENGTH = 0.2;
const SUPPORT = 0.75;
const DESK = 0.65;
const WOOD = 0.7;
const NO_SHADOW = 0.6;
const INK = 0.8;
const LOST_INK = 0.15;
const TOUCHING_INK = 0.4;
const TOUCHING = 1;
const SKEW = 0.35;
const AREA = 0.1;
const PAPER = 0.5;
const { fround } = Math;
const DARKEST = fround(0.05);
const DARK_SIDES = 3;

// Its corners, clockwise from the top left. One that the picture's border cuts off lies beyond it.
export type Sheet = readonly [Point, Point, Point, Point];

// A side of the sheet, which is where `point . normal` is `offset` or more; normal is of length 1. paper, limit: luminance of
// the sheet next to it, and halfway to that of the desk. quality: how long and clear it is.
interface Side {
  readonly normal: Point;
  readonly offset: number;
  readonly paper: number;
  readonly limit: number;
  readonly quality: number;
}

type Sides = readonly (Side | null)[];

const dot = ([a, b]: Point, [c, d]: Point): number => a * c + b * d;

// Null where the whole picture is paper. A sheet that is darker than its desk is found if three of its sides show.
export const findSheet = (gray: Plane): Sheet | null => {
  const block = reduction(gray, LONGEST);
  const small = reduce(gray, block);
  if (Math.min(gray.width, gray.height) < SHORTEST || Math.min(small.width, small.height) < STROKE) return null;
  // Padded: a strip of desk at the border must not be filled as a stroke would be.
  const blank = cut(closing(repeated(small, STROKE), STROKE), STROKE, STROKE, small.width, small.height);
  const depth = plane(small.width, small.height, blank.data.map((value, i) => value - small.data[i]));
  const [width, height] = [gray.width / block, gray.height / block];
  const picture: Point[] = [[0, 0], [width, 0], [width, height], [0, height]];
  for (const sign of [1, -1] as const) {
    const found = findLines(blank, sign).map((lines) => lines.map((line) => verified(line, blank, depth, sign)));
    const sides = chosen(found);
    if (!isSheet(sides, blank, sign)) continue;
    const [a, b, c, d] = cornersOf(sides, picture).map(([x, y]): Point => [x * block, y * block]);
    return [a, b, c, d];
  }
  return null;
};

// The sheet seen from straight above, at about the picture's resolution; what lies beyond the picture is continued. And what
// takes its places to the picture's.
export const flatten = (gray: Plane, sheet: Sheet): { gray: Plane; toPicture: Homography } => {
  const [top, right, bottom, left] = sheet.map(([x, y], i) => Math.hypot(sheet[(i + 1) % 4][0] - x, sheet[(i + 1) % 4][1] - y));
  const width = Math.max(1, roundHalfEven(Math.max(top, bottom)));
  const height = Math.max(1, roundHalfEven(Math.max(left, right)));
  const toPicture = solveHomography([[0, 0], [width, 0], [width, height], [0, height]], sheet);
  return { gray: transform(gray, width, height, toPicture, true), toPicture };
};

// Lines that may be the sheet's top, right, bottom and left side. sign: 1 if the sheet is brighter than its desk, else -1.
const findLines = (blank: Plane, sign: 1 | -1): Side[][] => {
  const found: Side[][] = [[], [], [], []];
  const shortest = LENGTH * Math.min(blank.width, blank.height);
  for (const vertical of [true, false]) {
    const steps = stepsOf(vertical ? blank : turned(blank));
    for (const inwards of [1, -1]) {
      const key = vertical ? (inwards === 1 ? 3 : 1) : inwards === 1 ? 0 : 2;
      const signed = plane(steps.width, steps.height, steps.data.map((step) => step * inwards * sign));
      for (const { start, slope } of findStraightLines(signed, VOTING_STEP, shortest, TRIED)) {
        const length = Math.hypot(1, slope);
        const [across, down] = [inwards / length, (inwards * -slope) / length];
        const normal: Point = vertical ? [across, down] : [down, across];
        found[key].push({ normal, offset: start * across, paper: 0, limit: 0, quality: 0 });
      }
    }
  }
  return found;
};

const turned = ({ width, height, data }: Plane): Plane => {
  const out = plane(height, width);
  for (let y = 0, i = 0; y < height; y++) for (let x = 0; x < width; x++, i++) out.data[x * height + y] = data[i];
  return out;
};

// How much brighter two pixels of a row are than the two before them, as a share of the brighter.
const stepsOf = ({ width, height, data }: Plane): Plane => {
  const steps = plane(Math.max(0, width - 3), height);
  const pair = (i: number): number => fround(fround(data[i] + data[i + 1]) / 2);
  for (let y = 0, to = 0; y < height; y++)
    for (let x = 0, i = y * width; x < width - 3; x++, i++) {
      const [before, after] = [pair(i), pair(i + 2)];
      steps.data[to++] = fround(after - before) / Math.max(before, after, DARKEST);
    }
  return steps;
};

// The same line with its paper and its quality, which is 0 for what is no side of a sheet.
const verified = (line: Side, blank: Plane, depth: Plane, sign: 1 | -1): Side => {
  const { width, height } = blank;
  const places = placesAlong(line, width, height);
  const beside = (values: Float32Array, away: number): Float32Array =>
    Float32Array.from(places, ([x, y]) => {
      const column = held(Math.trunc(x + away * line.normal[0]), width);
      return values[held(Math.trunc(y + away * line.normal[1]), height) * width + column];
    });
  const [inner, outer] = [NEAR, -NEAR].map((away) => beside(blank.data, away).map((value) => sign * value));
  const brighter = (i: number): number => Math.max(Math.abs(inner[i]), Math.abs(outer[i]), DARKEST);
  const steps = inner.map((value, i) => fround(value - outer[i]) / brighter(i));
  const clear = [...steps.keys()].filter((i) => steps[i] >= fround(STEP));
  if (!clear.length) return line;
  const of = (values: Float32Array, some: readonly number[]): number => median(Float32Array.from(some, (i) => values[i]));
  const [step, paper, desk] = [steps, inner, outer].map((values) => of(values, clear));
  const limit = (paper + desk) / 2;
  const shows = clear.filter((i) => inner[i] >= fround(limit));
  const shown = new Set(shows);
  const paperBeyond = outer.filter((value, i) => !shown.has(i) && value >= fround(limit)).length;
  const length = shows.length;
  if (length < LENGTH * Math.min(height, width) || length < SUPPORT * (length + paperBeyond)) return line;
  const [farIn, farOut] = [beside(blank.data, FAR), beside(blank.data, -FAR)];
  const near = of(inner.map((value, i) => value - outer[i]), shows);
  const far = of(farIn.map((value, i) => sign * fround(value - farOut[i])), shows);
  if (near < fround(fround(SHARP) * far)) return line;
  const inwards = inwardsOf(line, width, height);
  if (-inwards.reduce((a, b) => Math.min(a, b), Infinity) < (step < FAINT ? FAR : NEAR)) return line;
  const darkestPaper = fround(sign > 0 ? Math.max(limit, WOOD * paper) : limit);
  let [beyond, dark] = [0, 0];
  for (let i = 0; i < inwards.length; i++) {
    if (inwards[i] >= -1) continue;
    beyond++;
    if (sign * blank.data[i] < darkestPaper) dark++;
  }
  if (dark / beyond < DESK) return line;
  const touching = (ink: Float32Array): number => {
    const near = beside(ink, NEAR);
    return shows.filter((i) => near[i] > fround(TOUCHING_INK)).length;
  };
  if ((step < NO_SHADOW || sign < 0) && losesInk(blank, depth, inwards, fround(Math.abs(paper)), touching)) return line;
  return { ...line, paper: sign * paper, limit: sign * limit, quality: length * Math.min(step, 0.5) };
};

const held = (place: number, length: number): number => Math.min(Math.max(place, 0), length - 1);

// Whether strokes touch the side from within, or lie beyond it. touching: at how many places they do.
const losesInk = (
  blank: Plane,
  depth: Plane,
  inwards: Float64Array,
  paper: number,
  touching: (ink: Float32Array) => number,
): boolean => {
  const within = depth.data.filter((_, i) => !(inwards[i] < -1));
  const darkest = Math.max(fround(quantile(within, 0.998)), DARKEST);
  const most = Math.max(paper, DARKEST);
  // Ink in a shadow is as much fainter as paper is darker there; but for the noise of the dark.
  const ink = depth.data.map((value, i) => {
    const light = Math.min(Math.max(fround(blank.data[i] / most), fround(0.3)), 1);
    return fround(value / light) / darkest;
  });
  let [all, beyond] = [0, 0];
  for (let i = 0; i < ink.length; i++)
    if (ink[i] > fround(INK)) {
      all++;
      if (inwards[i] < -1) beyond++;
    }
  return touching(ink) > TOUCHING || beyond / Math.max(all, 1) > LOST_INK;
};

// Places along a line, a pixel apart, whose surroundings are in the picture.
const placesAlong = ({ normal: [a, b], offset }: Side, width: number, height: number): Point[] => {
  const places: Point[] = [];
  const inside = (x: number, y: number): boolean => x >= 0 && x < width && y >= 0 && y < height;
  for (let reach = -(height + width) + 0.5; reach < height + width; reach++) {
    const [x, y] = [a * offset - reach * b, b * offset + reach * a];
    if (inside(x + NEAR * a, y + NEAR * b) && inside(x - NEAR * a, y - NEAR * b)) places.push([x, y]);
  }
  return places;
};

// How far inside of a side each pixel is, negative beyond it.
const inwardsOf = ({ normal, offset }: Side, width: number, height: number): Float64Array => {
  const inwards = new Float64Array(width * height);
  for (let y = 0, i = 0; y < height; y++)
    for (let x = 0; x < width; x++, i++) inwards[i] = (x + 0.5) * normal[0] + (y + 0.5) * normal[1] - offset;
  return inwards;
};

// For each side the best line that is nearly square to its neighbors, the best of all first.
const chosen = (found: readonly (readonly Side[])[]): Sides => {
  const sides: (Side | null)[] = [null, null, null, null];
  const lines = found.flatMap((some, key) => some.filter(({ quality }) => quality > 0).map((line) => ({ line, key })));
  for (const { line, key } of lines.sort((a, b) => b.line.quality - a.line.quality)) {
    const neighbors = [sides[(key + 3) % 4], sides[(key + 1) % 4]];
    const square = neighbors.every((other) => !other || Math.abs(dot(line.normal, other.normal)) <= SKEW);
    if (!sides[key] && square) sides[key] = line;
  }
  return sides;
};

// Whether what lies within the sides is large, and paper.
const isSheet = (sides: Sides, blank: Plane, sign: 1 | -1): boolean => {
  const shown = sides.filter((side) => side !== null);
  if (shown.length < (sign > 0 ? 1 : DARK_SIDES)) return false;
  const inwards = shown.map((side) => inwardsOf(side, blank.width, blank.height));
  const inside = blank.data.filter((_, i) => inwards.every((far) => far[i] >= 0));
  if (inside.length / blank.data.length < AREA) return false;
  const clearest = shown.reduce((best, side) => (side.quality > best.quality ? side : best));
  if (sign > 0) return median(inside) >= fround(PAPER * clearest.paper);
  return inside.filter((value) => value < fround(clearest.limit)).length / inside.length >= DESK;
};

// Sides that do not show are put so far out that all of the picture is inside that the others leave. picture: its corners.
const cornersOf = (sides: Sides, picture: readonly Point[]): Point[] => {
  const shown = sides.map((side) => side && { ...side, offset: side.offset + WITHIN });
  let polygon = picture;
  for (const side of shown) if (side) polygon = clipped(polygon, side);
  // The normal of each side is that of the one before, turned by 90 degrees: here all turned back to the top's.
  let [x, y] = [0, 0];
  shown.forEach((side, key) => {
    if (!side) return;
    const back = quarters(side.normal, 4 - key);
    x += back[0];
    y += back[1];
  });
  const down: Point = [x / Math.hypot(x, y), y / Math.hypot(x, y)];
  const whole = shown.map((side, key) => {
    if (side) return side;
    const opposite = shown[(key + 2) % 4];
    const normal: Point = opposite ? [-opposite.normal[0], -opposite.normal[1]] : quarters(down, key);
    return { normal, offset: Math.min(...polygon.map((point) => dot(point, normal))) };
  });
  return whole.map((side, key): Point => {
    const before = whole[(key + 3) % 4];
    const [u, v] = solve([[...before.normal, before.offset], [...side.normal, side.offset]]);
    return [u, v];
  });
};

// Turned by so many times 90 degrees.
const quarters = (normal: Point, count: number): Point => {
  let [x, y] = normal;
  for (let turn = 0; turn < count % 4; turn++) [x, y] = [-y, x];
  return [x, y];
};

// The part of a convex polygon that lies inside of a side (Sutherland and Hodgman 1974).
const clipped = (polygon: readonly Point[], side: Pick<Side, "normal" | "offset">): Point[] => {
  const away = polygon.map((point) => dot(point, side.normal) - side.offset);
  return polygon.flatMap(([x, y], i): Point[] => {
    const after = (i + 1) % polygon.length;
    const kept: Point[] = away[i] >= 0 ? [[x, y]] : [];
    if (away[i] >= 0 === away[after] >= 0) return kept;
    const share = away[i] / (away[i] - away[after]);
    return [...kept, [x + share * (polygon[after][0] - x), y + share * (polygon[after][1] - y)]];
  });
};
