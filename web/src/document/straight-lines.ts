// Straight lines through the places where the rows of a picture have steep steps: tenfold/document/straight_lines.py, step
// for step.

import type { Plane } from "../ink/plane.js";

// As in tenfold/document/straight_lines.py, which says what each is for.
const STEEPEST = 0.6;
const SLOPES = Array.from({ length: 61 }, (_, i) => (i === 60 ? STEEPEST : i * ((2 * STEEPEST) / 60) - STEEPEST));
const ON_LINE = 2;
const LOUDEST = 0.5;

// x = start + slope * y.
export interface StraightLine {
  readonly start: number;
  readonly slope: number;
}

interface Places {
  readonly across: number[];
  readonly down: number[];
  readonly weights: number[];
}

// The line with most votes first. steps: between the pixels x - 1 and x at column x - 2. least: the step of a place that
// votes. shortest: places that a line has at least. most: number of lines.
export const findStraightLines = (steps: Plane, least: number, shortest: number, most: number): StraightLine[] => {
  const { width, height } = steps;
  const places = placesOf(steps, Math.fround(least));
  const { across, down, weights } = places;
  const reach = Math.trunc((STEEPEST * height) / 2) + 3;
  const bins = width + 2 * reach + 4;
  const votes = new Float64Array(SLOPES.length * bins);
  const cast = (voters: readonly number[], sign: 1 | -1) => {
    for (const i of voters)
      SLOPES.forEach((slope, k) => (votes[k * bins + Math.trunc(across[i] - slope * down[i] + reach)] += sign * weights[i]));
  };
  let left = across.map((_, i) => i);
  cast(left, 1);
  const lines: StraightLine[] = [];
  while (lines.length < most) {
    const best = highest(votes, bins);
    if (!(best.votes >= least * shortest)) break;
    let line = { start: best.column + 0.5 - reach, slope: SLOPES[best.row] };
    const within = (far: number): number[] => left.filter((i) => Math.abs(across[i] - line.slope * down[i] - line.start) <= far);
    const taken = new Set(within(ON_LINE));
    if (!taken.size) break;
    for (let turn = 0; turn < 3; turn++) line = fitted(places, within(ON_LINE), line);
    for (const i of within(ON_LINE + 1)) taken.add(i);
    lines.push({ start: line.start - (line.slope * height) / 2, slope: line.slope });
    cast([...taken], -1);
    left = left.filter((i) => !taken.has(i));
  }
  return lines;
};

// Where steps are steepest, from the middle row down, so that start and slope are found apart.
const placesOf = ({ width, height, data }: Plane, least: number): Places => {
  const [across, down, weights]: number[][] = [[], [], []];
  for (let y = 0; y < height; y++)
    for (let x = 0, i = y * width + 1; x < width - 2; x++, i++) {
      if (!(data[i] >= least && data[i] >= data[i - 1] && data[i] > data[i + 1])) continue;
      across.push(x + 3);
      down.push(y + 0.5 - height / 2);
      weights.push(Math.min(data[i], LOUDEST));
    }
  return { across, down, weights };
};

// The first bin with most votes, those next to it counted too, except for the first and the last of a row.
const highest = (votes: Float64Array, bins: number): { row: number; column: number; votes: number } => {
  let best = { row: 0, column: 0, votes: -Infinity };
  for (let row = 0; row * bins < votes.length; row++)
    for (let column = 0, at = row * bins; column < bins; column++, at++) {
      const inner = column > 0 && column < bins - 1;
      const sum = inner ? votes[at - 1] + votes[at] + votes[at + 1] : votes[at];
      if (sum > best.votes) best = { row, column, votes: sum };
    }
  return best;
};

// The line nearest to places by weighted least squares; the line given if they are a spot.
const fitted = ({ across, down, weights }: Places, near: readonly number[], line: StraightLine): StraightLine => {
  let [total, x, t] = [0, 0, 0];
  for (const i of near) {
    total += weights[i];
    x += weights[i] * across[i];
    t += weights[i] * down[i];
  }
  if (total === 0) return line;
  const [middleX, middleT] = [x / total, t / total];
  let [spread, both] = [0, 0];
  for (const i of near) {
    const away = down[i] - middleT;
    spread += weights[i] * away ** 2;
    both += weights[i] * away * (across[i] - middleX);
  }
  // Within a row or two.
  if (spread < total) return line;
  const slope = both / spread;
  return { start: middleX - slope * middleT, slope };
};
