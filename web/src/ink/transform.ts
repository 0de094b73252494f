// Pillow's perspective_transform and bilinear_filter32F (src/libImaging/Geometry.c).

import { plane, type Plane } from "./plane.js";

// What each place of a new picture shows: the place (x, y) shows what lies at ((a x + b y + c) / w, (d x + e y + f) / w) for
// w = g x + h y + 1. Linear between pixels; beyond the borders 0 or, if it is `continued`, the border.
export const transform = (
  source: Plane,
  width: number,
  height: number,
  [a, b, c, d, e, f, g, h]: readonly number[],
  continued = false,
): Plane => {
  const { width: wide, height: high, data } = source;
  const out = plane(width, height);
  for (let v = 0, to = 0; v < height; v++)
    for (let u = 0; u < width; u++, to++) {
      const x = u + 0.5;
      const y = v + 0.5;
      const w = g * x + h * y + 1;
      const sx = (a * x + b * y + c) / w;
      const sy = (d * x + e * y + f) / w;
      if (!continued && !(sx >= 0 && sx < wide && sy >= 0 && sy < high)) continue;
      const column = Math.floor(sx - 0.5);
      const row = Math.floor(sy - 0.5);
      const right = sx - 0.5 - column;
      const below = sy - 0.5 - row;
      const left = column < 0 ? 0 : column < wide ? column : wide - 1;
      const after = column < -1 ? 0 : column + 1 < wide ? column + 1 : wide - 1;
      const first = (row < 0 ? 0 : row < high ? row : high - 1) * wide;
      const second = (row < -1 ? 0 : row + 1 < high ? row + 1 : high - 1) * wide;
      const upper = data[first + left] + (data[first + after] - data[first + left]) * right;
      const lower = data[second + left] + (data[second + after] - data[second + left]) * right;
      out.data[to] = upper + (lower - upper) * below;
    }
  return out;
};
