// Maps between pictures that see the same plane: nine numbers, row by row, that take (x, y, 1) to another place's multiple.

export type Homography = readonly number[];
export type Point = readonly [x: number, y: number];

export const IDENTITY: Homography = [1, 0, 0, 0, 1, 0, 0, 0, 1];

// The second one first.
export const product = (a: Homography, b: Homography): Homography =>
  Array.from({ length: 9 }, (_, i) => {
    const [row, column] = [i - (i % 3), i % 3];
    return a[row] * b[column] + a[row + 1] * b[3 + column] + a[row + 2] * b[6 + column];
  });

export const project = (map: Homography, [x, y]: Point): Point => {
  const w = map[6] * x + map[7] * y + map[8];
  return [(map[0] * x + map[1] * y + map[2]) / w, (map[3] * x + map[4] * y + map[5]) / w];
};

// The homography that maps four points to four others.
export const solveHomography = (source: readonly Point[], target: readonly Point[]): Homography => {
  const across = source.map(([x, y], i) => [x, y, 1, 0, 0, 0, -target[i][0] * x, -target[i][0] * y, target[i][0]]);
  const down = source.map(([x, y], i) => [0, 0, 0, x, y, 1, -target[i][1] * x, -target[i][1] * y, target[i][1]]);
  return [...solve([...across, ...down]), 1];
};

// Solves linear equations by elimination with pivoting; each row holds the factors and then the sum.
export const solve = (equations: readonly (readonly number[])[]): number[] => {
  const rows = equations.map((row) => [...row]);
  const count = rows.length;
  for (let pivot = 0; pivot < count; pivot++) {
    let best = pivot;
    for (let row = pivot + 1; row < count; row++) if (Math.abs(rows[row][pivot]) > Math.abs(rows[best][pivot])) best = row;
    [rows[pivot], rows[best]] = [rows[best], rows[pivot]];
    for (let row = pivot + 1; row < count; row++) {
      const share = rows[row][pivot] / rows[pivot][pivot];
      for (let k = pivot; k <= count; k++) rows[row][k] -= share * rows[pivot][k];
    }
  }
  const found = new Array<number>(count).fill(0);
  for (let row = count - 1; row >= 0; row--) {
    let sum = rows[row][count];
    for (let k = row + 1; k < count; k++) sum -= rows[row][k] * found[k];
    found[row] = sum / rows[row][row];
  }
  return found;
};
