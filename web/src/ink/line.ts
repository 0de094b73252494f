// Pieces of a line of writing, and which of them make a digit: tenfold/ink/spans.py and the boxes of segment.py.

// Left, top, right, bottom, right and bottom just beyond: in pixels, or in the pen's unit.
export type Box = readonly [left: number, top: number, right: number, bottom: number];

// What stays together.
export interface Piece<Ink> {
  // Where, in the line with its slant undone.
  readonly box: Box;
  // Of the box's size, without the ink of others; or a pen's stroke.
  readonly ink: Ink;
  // How much ink there is, or how long the stroke is.
  readonly mass: number;
  // Where in the picture.
  readonly place: Box;
}

// Pieces `first` to `last` (not in it) of a line, taken as one digit: Uint8[784].
export interface Span {
  readonly first: number;
  readonly last: number;
  readonly box: Box;
  readonly pixels: Uint8Array;
}

// Shares of the height of the digits: lower pieces are dots, commas, dashes and dirt; parts of a digit are nearer to
// each other than this; no digit is wider.
export const SPECK_HEIGHT = 0.25;
const GAP = 0.35;
const WIDEST = 1.7;
// What it costs to see one more digit, and to leave a piece as high as the line out, in nats.
const ONE_MORE = 0.7;
const LEFT_OUT = 5;
// Pieces that a digit may be made of.
const PARTS = 6;

export const widthOf = ([left, , right]: Box): number => right - left;
export const heightOf = ([, top, , bottom]: Box): number => bottom - top;

export const around = (boxes: readonly Box[]): Box => {
  let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
  for (const box of boxes) {
    left = Math.min(left, box[0]);
    top = Math.min(top, box[1]);
    right = Math.max(right, box[2]);
    bottom = Math.max(bottom, box[3]);
  }
  return [left, top, right, bottom];
};

// How high the digits of a line are: half of its ink belongs to pieces this high or higher.
export const lineHeight = (pieces: readonly Piece<unknown>[]): number => {
  const sorted = [...pieces].sort((a, b) => heightOf(a.box) - heightOf(b.box));
  const half = sorted.reduce((sum, { mass }) => sum + mass, 0) / 2;
  let sum = 0;
  for (const { box, mass } of sorted) if ((sum += mass) >= half) return heightOf(box);
  return 0;
};

// Whether it may be the bar of a 5: level, and about as long as a digit is wide.
export const isBar = ({ box }: Piece<unknown>, height: number): boolean => {
  const [wide, high] = [widthOf(box), heightOf(box)];
  return 0.25 * height <= wide && wide <= height && high >= 0.06 * height && wide > 2 * high;
};

// Every run of up to six neighbors that may be one digit, drawn as 28x28 by `draw`.
export const spansOf = <Ink>(line: readonly Piece<Ink>[], draw: (pieces: readonly Piece<Ink>[]) => Uint8Array): Span[] => {
  const height = lineHeight(line);
  const spans: Span[] = [];
  for (let first = 0; first < line.length; first++)
    for (let last = first + 1; last <= Math.min(line.length, first + PARTS); last++) {
      const run = line.slice(first, last);
      const box = around(run.map((piece) => piece.box));
      const far = run.some((piece, i) => i > 0 && piece.box[0] - run[i - 1].box[2] > GAP * height);
      if (last > first + 1 && (far || widthOf(box) > WIDEST * Math.max(height, heightOf(box)))) break;
      spans.push({ first, last, box: around(run.map((piece) => piece.place)), pixels: draw(run) });
    }
  return spans;
};

// The spans that account for a line best, as indices, from left to right. Each piece is part of one digit or is left
// out, the cheaper the lower it is; a digit costs what its confidence lacks.
export const bestPath = (line: readonly Piece<unknown>[], spans: readonly Span[], confidences: readonly number[]): number[] => {
  const height = lineHeight(line);
  const best = new Float64Array(line.length + 1).fill(Infinity);
  const chosen = new Int32Array(line.length + 1).fill(-1);
  best[0] = 0;
  line.forEach(({ box }, first) => {
    const out = best[first] + LEFT_OUT * Math.min(1, height ? heightOf(box) / height : 1) ** 2;
    if (out < best[first + 1]) {
      best[first + 1] = out;
      chosen[first + 1] = -1;
    }
    spans.forEach((span, index) => {
      if (span.first !== first) return;
      const cost = best[first] + ONE_MORE - Math.log(Math.max(confidences[index], 1e-9));
      if (cost < best[span.last]) {
        best[span.last] = cost;
        chosen[span.last] = index;
      }
    });
  });
  const path: number[] = [];
  for (let at = line.length; at > 0; ) {
    const taken = chosen[at];
    if (taken >= 0) path.unshift(taken);
    at = taken >= 0 ? spans[taken].first : at - 1;
  }
  return path;
};
