// Ruled lines and squares: tenfold/ink/ruled.py, step for step.

import { mapped, mask, where, type Mask, type Plane } from "./plane.js";

const SLOPES = Array.from({ length: 81 }, (_, i) => -0.2 + (0.4 * i) / 80);
const THICK = 0.01;
const STRAYS = 0.004;
const FAINT = 0.15;
const MOST = 60;
const BENDS = 2;
const BENDABLE = 16;

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
    const near = (off: Float64Array) => left.flatMap((_, i) => (Math.abs(off[i]) <= 1.5 * stray ? [i] : []));
    let off = Float64Array.from(left, (run) => run.middle - best.slope * run.column - best.height);
    const first = near(off);
    if (first.length === 0) break;
    for (let bend = 0; bend < (first.length >= BENDABLE ? BENDS : 0); bend++) {
      const on = near(off);
      const curve = parabola(
        on.map((i) => left[i].column),
        on.map((i) => off[i]),
      );
      off = off.map((value, i) => value - curve(left[i].column));
    }
    const on = near(off);
    const kept = onPath(
      on.map((i) => off[i]),
      on.map((i) => left[i].end - left[i].top),
    );
    on.forEach((i, k) => {
      if (kept[k]) for (let y = left[i].top; y < left[i].end; y++) found.data[y * inked.width + left[i].column] = 1;
    });
    const gone = new Set(on);
    left = left.filter((_, i) => !gone.has(i));
  }
  return found;
};

// Which runs near a line are the line's, from left to right.
const onPath = (off: readonly number[], thickness: readonly number[]): boolean[] => {
  const half = Math.max(1, Math.floor(off.length / 12)) >> 1;
  const away = off.map((value, i) => {
    const around = [];
    for (let k = i - half; k <= i + half; k++) around.push(off[Math.min(off.length - 1, Math.max(0, k))]);
    return Math.abs(value - quantile(around, 0.5));
  });
  const spread = Math.max(2, 3 * quantile(away, 0.5), quantile(thickness, 0.5));
  const thickest = 1.5 * quantile(thickness, 0.9) + 1;
  return away.map((value, i) => value <= spread && thickness[i] <= thickest);
};

// The parabola through the points, by least squares.
const parabola = (xs: readonly number[], ys: readonly number[]): ((x: number) => number) => {
  const middle = xs.reduce((sum, x) => sum + x, 0) / xs.length;
  const reach = Math.max(1, ...xs.map((x) => Math.abs(x - middle)));
  const moments = new Float64Array(5);
  const right = new Float64Array(3);
  xs.forEach((x, i) => {
    const u = (x - middle) / reach;
    for (let power = 0; power < 5; power++) moments[power] += u ** power;
    for (let power = 0; power < 3; power++) right[power] += ys[i] * u ** power;
  });
  const rows = [0, 1, 2].map((row) => [moments[row], moments[row + 1], moments[row + 2], right[row]]);
  for (let pivot = 0; pivot < 3; pivot++)
    for (let row = 0; row < 3; row++) {
      if (row === pivot || rows[pivot][pivot] === 0) continue;
      const share = rows[row][pivot] / rows[pivot][pivot];
      for (let k = pivot; k < 4; k++) rows[row][k] -= share * rows[pivot][k];
    }
  const [a, b, c] = rows.map((row, i) => (row[i] === 0 ? 0 : row[3] / row[i]));
  return (x) => {
    const u = (x - middle) / reach;
    return a + b * u + c * u * u;
  };
};

// As NumPy's quantile: linear between the two nearest.
const quantile = (values: readonly number[], share: number): number => {
  const sorted = [...values].sort((a, b) => a - b);
  const place = share * (sorted.length - 1);
  const low = Math.floor(place);
  return sorted[low] + (place - low) * ((sorted[low + 1] ?? sorted[low]) - sorted[low]);
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
