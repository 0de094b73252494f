// Ruled lines and squares: tenfold/ink/ruled.py, step for step.

import { mapped, mask, where, type Mask, type Plane } from "./plane.js";

const SLOPES = Array.from({ length: 81 }, (_, i) => -0.2 + (0.4 * i) / 80);
const THICK = 0.01;
const STRAYS = 0.004;
const FAINT = 0.15;
const MOST = 60;

interface Run {
  readonly column: number;
  readonly top: number;
  readonly end: number;
  readonly middle: number;
}

// The same ink where nothing is ruled.
export const dropRuledLines = (ink: Plane, covers: number): Plane => {
  const inked = where(ink, (value) => value > FAINT);
  const level = levelLines(inked, covers);
  const upright = turned(levelLines(turned(inked), covers));
  const ruled = level.data.map((set, i) => set | upright.data[i]);
  return ruled.some((set) => set) ? mapped(ink, (value, i) => (ruled[i] ? 0 : value)) : ink;
};

const levelLines = (inked: Mask, covers: number): Mask => {
  const longest = Math.max(inked.width, inked.height);
  const thick = Math.max(3, roundHalfEven(THICK * longest));
  const stray = Math.max(1.5, STRAYS * longest);
  let left = runs(inked).filter((run) => run.end - run.top <= thick);
  const found = mask(inked.width, inked.height);
  for (let line = 0; line < MOST; line++) {
    const best = bestLine(left, stray, covers * inked.width);
    if (!best) break;
    const on = (run: Run) => Math.abs(run.middle - best.slope * run.column - best.height) <= 1.5 * stray;
    for (const run of left.filter(on))
      for (let y = run.top; y < run.end; y++) found.data[y * inked.width + run.column] = 1;
    left = left.filter((run) => !on(run));
  }
  return found;
};

const bestLine = (found: readonly Run[], stray: number, least: number): { slope: number; height: number } | null => {
  if (found.length < least) return null;
  let best = least;
  let line: { slope: number; height: number } | null = null;
  for (const slope of SLOPES) {
    const heights = found.map((run) => (run.middle - slope * run.column) / stray);
    const lowest = Math.floor(heights.reduce((a, b) => Math.min(a, b), Infinity));
    const most = heights.reduce((a, b) => Math.max(a, b), -Infinity);
    const votes = new Int32Array(Math.trunc(most - lowest) + 1);
    for (const height of heights) votes[Math.trunc(height - lowest)]++;
    const pairs = votes.length > 1 ? votes.subarray(1).map((count, i) => count + votes[i]) : votes;
    const place = pairs.reduce((found, count, i) => (count > pairs[found] ? i : found), 0);
    if (pairs[place] >= best) {
      best = pairs[place] + 1;
      line = { slope, height: (place + 1 + lowest) * stray };
    }
  }
  return line;
};

// Each run of set pixels down a column.
const runs = ({ width, height, data }: Mask): Run[] => {
  const found: Run[] = [];
  for (let column = 0; column < width; column++)
    for (let top = 0; top < height; top++) {
      if (!data[top * width + column]) continue;
      let end = top + 1;
      while (end < height && data[end * width + column]) end++;
      found.push({ column, top, end, middle: (top + end - 1) / 2 });
      top = end;
    }
  return found;
};

const turned = ({ width, height, data }: Mask): Mask => {
  const other = mask(height, width);
  for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) other.data[x * height + y] = data[y * width + x];
  return other;
};

// Python's round.
const roundHalfEven = (x: number): number => {
  const low = Math.floor(x);
  if (x - low !== 0.5) return Math.round(x);
  return low % 2 === 0 ? low : low + 1;
};
