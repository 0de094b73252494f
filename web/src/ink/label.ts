// Blots: what hangs together, corners counting as touching.

import { runsOf } from "./masks.js";
import type { Mask } from "./plane.js";

// Of blots numbered from 1 in the order in which they are met, row by row.
export interface Blots {
  // Each set pixel's blot; 0 elsewhere. Made when first asked for.
  readonly labels: Int32Array;
  readonly count: number;
  // Left, top, right and bottom of each, from its number times 4; right and bottom just beyond.
  readonly boxes: Int32Array;
  // How many pixels each has.
  readonly sizes: Int32Array;
}

// Runs of set pixels along rows are joined with those of the row above that they touch (Rosenfeld and Pfaltz 1966).
export const label = (source: Mask): Blots => {
  const { width, data } = source;
  const { starts, ends } = runsOf(source);
  const owner = new Int32Array(starts.length);
  const rootOf = (run: number): number => {
    let root = run;
    while (owner[root] !== root) root = owner[root];
    // Shortens the way for the next time.
    for (let at = run; owner[at] !== root; ) {
      const next = owner[at];
      owner[at] = root;
      at = next;
    }
    return root;
  };
  for (let run = 0, above = 0; run < starts.length; run++) {
    owner[run] = run;
    const start = starts[run] - width;
    const end = ends[run] - width;
    const first = start - (starts[run] % width);
    // In the row above, from the run that ends at this one's corner or further on.
    while (ends[above] < start || (ends[above] === start && start === first)) above++;
    for (let other = above; other < run && starts[other] <= end && starts[other] < first + width; other++) {
      const [a, b] = [rootOf(run), rootOf(other)];
      // The first run met is the root, so that blots are numbered in order.
      if (a < b) owner[b] = a;
      else owner[a] = b;
    }
  }
  const numbers = new Int32Array(starts.length);
  let count = 0;
  for (let run = 0; run < starts.length; run++) numbers[run] = owner[run] === run ? ++count : numbers[rootOf(run)];
  const boxes = new Int32Array(4 * (count + 1));
  const sizes = new Int32Array(count + 1);
  for (let run = 0; run < starts.length; run++) {
    const number = numbers[run];
    const y = Math.floor(starts[run] / width);
    const [left, right] = [starts[run] - y * width, ends[run] - y * width];
    const at = 4 * number;
    if (!sizes[number]) {
      boxes[at] = left;
      boxes[at + 1] = y;
    }
    sizes[number] += right - left;
    if (left < boxes[at]) boxes[at] = left;
    if (right > boxes[at + 2]) boxes[at + 2] = right;
    boxes[at + 3] = y + 1;
  }
  let labels: Int32Array | null = null;
  const made = (): Int32Array => {
    const all = new Int32Array(data.length);
    for (let run = 0; run < starts.length; run++) all.fill(numbers[run], starts[run], ends[run]);
    return all;
  };
  return {
    count,
    boxes,
    sizes,
    get labels() {
      return (labels ??= made());
    },
  };
};
