// A photo or scan of handwriting -> its ink: what is written or printed, without shade, shadow and paper.
// tenfold/ink/page.py, step for step. `Math.fround` stands where NumPy rounds to single precision, so that no threshold
// falls otherwise.

import { closing, meanFilter, medianFilter } from "./filters.js";
import { FAINTEST, detailIsBright, inverted } from "./ground.js";
import { border, cut, median, plane, type Plane } from "./plane.js";
import { BILINEAR, reduce, reduction, resize } from "./resize.js";

// As in tenfold/ink/page.py, which says what each is for.
const PAPER = 200;
const DETAIL = 120;
const AROUND = 0.12;
const TILES = 12;
const LEAST = 100;
const SMALL = 400;
const EVEN = 0.9;
const SAME = 0.02;
const { fround } = Math;

// Luminance of a page -> ink, 0 paper; 1 as dark as the typical stroke.
export const findPageInk = (gray: Plane): Plane => {
  const edge = border(gray);
  const paper = median(edge);
  const same = edge.filter((value) => fround(Math.abs(fround(value - paper))) <= fround(SAME)).length;
  if (Math.max(gray.width, gray.height) > SMALL || same / edge.length < EVEN) return findInk(gray);
  const margin = Math.floor(Math.min(gray.width, gray.height) / 2) + 1;
  const wider = cut(gray, -margin, -margin, gray.width + 2 * margin, gray.height + 2 * margin, paper);
  return cut(findInk(wider), margin, margin, gray.width, gray.height);
};

const findInk = (given: Plane): Plane => {
  const small = reduce(given, reduction(given, DETAIL));
  const gray = detailIsBright(small, around(small)) ? inverted(given) : given;
  const paper = localPaper(gray);
  const depth = plane(gray.width, gray.height);
  const ink = depth.data;
  const table = fround(fround(0.4) * median(paper.data));
  const darkest = fround(0.02);
  for (let i = 0; i < ink.length; i++) {
    const light = paper.data[i];
    // The table beside the paper is no paper.
    if (light >= table) ink[i] = Math.max(0, 1 - fround(gray.data[i] / (light > darkest ? light : darkest)));
  }
  const noise = localNoise(depth).data;
  const most = fround(2.5);
  for (let i = 0; i < ink.length; i++) ink[i] = Math.max(0, ink[i] - fround(most * noise[i]));
  const level = inkLevel(ink);
  if (level < FAINTEST) return plane(gray.width, gray.height);
  const whole = fround(level);
  for (let i = 0; i < ink.length; i++) ink[i] = Math.min(1, ink[i] / whole);
  return depth;
};

const around = ({ width, height }: Plane): number => Math.max(3, Math.trunc(AROUND * Math.max(width, height)) | 1);

// How bright the paper is at each place: the brightest of the neighborhood, but for what is smaller than it.
export const localPaper = (gray: Plane): Plane => {
  const block = Math.max(1, Math.floor(Math.max(gray.width, gray.height) / PAPER));
  const small = reduce(gray, block);
  const window = around(small);
  const closed = closing(medianFilter(small, 3), window);
  const paper = meanFilter(closed, Math.max(3, window >> 1));
  // At the edge of a shadow, the paper on its dark side is not as bright as the mean around it.
  for (let i = 0; i < paper.data.length; i++) if (closed.data[i] < paper.data[i]) paper.data[i] = closed.data[i];
  return block === 1 ? paper : resize(paper, gray.width, gray.height, BILINEAR);
};

// The median depth around each place; of tiles full of ink, of those next to them.
const localNoise = ({ width, height, data }: Plane): Plane => {
  const [across, down] = [tilesOf(width), tilesOf(height)];
  const tiles = plane(across.length - 1, down.length - 1);
  for (let v = 0, to = 0; v < tiles.height; v++)
    for (let u = 0; u < tiles.width; u++) {
      const some: number[] = [];
      for (let y = down[v]; y < down[v + 1]; y += 3)
        for (let x = across[u]; x < across[u + 1]; x += 3) some.push(data[y * width + x]);
      tiles.data[to++] = median(Float32Array.from(some));
    }
  return resize(medianFilter(tiles, 3), width, height, BILINEAR);
};

// Where tiles begin, and where the last one ends.
const tilesOf = (length: number): number[] => {
  const count = Math.max(1, Math.min(TILES, Math.floor(length / LEAST)));
  return Array.from({ length: count + 1 }, (_, i) => (i === count ? length : Math.trunc(i * (length / count))));
};

const BINS = 128;

// How far a typical stroke departs from the paper: the mean of what Otsu's threshold keeps.
export const inkLevel = (depth: Float32Array): number => {
  const { counts, edges } = histogram(depth);
  const middles = counts.map((_, bin) => fround(fround(edges[bin] + edges[bin + 1]) / 2));
  let [total, whole] = [0, 0];
  for (let bin = 1; bin < BINS; bin++) total += counts[bin];
  // Plain paper would outweigh all ink.
  counts[0] = Math.min(counts[0], total * 4);
  total += counts[0];
  for (let bin = 0; bin < BINS; bin++) whole += counts[bin] * middles[bin];
  let [below, mass, cut, most] = [0, 0, 0, 0];
  for (let bin = 0; bin < BINS - 1; bin++) {
    below += counts[bin];
    mass += counts[bin] * middles[bin];
    const above = total - below;
    const between = below * above * (mass / below - (whole - mass) / above) ** 2;
    // Not so where there is nothing on one side: NaN.
    if (between > most) [cut, most] = [bin, between];
  }
  let [kept, sum] = [0, 0];
  for (let bin = cut + 1; bin < BINS; bin++) {
    kept += counts[bin];
    sum += counts[bin] * middles[bin];
  }
  return kept ? sum / kept : 0;
};

// As NumPy's: bins of equal width from 0 to the largest value, edges in single precision.
const histogram = (values: Float32Array): { counts: Float64Array; edges: Float32Array } => {
  let most = 1e-6;
  for (let i = 0; i < values.length; i++) if (values[i] > most) most = values[i];
  const edges = Float32Array.from({ length: BINS + 1 }, (_, bin) => (bin === BINS ? most : bin * (most / BINS)));
  const counts = new Float64Array(BINS);
  for (let i = 0; i < values.length; i++) {
    // Most of a page is paper.
    if (values[i] === 0) {
      counts[0]++;
      continue;
    }
    let bin = Math.min(BINS - 1, Math.trunc((values[i] / most) * BINS));
    if (values[i] < edges[bin]) bin--;
    else if (bin < BINS - 1 && values[i] >= edges[bin + 1]) bin++;
    counts[bin]++;
  }
  return { counts, edges };
};
