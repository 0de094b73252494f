// What is paper, what is written on it, and what is neither: tenfold/ink/ground.py, step for step.

import { closing, medianFilter } from "./filters.js";
import { label } from "./label.js";
import { border, cut, extent, mapped, maximum, median, minimum, plane, quantile, total, where, type Plane } from "./plane.js";
import { BILINEAR, reduce, resize } from "./resize.js";
import { dropRuledLines } from "./ruled.js";

// Ink must differ from paper by this much of the full range, or there is none to read.
export const FAINTEST = 0.06;
const SPECK = 0.02;
const SHADE = 0.35;
const HAZE = 0.12;
const FOG = 0.25;
const SMALL = 40;
const LEVEL = 0.05;
const STROKE = 0.3;
const RULED = 0.75;

export const findInk = (given: Plane): Plane => {
  if (Math.max(given.width, given.height) <= SMALL) return dropSpecks(smallInk(given));
  const gray = paperIsDark(given) ? inverted(given) : given;
  const paper = shadedPaper(gray);
  const depth = mapped(gray, (value, i) => Math.max(0, 1 - value / Math.max(paper.data[i], 0.02)));
  const ink = mapped(stretch(subtractNoise(depth)), (value) => (value < HAZE ? 0 : value));
  return dropSpecks(withoutLines(ink));
};

const smallInk = (given: Plane): Plane => {
  const turned = paperIsDark(given) ? inverted(given) : given;
  const level = levelPaper(turned);
  if (isEvenlyLit(turned, level))
    return stretch(subtractNoise(mapped(turned, (value) => Math.max(0, level - value))));
  const gray = detailIsBright(given, Math.trunc(STROKE * Math.max(given.width, given.height)) | 1) ? inverted(given) : given;
  const paper = shadedPaper(gray);
  const ink = stretch(mapped(gray, (value, i) => Math.max(0, paper.data[i] - value)));
  return mapped(ink, (value) => (value < FOG ? 0 : value));
};

export const inverted = (gray: Plane): Plane => mapped(gray, (value) => 1 - value);

export const paperIsDark = (gray: Plane): boolean => {
  const edge = border(gray);
  const mean = total(edge) / edge.length + total(gray.data) / gray.data.length;
  return mean < minimum(gray.data) + maximum(gray.data);
};

export const levelPaper = (gray: Plane): number => {
  const edge = border(gray);
  const middle = (maximum(edge) + minimum(gray.data)) / 2;
  return median(edge.filter((value) => value >= middle));
};

// Whether the border is paper of one brightness, but for the ink that runs over it.
const isEvenlyLit = (gray: Plane, paper: number): boolean => {
  const edge = border(gray);
  const ink = minimum(gray.data);
  const near = edge.filter((value) => Math.min(Math.abs(value - paper), Math.abs(value - ink)) < LEVEL);
  return near.length >= 0.5 * edge.length;
};

// By the skewness of the detail; what is fainter than any ink is paper's noise.
export const detailIsBright = (gray: Plane, window: number): boolean => {
  const around = medianFilter(gray, window);
  let [sum, most] = [0, 0];
  gray.data.forEach((value, i) => {
    const detail = value - around.data[i];
    sum += detail ** 3;
    most = Math.max(most, detail);
  });
  return sum > 0 && most >= FAINTEST;
};

export const shadedPaper = (gray: Plane): Plane => {
  const small = reduce(gray, Math.max(1, Math.floor(Math.max(gray.width, gray.height) / 60)));
  const window = Math.trunc(STROKE * Math.max(small.width, small.height)) | 1;
  const edge = Math.floor(window / 2);
  const closed = closing(repeated(medianFilter(small, 3), edge), window);
  return resize(cut(closed, edge, edge, small.width, small.height), gray.width, gray.height, BILINEAR);
};

// Continued on all sides by its own border.
export const repeated = ({ width, height, data }: Plane, edge: number): Plane => {
  const wide = plane(width + 2 * edge, height + 2 * edge);
  const held = (place: number, length: number) => Math.min(Math.max(place - edge, 0), length - 1);
  for (let y = 0; y < wide.height; y++)
    for (let x = 0; x < wide.width; x++) wide.data[y * wide.width + x] = data[held(y, height) * width + held(x, width)];
  return wide;
};

export const subtractNoise = (depth: Plane): Plane => {
  const most = maximum(depth.data);
  if (most < FAINTEST) return plane(depth.width, depth.height);
  const noise = Math.min(2 * quantile(border(depth), 0.9), 0.25 * most);
  return mapped(depth, (value) => Math.max(0, value - noise));
};

export const stretch = (depth: Plane): Plane => {
  const peak = maximum(depth.data);
  return peak === 0 ? depth : mapped(depth, (value) => value / peak);
};

export const withoutLines = (ink: Plane): Plane => {
  const rest = dropRuledLines(ink, RULED);
  if (rest === ink) return ink;
  const left = where(rest, (value) => value > 0.25).data.reduce((a, b) => a + b, 0);
  const whole = where(ink, (value) => value > 0.25).data.reduce((a, b) => a + b, 0);
  if (left < 0.1 * whole) return ink;
  const box = extent(mapped(rest, (value) => (value > 0.25 ? 1 : 0)));
  if (!box) return ink;
  const keepsOff = box.bottom - 1 - box.top < 0.95 * ink.height && box.right - 1 - box.left < 0.95 * ink.width;
  return keepsOff ? rest : ink;
};

export const dropSpecks = (ink: Plane): Plane => {
  const { labels, count } = label(where(ink, (value) => value > 0));
  if (count < 2) return ink;
  const masses = new Float64Array(count + 1);
  const peaks = new Float32Array(count + 1);
  ink.data.forEach((value, i) => {
    if (!labels[i]) return;
    masses[labels[i]] += value;
    peaks[labels[i]] = Math.max(peaks[labels[i]], value);
  });
  const largest = masses.reduce((a, b) => Math.max(a, b), 0);
  return mapped(ink, (value, i) =>
    labels[i] && masses[labels[i]] >= SPECK * largest && peaks[labels[i]] >= SHADE ? value : 0,
  );
};
