// Removes the slant of a digit: `deskew` of tenfold/models/composite.py, of one image.

import { plane } from "../ink/plane.js";
import { transform } from "../ink/transform.js";

const SIDE = 28;
const MIDDLE = (SIDE - 1) / 2;
// In pixels: the least variance of rows that a slant is divided by.
const LEAST = 1e-6 * (SIDE / 2) ** 2;

// image: uint8[784], 0 paper to 255 ink. Centers it on its center of mass, too.
export const deskew = (image: Uint8Array): Uint8Array => {
  let [mass, x, y, xy, yy] = [0, 0, 0, 0, 0];
  for (let i = 0; i < image.length; i++) {
    const [ink, u, v] = [image[i], (i % SIDE) - MIDDLE, Math.floor(i / SIDE) - MIDDLE];
    mass += ink;
    x += ink * u;
    y += ink * v;
    xy += ink * u * v;
    yy += ink * v * v;
  }
  if (!mass) return image;
  [x, y] = [x / mass, y / mass];
  const slant = (xy / mass - x * y) / Math.max(yy / mass - y * y, LEAST);
  // Rows and columns are counted from the middle, and the transformation's places from the corner.
  const source = plane(SIDE, SIDE, Float32Array.from(image));
  const { data } = transform(source, SIDE, SIDE, [1, slant, x - slant * (SIDE / 2), 0, 1, y, 0, 0]);
  return Uint8Array.from(data, Math.round);
};
