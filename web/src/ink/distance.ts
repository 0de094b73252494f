// Felzenszwalb and Huttenlocher (2012), "Distance transforms of sampled functions": exact, in linear time.

import { plane, type Mask, type Plane } from "./plane.js";

const FAR = 1e20;

// How far each cell's center is from that of the nearest set one, in cells; infinite where none is set.
export const distanceTo = (cells: Mask): Plane => {
  const { width, height } = cells;
  const down = distancesDown(cells);
  const out = plane(width, height);
  // Along a row, each cell roots a parabola; these are the lowest ones, and where each begins to be.
  const places = new Int32Array(width);
  const bounds = new Float64Array(width + 1);
  for (let y = 0; y < height; y++) {
    const row = down.subarray(y * width, (y + 1) * width);
    let last = 0;
    places[0] = 0;
    bounds[0] = -FAR;
    for (let x = 1; x < width; x++) {
      let meet = crossing(row, x, places[last]);
      while (meet <= bounds[last]) meet = crossing(row, x, places[--last]);
      places[++last] = x;
      bounds[last] = meet;
    }
    bounds[last + 1] = Infinity;
    for (let x = 0, k = 0; x < width; x++) {
      while (bounds[k + 1] < x) k++;
      const square = (x - places[k]) ** 2 + row[places[k]];
      out.data[y * width + x] = square >= FAR ? Infinity : Math.sqrt(square);
    }
  }
  return out;
};

// The square of how far each cell is from the nearest set one above or below it.
const distancesDown = ({ width, height, data }: Mask): Float64Array => {
  const squares = new Float64Array(width * height);
  for (let x = 0; x < width; x++) {
    let set = -Infinity;
    for (let y = 0, i = x; y < height; y++, i += width) {
      if (data[i]) set = y;
      squares[i] = Math.min(FAR, (y - set) * (y - set));
    }
    set = Infinity;
    for (let y = height - 1, i = x + y * width; y >= 0; y--, i -= width) {
      if (data[i]) set = y;
      squares[i] = Math.min(squares[i], (y - set) * (y - set));
    }
  }
  return squares;
};

// Where the parabolas rooted at two places are equally high.
const crossing = (row: Float64Array, a: number, b: number): number => (row[a] + a * a - (row[b] + b * b)) / (2 * a - 2 * b);
