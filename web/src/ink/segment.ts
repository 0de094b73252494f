// A page's ink -> the lines of writing, each its pieces from left to right: tenfold/ink/segment.py, step for step. What
// needs only the boxes is in line.ts.

import { minimumFilter } from "./filters.js";
import { center, fit } from "./fit.js";
import { label } from "./label.js";
import { SPECK_HEIGHT, around, heightOf, isBar, lineHeight, widthOf, type Box, type Piece } from "./line.js";
import { cut, extent, median, plane, roundHalfEven, total, type Plane } from "./plane.js";
import { drawStrokes, strokesBox, type Stroke } from "./strokes.js";

type Blob = Piece<Plane>;

// Wider pieces, for their line's height, may be two digits that touch.
const NARROW = 0.75;
// Where digits are lower than this share of the picture, it is a photo, and what touches its edge is not writing.
const PHOTO = 0.25;
// Columns a row that a line of writing may lean by.
const LEANS = Array.from({ length: 29 }, (_, i) => (i === 28 ? 1 : i * (1.4 / 28) - 0.4));
const DARK = Math.fround(0.3);

// Top to bottom; dots and dirt left out.
export const findLines = (ink: Plane): Blob[][] => {
  const found = blobsOf(ink);
  if (!found.length) return [];
  const height = lineHeight(found);
  const blobs = found.filter(
    (blob) =>
      ((SPECK_HEIGHT * height <= heightOf(blob.box) && heightOf(blob.box) <= 4 * height) || isBar(blob, height)) &&
      !besideThePaper(blob, height, ink),
  );
  // Undoing the slant of noise may leave only crumbs, which are no pieces.
  return linesOf(blobs, height).map((line) => piecesOf(line, height)).filter((pieces) => pieces.length > 0);
};

// Pieces of an image, taken as one digit -> Uint8[784].
export const drawPieces = (pieces: readonly Blob[]): Uint8Array =>
  center(fit(together(pieces, around(pieces.map(({ box }) => box)))));

// A pen's strokes, taken as one digit -> Uint8[784].
export const drawStrokePieces = (pieces: readonly Piece<Stroke>[]): Uint8Array => drawStrokes(pieces.map(({ ink }) => ink));

// A pen's strokes as pieces of one line, from left to right.
export const strokePieces = (strokes: readonly Stroke[]): Piece<Stroke>[] =>
  strokes
    .filter((stroke) => stroke.length > 0)
    .map((ink) => {
      const box = strokesBox([ink]);
      const mass = ink.reduce((sum, [x, y], i) => (i ? sum + Math.hypot(x - ink[i - 1][0], y - ink[i - 1][1]) : 0), 0);
      return { box, ink, mass, place: box };
    })
    .sort(byLeft);

const byLeft = (a: Piece<unknown>, b: Piece<unknown>): number => a.box[0] - b.box[0];

const blobOf = (ink: Plane, left: number, top: number): Blob => {
  const box: Box = [left, top, left + ink.width, top + ink.height];
  return { box, ink, mass: total(ink.data), place: box };
};

const blobsOf = ({ width, height, data }: Plane): Blob[] => {
  const dark = new Uint8Array(data.length);
  for (let i = 0; i < data.length; i++) dark[i] = data[i] > DARK ? 1 : 0;
  const { labels, count } = label({ width, height, data: dark });
  // Left, top, right and bottom of each, and its darkest place.
  const boxes = new Int32Array(4 * (count + 1));
  const peaks = new Float32Array(count + 1);
  for (let y = 0, i = 0; y < height; y++)
    for (let x = 0; x < width; x++, i++) {
      const number = labels[i];
      if (!number) continue;
      const at = 4 * number;
      if (!peaks[number]) boxes.set([x, y, 0, 0], at);
      if (x < boxes[at]) boxes[at] = x;
      if (x >= boxes[at + 2]) boxes[at + 2] = x + 1;
      boxes[at + 3] = y + 1;
      if (data[i] > peaks[number]) peaks[number] = data[i];
    }
  const blobs: Blob[] = [];
  for (let number = 1; number <= count; number++) {
    const [left, top, right, bottom] = boxes.subarray(4 * number, 4 * number + 4);
    // Faint dirt has no dark place.
    if (peaks[number] < 0.6 || (right - left) * (bottom - top) < 6) continue;
    const part = plane(right - left, bottom - top);
    for (let y = top, to = 0; y < bottom; y++)
      for (let i = y * width + left; i < y * width + right; i++, to++) if (labels[i] === number) part.data[to] = data[i];
    blobs.push(blobOf(part, left, top));
  }
  return blobs;
};

