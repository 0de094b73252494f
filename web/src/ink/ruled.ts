// Ruled lines and squares: long, straight, thin, and not written by a hand. tenfold/ink/ruled.py, step for step.

import { plane, quantile, roundHalfEven, type Plane } from "./plane.js";

const SLOPES = Array.from({ length: 81 }, (_, i) => (i === 80 ? 0.2 : i * (0.4 / 80) - 0.2));
const THICK = 0.01;
const STRAYS = 0.004;
const FAINT = Math.fround(0.15);
const MOST = 60;
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
  readonly lines: number[];
  readonly tops: number[];
  readonly ends: number[];
}

// The same ink where nothing is ruled.
export const dropRuledLines = (ink: Plane, covers: number): Plane => {
  const { width, height, data } = ink;
  const inked = new Uint8Array(data.length);
  for (let i = 0; i < data.length; i++) inked[i] = data[i] > FAINT ? 1 : 0;
  const ruled = new Uint8Array(data.length);
  const level = markRuled(inked, { count: width, length: height, next: 1, step: width }, covers, ruled);
  const upright = markRuled(inked, { count: height, length: width, next: width, step: 1 }, covers, ruled);
  if (!level && !upright) return ink;
  const rest = plane(width, height, data.slice());
  for (let i = 0; i < data.length; i++) if (ruled[i]) rest.data[i] = 0;
  return rest;
};

// Marks the pixels of lines that go across the way; whether there are any.
const markRuled = (inked: Uint8Array, way: Way, covers: number, ruled: Uint8Array): boolean => {
  const longest = Math.max(way.count, way.length);
  const stray = Math.max(1.5, STRAYS * longest);
  const { lines, tops, ends } = runs(inked, way, Math.max(3, roundHalfEven(THICK * longest)));
  const least = covers * way.count;
  if (lines.length < least) return false;
  const middles = Float64Array.from(tops, (top, i) => (top + ends[i] - 1) / 2);
  const votes = ballot(lines, middles, stray, way);
  const off = new Float64Array(lines.length);
  let left = Int32Array.from(lines, (_, i) => i);
  votes.cast(left, 1);
  let any = false;
  for (let found = 0; found < MOST && left.length >= least; found++) {
    const best = votes.most(least);
    if (!best) break;
    for (const i of left) off[i] = middles[i] - best.slope * lines[i] - best.height;
    let near = within(left, off, 1.5 * stray);
    if (near.length === 0) break;
    for (let bend = 0; bend < BENDS && (bend > 0 || near.length >= BENDABLE); bend++) {
      const curve = parabola(near, lines, off);
      for (const i of left) off[i] -= curve(lines[i]);
      near = within(left, off, 1.5 * stray);
    }
    const kept = onPath(Float64Array.from(near, (i) => off[i]), Float64Array.from(near, (i) => ends[i] - tops[i]));
    near.forEach((i, k) => {
      if (!kept[k]) return;
      any = true;
      for (let place = tops[i]; place < ends[i]; place++) ruled[lines[i] * way.next + place * way.step] = 1;
    });
    votes.cast(near, -1);
    left = left.filter((i) => Math.abs(off[i]) > 1.5 * stray);
  }
  return any;
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
  const thickest = 1.5 * quantile(thickness, 0.9) + 1;
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
const parabola = (near: Int32Array, xs: readonly number[], ys: Float64Array): ((x: number) => number) => {
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
  // Has runs vote, or takes their votes back.
  readonly cast: (runs: Int32Array, change: 1 | -1) => void;
  // The slope and the height at line 0 that most runs lie on, where at least `least` do.
  readonly most: (least: number) => { slope: number; height: number } | null;
}

// Each run votes, by its middle, for one line of every slope. Votes stay from one line that is found to the next.
const ballot = (lines: readonly number[], middles: Float64Array, stray: number, way: Way): Ballot => {
  // The steepest lines leave the picture by this many bins above it, and below.
  const above = Math.ceil((0.2 * way.count) / stray) + 1;
  const bins = 2 * above + Math.ceil(way.length / stray) + 2;
  const votes = new Int32Array(SLOPES.length * bins);
  const slopes = Float64Array.from(SLOPES);
  const cast = (runs: Int32Array, change: 1 | -1) => {
    for (const i of runs) {
      const [line, middle] = [lines[i], middles[i]];
      for (let k = 0, at = above; k < slopes.length; k++, at += bins)
        votes[at + Math.floor((middle - slopes[k] * line) / stray)] += change;
    }
  };
  const most = (least: number) => {
    let best = least;
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
      if (count < best) return;
      best = count + 1;
      found = { slope, height: (place + 1 - above) * stray };
    });
    return found;
  };
  return { cast, most };
};

// Each run of set pixels down a line, unless it is thicker than `thick`.
const runs = (inked: Uint8Array, { count, length, next, step }: Way, thick: number): Runs => {
  const found: Runs = { lines: [], tops: [], ends: [] };
  for (let line = 0; line < count; line++)
    for (let top = 0; top < length; top++) {
      if (!inked[line * next + top * step]) continue;
      let end = top + 1;
      while (end < length && inked[line * next + end * step]) end++;
      if (end - top <= thick) {
        found.lines.push(line);
        found.tops.push(top);
        found.ends.push(end);
      }
      top = end;
    }
  return found;
};
