// A picture of a page -> the lines that are written on it, each as a strip for the line reader:
// tenfold/document/document_page.py, step for step.

import { above } from "../ink/masks.js";
import { findPageInk } from "../ink/page.js";
import { INKED } from "../ink/ruled.js";
import { plane, type Plane } from "../ink/plane.js";
import { transform } from "../ink/transform.js";
import { findWritingSize, removeFrames } from "./frames.js";
import { IDENTITY, product, project, type Homography } from "./homography.js";
import { findSheet, flatten } from "./sheet.js";
import { linesAngle, radians, writingAngle } from "./skew.js";
import { cutStrip, penWidth } from "./strips.js";
import { findLines, type Distance } from "./text-lines.js";

// As in tenfold/document/document_page.py, which says what it is for.
const MOST = 80_000;

// A line of writing: Uint8[32 * width], 0 paper to 255 ink; and what takes places of it to the picture's.
export interface WrittenLine {
  readonly strip: Uint8Array;
  readonly width: number;
  readonly toPicture: Homography;
}

// The lines of writing of a photo, scan or form, from top to bottom.
export const findWriting = (gray: Plane): WrittenLine[] => {
  const sheet = findSheet(gray);
  const flat = sheet ? flatten(gray, sheet) : { gray, toPicture: IDENTITY };
  let { toPicture } = flat;
  let ink = findPageInk(flat.gray);
  const inked = above(ink, INKED);
  const { height, written } = findWritingSize(inked);
  if (height === 0) return [];
  let edge = fromEdge(ink.width, ink.height);
  // Printed lines say how a page lies, or else the writing.
  const angle = linesAngle(inked) || writingAngle(inked, written(), height);
  if (angle) {
    const upright = turned(ink, angle);
    edge = sampled(edge, ink.width, ink.height, upright.back);
    ink = upright.page;
    toPicture = product(toPicture, upright.back);
  }
  ink = removeFrames(ink);
  const pen = penWidth(ink);
  const lines = findLines(ink, edge).map((line) => {
    const { pixels, width, toPage } = cutStrip(line, pen);
    return { strip: pixels, width, toPicture: product(toPicture, toPage) };
  });
  // More is the texture of a wall, a meadow or a page of print.
  return lines.reduce((sum, { width }) => sum + width, 0) <= MOST ? lines : [];
};

// How far each pixel is from the edge of the picture, in pixels.
export const fromEdge =
  (width: number, height: number): Distance =>
  (x, y) =>
    Math.min(x, y, width - 1 - x, height - 1 - y);

// The same of the picture turned, as `transform` would give it: asked of ink alone, this is less work.
export const sampled =
  (edge: Distance, width: number, height: number, back: Homography): Distance =>
  (x, y) => {
    const [sx, sy] = project(back, [x + 0.5, y + 0.5]);
    if (!(sx >= 0 && sx < width && sy >= 0 && sy < height)) return 0;
    const [column, row] = [Math.floor(sx - 0.5), Math.floor(sy - 0.5)];
    const [right, below] = [sx - 0.5 - column, sy - 0.5 - row];
    const at = (u: number, v: number) => edge(Math.min(Math.max(u, 0), width - 1), Math.min(Math.max(v, 0), height - 1));
    const upper = at(column, row) * (1 - right) + at(column + 1, row) * right;
    const lower = at(column, row + 1) * (1 - right) + at(column + 1, row + 1) * right;
    return upper * (1 - below) + lower * below;
  };

// A picture turned to the left by quarters; and what takes its places to those of before.
export const quarterTurned = (gray: Plane, turns: number): { gray: Plane; back: Homography } => {
  let back = IDENTITY;
  for (let turn = 0; turn < turns; turn++) {
    const { width, height, data } = gray;
    // What was at the top right is at the top left.
    back = product(back, [0, -1, width, 1, 0, 0, 0, 0, 1]);
    const turned = plane(height, width);
    for (let y = 0; y < width; y++)
      for (let x = 0; x < height; x++) turned.data[y * height + x] = data[x * width + width - 1 - y];
    gray = turned;
  }
  return { gray, back };
};

// All of it, turned to the left; and what takes its places to those of before.
export const turned = (page: Plane, degrees: number): { page: Plane; back: Homography } => {
  const { width, height } = page;
  const [cos, sin] = [Math.cos(radians(degrees)), Math.sin(radians(degrees))];
  const across = Math.trunc(width * Math.abs(cos) + height * Math.abs(sin)) + 1;
  const down = Math.trunc(height * Math.abs(cos) + width * Math.abs(sin)) + 1;
  const turn = product([1, 0, width / 2, 0, 1, height / 2, 0, 0, 1], [cos, -sin, 0, sin, cos, 0, 0, 0, 1]);
  const back = product(turn, [1, 0, -across / 2, 0, 1, -down / 2, 0, 0, 1]);
  return { page: transform(page, across, down, [...back.slice(0, 6), 0, 0]), back };
};