// Whether it is the shadow of the paper's edge, or the table: at the picture's edge, and long, or along it.
const besideThePaper = ({ box, ink }: Blob, height: number, { width: wide, height: high }: Plane): boolean => {
  const [left, top, right, bottom] = box;
  const [width, length] = [widthOf(box), heightOf(box)];
  const edges: number[] = [];
  if (left === 0) edges.push(inkedAlong(ink, 0, ink.width, ink.height));
  if (right === wide) edges.push(inkedAlong(ink, ink.width - 1, ink.width, ink.height));
  if (top === 0) edges.push(inkedAlong(ink, 0, 1, ink.width));
  if (bottom === high) edges.push(inkedAlong(ink, (ink.height - 1) * ink.width, 1, ink.width));
  if (!edges.length) return false;
  if (height < PHOTO * Math.min(wide, high)) {
    // A digit at the edge touches it with a stroke, no more.
    const digitLike = 0.6 * height <= length && length <= 1.6 * height && width <= 1.2 * height;
    return !digitLike || edges.some((count) => count > 0.4 * height);
  }
  const [atSide, atEnd] = [left === 0 || right === wide, top === 0 || bottom === high];
  return (atSide && length > 2.5 * height) || (atEnd && width > 2.5 * height);
};

const inkedAlong = ({ data }: Plane, start: number, step: number, count: number): number => {
  let inked = 0;
  for (let i = 0; i < count; i++) if (data[start + i * step]) inked++;
  return inked;
};

// Blobs whose middles lie at about one height, going from left to right: the line may rise or fall.
const linesOf = (blobs: readonly Blob[], height: number): Blob[][] => {
  const lines: Blob[][] = [];
  for (const blob of [...blobs].sort(byLeft)) {
    const middle = (blob.box[1] + blob.box[3]) / 2;
    let near: Blob[] | null = null;
    let least = 0.6 * height;
    for (const line of lines) {
      const distance = Math.abs(middle - middleOf(line.slice(-3)));
      if (distance < least) [least, near] = [distance, line];
    }
    if (near) near.push(blob);
    else lines.push([blob]);
  }
  // A bar or a crumb alone is no line of writing.
  const whole = lines.filter((line) => line.some(({ box }) => heightOf(box) >= 0.5 * height));
  return whole.sort((a, b) => middleOf(a) - middleOf(b));
};

const middleOf = (line: readonly Blob[]): number =>
  line.reduce((sum, { box }) => sum + (box[1] + box[3]) / 2, 0) / line.length;

// The pieces of a line, its slant undone: cuts go straight down, and writing leans.
const piecesOf = (line: readonly Blob[], height: number): Blob[] => {
  const box = around(line.map((blob) => blob.box));
  const ink = together(line, box);
  // The stem of one 7 leans as far as a line of them: the slant needs several pieces.
  const lean = line.length >= 3 ? slantOf(ink) : 0;
  const shifts = Int32Array.from({ length: ink.height }, (_, row) => roundHalfEven(lean * (row - ink.height / 2)));
  const least = Math.min(shifts[0], shifts[shifts.length - 1]);
  const moves = shifts.map((shift) => shift - least);
  const blobs = blobsOf(sheared(ink, moves));
  return joined(blobs.filter((blob) => heightOf(blob.box) >= SPECK_HEIGHT * height || isBar(blob, height)))
    .flatMap((blob) => cutUp(blob, height))
    .map((part) => ({ ...part, place: placeOf(part, moves, box) }));
};

