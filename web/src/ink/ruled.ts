// Ruled lines and squares: long, straight, thin, and not written by a hand. tenfold/ink/ruled.py, step for step.

import { above, add, isEmpty, placesOf } from "./masks.js";
import { mask, plane, quantile, roundHalfEven, type Mask, type Plane } from "./plane.js";

// As in tenfold/ink/ruled.py, which says what each is for.
export const FAINT = 0.15;
// Ink that holds a stroke together.
export const INKED = 0.3;
const SLOPES = Array.from({ length: 81 }, (_, i) => (i === 80 ? 0.2 : i * (0.4 / 80) - 0.2));
const THICK = 0.01;
const STRAYS = 0.004;
const MOST = 150;
const COLUMNS = 400;
const STANDS_OUT = 3;
const WHOLE = 0.8;
const BENDS = 2;
const BENDABLE = 16;

// Pixels as lines to look down: how many, how long, from one line to the next, from one pixel to the next.
interface Way {
  readonly count: number;
  readonly length: number;
  readonly next: number;
  readonly step: number;
}

// Runs of ink down the lines of a way: which line, the first pixel, and the pixel after the last.
interface Runs {
  readonly lines: Int32Array;
  readonly tops: Int32Array;
  readonly ends: Int32Array;
}

// The same ink where nothing is ruled.
export const dropRuledLines = (ink: Plane, covers: number): Plane => {
  const inked = above(ink, FAINT);
  const ruled = ruledLines(inked, covers, "level");
  add(ruled, ruledLines(inked, covers, "upright"));
  if (isEmpty(ruled)) return ink;
  const rest = plane(ink.width, ink.height, ink.data.slice());
  for (const i of placesOf(ruled)) rest.data[i] = 0;
  return rest;
};

// The pixels of lines that ink `covers` of the picture's columns at least, or of its rows.
export const ruledLines = (inked: Mask, covers: number, direction: "level" | "upright"): Mask => {
  const { width, height } = inked;
  const found = mask(width, height);
  const way =
    direction === "level"
      ? { count: width, length: height, next: 1, step: width }
      : { count: height, length: width, next: width, step: 1 };
  const longest = Math.max(width, height);
  const stray = Math.max(1.5, STRAYS * longest);
  const { lines, tops, ends } = runs(inked, way, Math.max(3, roundHalfEven(THICK * longest)));
  const least = covers * way.count;
  if (lines.length < least) return found;
  const middles = new Float64Array(tops.length);
  for (let i = 0; i < tops.length; i++) middles[i] = (tops[i] + ends[i] - 1) / 2;
  const votes = ballot(lines, middles, stray, way);
  const off = new Float64Array(lines.length);
  let left = lines.map((_, i) => i);
  for (let turn = 0; turn < MOST && left.length >= least; turn++) {
    const best = votes.most(left, least);
    if (!best) break;
    for (const i of left) off[i] = middles[i] - best.slope * lines[i] - best.height;
    let near = within(left, off, 1.5 * stray);
    if (near.length === 0) break;
    const bends: ((line: number) => number)[] = [(line) => best.slope * line + best.height];
    for (let bend = 0; bend < BENDS && (bend > 0 || near.length >= BENDABLE); bend++) {
      const curve = parabola(near, lines, off);
      for (const i of left) off[i] -= curve(lines[i]);
      bends.push(curve);
      near = within(left, off, 1.5 * stray);
    }
    votes.takeBack(near);
    left = left.filter((i) => Math.abs(off[i]) > 1.5 * stray);
    const path = (line: number): number => bends.reduce((sum, bend) => sum + bend(line), 0);
    if (near.length === 0 || inkedShare(inked.data, way, path, lines, near, stray) < WHOLE) continue;
    const kept = onPath(Float64Array.from(near, (i) => off[i]), Float64Array.from(near, (i) => ends[i] - tops[i]));
    near.forEach((i, k) => {
      if (!kept[k]) return;
      for (let place = tops[i]; place < ends[i]; place++) found.data[lines[i] * way.next + place * way.step] = 1;
    });
  }
  return found;
};

// The share of the lines from the first that a ruled line crosses to the last that have ink near its path.
const inkedShare = (
  data: Uint8Array,
  { length, next, step }: Way,
  path: (line: number) => number,
  lines: Int32Array,
  near: Int32Array,
  stray: number,
): number => {
  let [first, last] = [Infinity, -Infinity];
  for (const i of near) {
    first = Math.min(first, lines[i]);
    last = Math.max(last, lines[i]);
  }
  const reach = Math.max(1, roundHalfEven(stray / 3));
  let inked = 0;
  for (let line = first; line <= last; line++) {
    const middle = roundHalfEven(path(line));
    for (let away = -reach; away <= reach; away++) {
      if (!data[line * next + Math.min(Math.max(middle + away, 0), length - 1) * step]) continue;
      inked++;
      break;
    }
  }
  return inked / (last - first + 1);
};

const within = (runs: Int32Array, off: Float64Array, reach: number): Int32Array<ArrayBuffer> => {
  const near = new Int32Array(runs.length);
  let count = 0;
  for (const i of runs) if (Math.abs(off[i]) <= reach) near[count++] = i;
  return near.slice(0, count);
};

// Which runs near a line are the line's, from one end to the other.
const onPath = (off: Float64Array, thickness: Float64Array): boolean[] => {
  const path = runningMedian(off, Math.max(1, Math.floor(off.length / 12)) | 1);
  const away = off.map((value, i) => Math.abs(value - path[i]));
  const spread = Math.max(2, 3 * quantile(away, 0.5), quantile(thickness, 0.5));
  const thickest = 2 * quantile(thickness, 0.5) + 1;
  return Array.from(away, (value, i) => value <= spread && thickness[i] <= thickest);
};

