// Blots: what hangs together, corners counting as touching.

import type { Mask } from "./plane.js";

// Each set pixel's blot, 1 to count, numbered in the order in which they are met, row by row; 0 elsewhere.
export const label = ({ width, height, data }: Mask): { labels: Int32Array; count: number } => {
  const labels = new Int32Array(data.length);
  const waiting: number[] = [];
  let count = 0;
  for (let start = 0; start < data.length; start++) {
    if (!data[start] || labels[start]) continue;
    labels[start] = ++count;
    waiting.push(start);
    for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
      const [x, y] = [at % width, Math.floor(at / width)];
      for (let v = Math.max(0, y - 1); v <= Math.min(height - 1, y + 1); v++)
        for (let u = Math.max(0, x - 1); u <= Math.min(width - 1, x + 1); u++) {
          const near = v * width + u;
          if (data[near] && !labels[near]) {
            labels[near] = count;
            waiting.push(near);
          }
        }
    }
  }
  return { labels, count };
};
