// Felzenszwalb and Huttenlocher (2012), "Distance transforms of sampled functions": exact, in linear time.

import { plane, type Mask, type Plane } from "./plane.js";

const FAR = 1e20;

// How far each cell's centre is from that of the nearest set one, in cells; infinite where none is set.
export const distanceTo = (cells: Mask): Plane => {
  const { width, height } = cells;
  const squares = Float64Array.from(cells.data, (set) => (set ? 0 : FAR));
  const line = new Float64Array(Math.max(width, height));
  const places = new Int32Array(line.length);
  const bounds = new Float64Array(line.length + 1);
  const along = (start: number, step: number, count: number) => {
    for (let i = 0; i < count; i++) line[i] = squares[start + i * step];
    let last = 0;
    places[0] = 0;
    bounds[0] = -FAR;
    bounds[1] = FAR;
    for (let i = 1; i < count; i++) {
      let meet = crossing(line, i, places[last]);
      while (meet <= bounds[last]) meet = crossing(line, i, places[--last]);
      places[++last] = i;
      bounds[last] = meet;
      bounds[last + 1] = FAR;
    }
    last = 0;
    for (let i = 0; i < count; i++) {
      while (bounds[last + 1] < i) last++;
      squares[start + i * step] = (i - places[last]) ** 2 + line[places[last]];
    }
  };
  for (let x = 0; x < width; x++) along(x, width, height);
  for (let y = 0; y < height; y++) along(y * width, 1, width);
  return plane(width, height, Float32Array.from(squares, (square) => (square >= FAR ? Infinity : Math.sqrt(square))));
};

// Where the parabolas rooted at two places are equally high.
const crossing = (line: Float64Array, a: number, b: number): number =>
  (line[a] + a * a - (line[b] + b * b)) / (2 * a - 2 * b);
