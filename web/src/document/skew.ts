// The angle of a page: where its printed lines or its writing are level, ink lies in the fewest rows.
// tenfold/document/skew.py, step for step.

import { quantile, type Mask } from "../ink/plane.js";

// As NumPy's arange makes them.
const range = (start: number, stop: number, step: number): number[] => {
  const apart = start + step - start;
  return Array.from({ length: Math.ceil((stop - start) / step) }, (_, i) => start + i * apart);
};

// As in tenfold/document/skew.py, which says what each is for.
const ANGLES = range(-46, 47, 2);
const FINER = range(-1.75, 2, 0.25);
const LINES = range(-15, 15.5, 0.5);
const LINES_FINER = range(-0.4, 0.5, 0.1);
const VOTES = 6000;
const BETTER = 1.12;
const STRAIGHTER = 1.25;
const ASKEW = 3;
const LINES_ASKEW = 0.6;
const LONGER = 2.2;
const ONE_LINE = 2;
const INNER = [0.1, 0.9];

interface Votes {
  readonly x: Float64Array;
  readonly y: Float64Array;
}

// Degrees that printed lines fall to the right, -15 to 15; 0 where there are none, or where they are level.
export const linesAngle = (inked: Mask): number => {
  const votes = votesOf(inked);
  if (votes.x.length === 0) return 0;
  const best = bestOf(votes, LINES, LINES_FINER, 1.5);
  const most = score(votes, best, 1.5);
  const straighter = most >= STRAIGHTER * score(votes, 0, 1.5);
  // Writing is askew by any angle; only lines are this much straighter than at angles near.
  const sharp = most >= STRAIGHTER * Math.max(score(votes, best - 3, 1.5), score(votes, best + 3, 1.5));
  return Math.abs(best) >= LINES_ASKEW && straighter && sharp ? best : 0;
};

// Degrees that the lines of writing fall to the right, -46 to 46; 0 where nothing speaks for another angle. inked: all ink.
// written: that of writing. height: of a digit.
export const writingAngle = (inked: Mask, written: Mask, height: number): number => {
  const votes = votesOf(written);
  if (votes.x.length === 0) return 0;
  const row = Math.max(1, height / 6);
  const best = bestOf(votes, ANGLES, FINER, row);
  if (Math.abs(best) < ASKEW || score(votes, best, row) < BETTER * score(votes, 0, row)) return 0;
  const along = lengthOf(turned({ x: votes.y.map((y) => -y), y: votes.x }, best));
  if (along < LONGER * Math.min(lengthOf(turned(votes, best)), ONE_LINE * height)) return 0;
  const all = votesOf(inked);
  return heightOf(all.y) <= Math.min(ONE_LINE * height, heightOf(turned(all, best))) ? 0 : best;
};

// The rows of places once the page is turned by the angle.
const turned = ({ x, y }: Votes, angle: number): Float64Array => {
  const [cos, sin] = [Math.cos(radians(angle)), Math.sin(radians(angle))];
  return y.map((row, i) => row * cos - x[i] * sin);
};

const heightOf = (rows: Float64Array): number => {
  const [low, high] = INNER.map((share) => quantile(rows, share));
  return high - low;
};

// NumPy multiplies, too.
export const radians = (degrees: number): number => degrees * (Math.PI / 180);

const lengthOf = (values: Float64Array): number => {
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return high - low;
};

// The places of set pixels, row by row; of too many, every so many.
const votesOf = ({ width, data }: Mask): Votes => {
  let count = 0;
  for (let i = 0; i < data.length; i++) count += data[i];
  const step = Math.max(1, Math.ceil(count / VOTES));
  const [x, y] = [new Float64Array(Math.ceil(count / step)), new Float64Array(Math.ceil(count / step))];
  for (let i = 0, seen = 0; i < data.length; i++) {
    if (!data[i] || seen++ % step > 0) continue;
    const at = (seen - 1) / step;
    x[at] = i % width;
    y[at] = Math.floor(i / width);
  }
  return { x, y };
};

const bestOf = (votes: Votes, angles: readonly number[], finer: readonly number[], row: number): number => {
  const best = highest(angles, (angle) => score(votes, angle, row));
  return highest(finer.map((more) => best + more), (angle) => score(votes, angle, row));
};

// The first of the highest.
const highest = (values: readonly number[], rate: (value: number) => number): number => {
  let [best, most] = [values[0], -Infinity];
  for (const value of values) {
    const rated = rate(value);
    if (rated > most) [best, most] = [value, rated];
  }
  return best;
};

// How much ink lies in few rows, each `row` pixels high, once the page is turned by the angle.
const score = (votes: Votes, angle: number, row: number): number => {
  const across = turned(votes, angle);
  let [low, high] = [Infinity, -Infinity];
  for (let i = 0; i < across.length; i++) {
    const place = across[i] / row;
    across[i] = place;
    if (place < low) low = place;
    if (place > high) high = place;
  }
  // Neighboring rows count half, so that the borders of the bins do not matter: one more on each side.
  const counts = new Float64Array(Math.trunc(high - low) + 5);
  for (let i = 0; i < across.length; i++) counts[2 + Math.trunc(across[i] - low)]++;
  let sum = 0;
  for (let bin = 1; bin < counts.length - 1; bin++) sum += (0.5 * counts[bin - 1] + counts[bin] + 0.5 * counts[bin + 1]) ** 2;
  return sum;
};
