// Any picture of one digit -> 28x28, made as MNIST was made: tenfold/ink/normalize.py, step for step.

import { BOX, SIDE, center, fit } from "./fit.js";
import { findInk } from "./ground.js";
import { cut, extent, plane, type Plane } from "./plane.js";
import { reduce, reduction } from "./resize.js";

const LONGEST = 240;

// Luminance, 0 black to 1 white -> uint8[784], 0 paper to 255 ink; zeros where there is no ink.
export const normalize = (gray: Plane): Uint8Array => {
  if (gray.width === SIDE && gray.height === SIDE) {
    const pixels = Uint8Array.from(gray.data, (value) => Math.floor(value * 255 + 0.5));
    if (hasMnistForm(pixels)) return pixels;
  }
  const block = reduction(gray, LONGEST);
  const ink = findInk(reduce(gray, block));
  const box = extent(ink);
  if (!box) return new Uint8Array(SIDE * SIDE);
  const margin = Math.floor(Math.max(box.bottom - box.top, box.right - box.left) / 3) + 1;
  const left = Math.max(0, box.left - margin) * block;
  const top = Math.max(0, box.top - margin) * block;
  const right = Math.min(gray.width, (box.right + margin) * block);
  const bottom = Math.min(gray.height, (box.bottom + margin) * block);
  const closer = cut(gray, left, top, right - left, bottom - top);
  if (reduction(closer, LONGEST) < block) return normalize(closer);
  return center(fit(cut(ink, box.left, box.top, box.right - box.left, box.bottom - box.top)));
};

// Whether uint8[784] has MNIST's form already: it is read as it is.
export const hasMnistForm = (pixels: Uint8Array): boolean => {
  const box = extent(plane(SIDE, SIDE, Float32Array.from(pixels)));
  if (!box || Math.max(box.right - box.left, box.bottom - box.top) !== BOX) return false;
  let [mass, row, column] = [0, 0, 0];
  pixels.forEach((value, i) => {
    mass += value;
    row += value * Math.floor(i / SIDE);
    column += value * (i % SIDE);
  });
  return Math.abs(row / mass - SIDE / 2) <= 0.51 && Math.abs(column / mass - SIDE / 2) <= 0.51;
};
