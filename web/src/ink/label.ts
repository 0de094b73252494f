// Blots: what hangs together, corners counting as touching.

import type { Mask } from "./plane.js";

// Each set pixel's blot, 1 to count, numbered in the order in which they are met, row by row; 0 elsewhere.
export const label = ({ width, data }: Mask): { labels: Int32Array; count: number } => {
  const labels = new Int32Array(data.length);
  const waiting: number[] = [];
  let count = 0;
  for (let start = 0; start < data.length; start++) {
    if (!data[start] || labels[start]) continue;
    labels[start] = ++count;
    waiting.push(start);
    for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
      const x = at % width;
      const left = x > 0 ? -1 : 0;
      const right = x < width - 1 ? 1 : 0;
      const first = at >= width ? at - width : at;
      const last = at + width < data.length ? at + width : at;
      for (let row = first; row <= last; row += width)
        for (let near = row + left; near <= row + right; near++)
          if (data[near] && !labels[near]) {
            labels[near] = count;
            waiting.push(near);
          }
    }
  }
  return { labels, count };
};