// Columns a row that writing leans by, to the left going down: undone, ink is heaped up in the fewest columns.
export const slantOf = ({ width, height, data }: Plane): number => {
  const rows: number[] = [];
  const columns: number[] = [];
  const weights: number[] = [];
  for (let y = 0, i = 0; y < height; y++)
    for (let x = 0; x < width; x++, i++)
      if (data[i] > DARK) {
        rows.push(y);
        columns.push(x);
        weights.push(data[i]);
      }
  const heaps = new Float64Array(width + height + 2);
  let [best, slant] = [0, 0];
  for (const lean of LEANS) {
    let least = Infinity;
    for (let i = 0; i < rows.length; i++) least = Math.min(least, columns[i] + lean * rows[i]);
    heaps.fill(0);
    for (let i = 0; i < rows.length; i++) heaps[Math.trunc(columns[i] + lean * rows[i] - least)] += weights[i];
    const score = heaps.reduce((sum, heap) => sum + heap * heap, 0) * (1 - 0.1 * Math.abs(lean));
    if (score > best) [best, slant] = [score, lean];
  }
  return slant;
};

// Each row moved to the right.
const sheared = ({ width, height, data }: Plane, moves: Int32Array): Plane => {
  const out = plane(width + Math.max(moves[0], moves[height - 1]), height);
  for (let y = 0; y < height; y++) out.data.set(data.subarray(y * width, (y + 1) * width), y * out.width + moves[y]);
  return out;
};

// Pieces above one another made one: the bar of a 5, a digit that a thin pen broke.
const joined = (line: readonly Blob[]): Blob[] => {
  const found: Blob[] = [];
  for (const piece of [...line].sort(byLeft)) {
    const before = found.at(-1);
    const lap = before ? Math.min(before.box[2], piece.box[2]) - piece.box[0] : 0;
    if (before && lap > 0.5 * Math.min(widthOf(before.box), widthOf(piece.box))) {
      const box = around([before.box, piece.box]);
      found[found.length - 1] = { box, ink: together([before, piece], box), mass: before.mass + piece.mass, place: box };
    } else found.push(piece);
  }
  return found;
};

// A wide piece cut where little ink stands above one another; a narrow one as it is.
const cutUp = (piece: Blob, height: number): Blob[] => {
  if (widthOf(piece.box) < NARROW * height) return [piece];
  const { width, height: rows, data } = piece.ink;
  const profile = new Float32Array(width);
  for (let y = 0, i = 0; y < rows; y++) for (let x = 0; x < width; x++, i++) profile[x] += data[i];
  const near = Math.max(2, Math.trunc(0.12 * height));
  const least = minimumFilter(plane(width, 1, profile), 2 * near + 1).data;
  const most = Math.fround(Math.fround(1.2) * median(profile.filter((value) => value > 0)));
  const cuts = [0];
  for (let x = near; x < width - near; x++)
    if (profile[x] === least[x] && profile[x] <= most && x - cuts[cuts.length - 1] >= near) cuts.push(x);
  cuts.push(width);
  return cuts.slice(1).flatMap((right, i) => {
    const part = cut(piece.ink, cuts[i], 0, right - cuts[i], rows);
    const box = extent(part);
    if (!box) return [];
    const ink = cut(part, box.left, box.top, box.right - box.left, box.bottom - box.top);
    return [blobOf(ink, piece.box[0] + cuts[i] + box.left, piece.box[1] + box.top)];
  });
};

// Where a piece of a sheared line lies in the picture.
const placeOf = ({ box, ink }: Blob, moves: Int32Array, line: Box): Box => {
  let [left, right] = [Infinity, -Infinity];
  for (let y = 0, i = 0; y < ink.height; y++)
    for (let x = 0; x < ink.width; x++, i++)
      if (ink.data[i]) {
        left = Math.min(left, x - moves[box[1] + y]);
        right = Math.max(right, x - moves[box[1] + y]);
      }
  return [left + box[0] + line[0], box[1] + line[1], right + box[0] + line[0] + 1, box[3] + line[1]];
};

const together = (pieces: readonly Blob[], box: Box): Plane => {
  const all = plane(widthOf(box), heightOf(box));
  for (const { box: own, ink } of pieces)
    for (let y = 0, i = 0; y < ink.height; y++) {
      const to = (own[1] - box[1] + y) * all.width + own[0] - box[0];
      for (let x = 0; x < ink.width; x++, i++) if (ink.data[i] > all.data[to + x]) all.data[to + x] = ink.data[i];
    }
  return all;
};