// Of an odd window; beyond the ends, the ends' own values.
const runningMedian = (values: Float64Array, window: number): Float64Array => {
  const half = window >> 1;
  const at = (place: number) => values[Math.min(values.length - 1, Math.max(0, place))];
  const sorted = Float64Array.from({ length: window }, (_, i) => at(i - half - 1)).sort();
  return values.map((_, i) => {
    // The value that enters replaces the one that leaves, then moves to its sorted position.
    let place = sorted.indexOf(at(i - half - 1));
    const value = at(i + half);
    for (; place > 0 && sorted[place - 1] > value; place--) sorted[place] = sorted[place - 1];
    for (; place < window - 1 && sorted[place + 1] < value; place++) sorted[place] = sorted[place + 1];
    sorted[place] = value;
    return sorted[half];
  });
};

// The parabola through the runs nearby, by least squares.
const parabola = (near: Int32Array, xs: Int32Array, ys: Float64Array): ((x: number) => number) => {
  const middle = near.reduce((sum, i) => sum + xs[i], 0) / near.length;
  const reach = near.reduce((most, i) => Math.max(most, Math.abs(xs[i] - middle)), 1);
  const moments = new Float64Array(5);
  const right = new Float64Array(3);
  for (const i of near) {
    const u = (xs[i] - middle) / reach;
    for (let power = 0, share = 1; power < 5; power++, share *= u) {
      moments[power] += share;
      if (power < 3) right[power] += ys[i] * share;
    }
  }
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

interface Ballot {
  // The slope and the height at line 0 that most of the runs that are left lie on, where at least `least` do.
  readonly most: (left: Int32Array, least: number) => { slope: number; height: number } | null;
  readonly takeBack: (runs: Int32Array) => void;
}

// Each run votes, by its middle, for one line of every slope. Votes stay from one line that is found to the next.
const ballot = (lines: Int32Array, middles: Float64Array, stray: number, way: Way): Ballot => {
  // The steepest lines leave the picture by this many bins above it, and below.
  const beyond = Math.ceil((0.2 * way.count) / stray) + 1;
  const bins = 2 * beyond + Math.ceil(way.length / stray) + 2;
  const votes = new Int32Array(SLOPES.length * bins);
  const slopes = Float64Array.from(SLOPES);
  // Some of the lines speak for all: every so many.
  let step = 0;
  const cast = (runs: Int32Array, change: 1 | -1) => {
    for (const i of runs) {
      const [line, middle] = [lines[i], middles[i]];
      if (line % step > 0) continue;
      for (let k = 0, at = beyond; k < slopes.length; k++, at += bins)
        votes[at + Math.floor((middle - slopes[k] * line) / stray)] += change;
    }
  };
  const most = (left: Int32Array, least: number) => {
    let last = 0;
    for (const i of left) if (lines[i] > last) last = lines[i];
    const wanted = Math.max(1, Math.floor(last / COLUMNS));
    if (wanted !== step) {
      step = wanted;
      votes.fill(0);
      cast(left, 1);
    }
    let best = least / step;
    let found: { slope: number; height: number } | null = null;
    SLOPES.forEach((slope, k) => {
      const own = votes.subarray(k * bins, (k + 1) * bins);
      let [low, high] = [0, bins - 1];
      while (low < high && !own[low]) low++;
      while (low < high && !own[high]) high--;
      // A line may lie on the border between two bins.
      let place = low;
      let count = low === high ? own[low] : 0;
      for (let bin = low; bin < high; bin++)
        if (own[bin] + own[bin + 1] > count) {
          place = bin;
          count = own[bin] + own[bin + 1];
        }
      // The grain of paper lies on lines everywhere.
      if (count < best || count < STANDS_OUT * quantile(pairsOf(own, low, high), 0.25)) return;
      best = count + 1;
      found = { slope, height: (place + 1 - beyond) * stray };
    });
    return found;
  };
  return { most, takeBack: (runs) => cast(runs, -1) };
};

// The votes of each two bins side by side; of the one bin where there is but one.
const pairsOf = (votes: Int32Array, low: number, high: number): Int32Array =>
  low === high ? votes.slice(low, low + 1) : votes.slice(low, high).map((count, i) => count + votes[low + i + 1]);

// Each run of set pixels down a line, unless it is thicker than `thick`: line by line.
const runs = (inked: Mask, { count, length, next, step }: Way, thick: number): Runs => {
  const { data, width } = inked;
  const places = placesOf(inked);
  const [lines, tops, ends] = [new Int32Array(places.length), new Int32Array(places.length), new Int32Array(places.length)];
  let many = 0;
  for (const i of places) {
    const [row, column] = [Math.floor(i / width), i % width];
    const [line, top] = next === 1 ? [column, row] : [row, column];
    if (top > 0 && data[i - step]) continue;
    let end = top + 1;
    while (end < length && data[i + (end - top) * step]) end++;
    if (end - top > thick) continue;
    lines[many] = line;
    tops[many] = top;
    ends[many++] = end;
  }
  if (next !== 1) return { lines: lines.slice(0, many), tops: tops.slice(0, many), ends: ends.slice(0, many) };
  // Found row by row.
  const starts = new Int32Array(count + 1);
  for (let i = 0; i < many; i++) starts[lines[i] + 1]++;
  for (let line = 0; line < count; line++) starts[line + 1] += starts[line];
  const found = { lines: new Int32Array(many), tops: new Int32Array(many), ends: new Int32Array(many) };
  for (let i = 0; i < many; i++) {
    const to = starts[lines[i]]++;
    found.lines[to] = lines[i];
    found.tops[to] = tops[i];
    found.ends[to] = ends[i];
  }
  return found;
};
