// A photo or scan of handwriting -> its ink, without shade, shadow, ruled lines, edges and specks: tenfold/ink/page.py,
// step for step. `Math.fround` stands where NumPy rounds to single precision, so that no threshold falls otherwise.

import { closing, meanFilter, medianFilter } from "./filters.js";
import { FAINTEST, detailIsBright, inverted } from "./ground.js";
import { border, cut, median, plane, type Plane } from "./plane.js";
import { BILINEAR, reduce, reduction, resize } from "./resize.js";
import { dropRuledLines } from "./ruled.js";

const PAPER = 200;
const AROUND = 0.12;
const RULED = 0.6;
// The small pictures whose paper is continued around them, as tenfold/ink/page.py says.
const SMALL = 400;
const EVEN = 0.9;
const SAME = 0.02;
const { fround } = Math;

// Luminance of a page -> ink, 0 paper; 1 as dark as the typical stroke.
export const findPageInk = (gray: Plane): Plane => {
  const edge = border(gray);
  const paper = median(edge);
  const same = edge.filter((value) => Math.abs(value - paper) <= SAME).length;
  if (Math.max(gray.width, gray.height) > SMALL || same < EVEN * edge.length) return findInk(gray);
  const margin = Math.floor(Math.min(gray.width, gray.height) / 2) + 1;
  const wider = cut(gray, -margin, -margin, gray.width + 2 * margin, gray.height + 2 * margin, paper);
  return cut(findInk(wider), margin, margin, gray.width, gray.height);
};

const findInk = (given: Plane): Plane => {
  const small = reduce(given, reduction(given, PAPER));
  const gray = detailIsBright(small, around(small)) ? inverted(given) : given;
  const paper = localPaper(gray);
  const depth = plane(gray.width, gray.height);
  const ink = depth.data;
  const table = fround(fround(0.4) * median(paper.data));
  const darkest = fround(0.02);
  for (let i = 0; i < ink.length; i++)
    // The table beside the paper is no paper.
    ink[i] = paper.data[i] < table ? 0 : Math.max(0, 1 - fround(gray.data[i] / Math.max(paper.data[i], darkest)));
  const noise = fround(localNoise(depth));
  for (let i = 0; i < ink.length; i++) ink[i] = Math.max(0, ink[i] - noise);
  const level = inkLevel(ink);
  if (level < FAINTEST) return plane(gray.width, gray.height);
  for (let i = 0; i < ink.length; i++) ink[i] = Math.min(1, ink[i] / fround(level));
  return dropRuledLines(depth, RULED);
};

const around = ({ width, height }: Plane): number => Math.max(3, Math.trunc(AROUND * Math.max(width, height)) | 1);

// How bright the paper is at each place: the brightest of the neighborhood, but for what is smaller than it.
export const localPaper = (gray: Plane): Plane => {
  const block = Math.max(1, Math.floor(Math.max(gray.width, gray.height) / PAPER));
  const small = reduce(gray, block);
  const window = around(small);
  const paper = meanFilter(closing(medianFilter(small, 3), window), Math.max(3, window >> 1));
  return block === 1 ? paper : resize(paper, gray.width, gray.height, BILINEAR);
};

// What most noise stays under.
const localNoise = ({ width, height, data }: Plane): number => {
  const some = new Float32Array(Math.ceil((height - Math.floor(height / 50)) / 7) * Math.ceil(width / 7));
  let count = 0;
  for (let y = Math.floor(height / 50); y < height; y += 7)
    for (let x = 0; x < width; x += 7) some[count++] = data[y * width + x];
  return 2.5 * median(some);
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
    let bin = Math.min(BINS - 1, Math.trunc((values[i] / most) * BINS));
    if (values[i] < edges[bin]) bin--;
    else if (bin < BINS - 1 && values[i] >= edges[bin + 1]) bin++;
    counts[bin]++;
  }
  return { counts, edges };
};
