// The 20x20 box in the 28x28 field, with strokes as thick as MNIST's: tenfold/ink/fit.py, step for step.

import { distanceTo } from "./distance.js";
import { maximumFilter } from "./filters.js";
import { mask, maximum, plane, total, where, type Mask, type Plane } from "./plane.js";
import { BILINEAR, BOX as MEAN, resize } from "./resize.js";

export const SIDE = 28;
export const BOX = 20;
export const CELLS = 4;
export const THINNEST = 2.2;
export const THICKEST = 3.66;

export const fit = (ink: Plane): Plane => {
  const size = Math.max(ink.width, ink.height);
  const usual = thickness(ink);
  const wanted = Math.min(Math.max(usual, THINNEST), THICKEST);
  if (wanted === usual || usual >= BOX) return scale(ink, BOX / size);
  const width = (usual * size) / BOX;
  const factor = (BOX - wanted) / (size - width);
  return repaint(inkedCells(scale(ink, factor * CELLS)), ((wanted - width * factor) / 2) * CELLS);
};

export const repaint = (inked: Mask, swell: number): Plane => {
  const margin = Math.max(0, Math.ceil(swell));
  const limit = BOX * CELLS;
  const width = Math.min(inked.width + 2 * margin, limit);
  const height = Math.min(inked.height + 2 * margin, limit);
  const canvas = mask(Math.ceil(width / CELLS) * CELLS, Math.ceil(height / CELLS) * CELLS);
  for (let y = 0; y < inked.height && y + margin < height; y++)
    for (let x = 0; x < inked.width && x + margin < width; x++)
      canvas.data[(y + margin) * canvas.width + x + margin] = inked.data[y * inked.width + x];
  const outside = distanceTo(canvas);
  const inside = distanceTo(opposite(canvas));
  const edge = outside.data.map((far, i) => (canvas.data[i] ? 0.5 - inside.data[i] : far - 0.5));
  return layInk(plane(canvas.width, canvas.height, edge), swell);
};

export const inkedCells = (fine: Plane): Mask => {
  const darkest = maximumFilter(fine, 4 * CELLS + 1);
  return where(fine, (value, i) => value >= 0.49 * Math.max(darkest.data[i], 0.3));
};

export const thickness = (ink: Plane): number => {
  const inked = inkedCells(scale(ink, (BOX * CELLS) / Math.max(ink.width, ink.height)));
  const padded = mask(inked.width + 2, inked.height + 2);
  for (let y = 0; y < inked.height; y++)
    padded.data.set(inked.data.subarray(y * inked.width, (y + 1) * inked.width), (y + 1) * padded.width + 1);
  const far = distanceTo(opposite(padded));
  let [sum, count] = [0, 0];
  for (let i = 0; i < padded.data.length; i++)
    if (padded.data[i]) {
      sum += far.data[i];
      count++;
    }
  return count ? (4 * (sum / count - 0.5)) / CELLS : 0;
};

export const scale = (ink: Plane, factor: number): Plane => {
  const width = Math.max(1, Math.trunc(ink.width * factor + 0.5));
  const height = Math.max(1, Math.trunc(ink.height * factor + 0.5));
  if (width === ink.width && height === ink.height) return ink;
  const scaled = resize(ink, width, height, factor < 1 ? MEAN : BILINEAR);
  const most = Math.max(maximum(scaled.data), 1e-6);
  return plane(width, height, scaled.data.map((value) => Math.min(Math.max(value / most, 0), 1)));
};

export const layInk = (distance: Plane, reach: number): Plane => {
  const out = plane(distance.width / CELLS, distance.height / CELLS);
  for (let y = 0; y < distance.height; y++)
    for (let x = 0; x < distance.width; x++) {
      const ink = Math.min(Math.max(reach + 0.5 - distance.data[y * distance.width + x], 0), 1);
      out.data[Math.floor(y / CELLS) * out.width + Math.floor(x / CELLS)] += ink / (CELLS * CELLS);
    }
  return out;
};

export const center = (ink: Plane): Uint8Array => {
  const field = new Uint8Array(SIDE * SIDE);
  const mass = total(ink.data);
  if (mass === 0) return field;
  let [row, column] = [0, 0];
  for (let y = 0; y < ink.height; y++)
    for (let x = 0; x < ink.width; x++) {
      row += (y * ink.data[y * ink.width + x]) / mass;
      column += (x * ink.data[y * ink.width + x]) / mass;
    }
  const top = Math.min(Math.max(Math.floor(SIDE / 2 - row + 0.5), 0), SIDE - ink.height);
  const left = Math.min(Math.max(Math.floor(SIDE / 2 - column + 0.5), 0), SIDE - ink.width);
  for (let y = 0; y < ink.height; y++)
    for (let x = 0; x < ink.width; x++)
      field[(top + y) * SIDE + left + x] = Math.floor(ink.data[y * ink.width + x] * 255 + 0.5);
  return field;
};

const opposite = (cells: Mask): Mask => mask(cells.width, cells.height, cells.data.map((set) => 1 - set));
