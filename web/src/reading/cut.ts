// Where the ink of each symbol of a line is, once it is known which columns say that it is there: tenfold/reading/cut.py,
// step for step.

import { label } from "../ink/label.js";
import { placesOf } from "../ink/masks.js";
import { mask, plane, roundHalfEven, type Box, type Mask, type Plane } from "../ink/plane.js";
import { near } from "../ink/spread.js";
import { COLUMN, STRIP_HEIGHT as HEIGHT } from "../model/line-network.js";

// As in tenfold/reading/cut.py, which says what each is for.
const INK = 90;
const MOST = 0.8;

// One symbol: where it is in the strip, in pixels, and its ink. Where there is none it is 1 x 1, and the box is what lies
// between the symbol's borders.
export interface Cut {
  readonly box: Box;
  readonly ink: Plane;
}

// Cuts Uint8[32 * width] into symbols. places: each one's first and past-the-last column of the network's output.
export const cutSymbols = (strip: Uint8Array, width: number, places: readonly (readonly [number, number])[]): Cut[] => {
  if (!places.length) return [];
  const middles = places.map(([first, end]) => (COLUMN * (first + end)) / 2);
  const between = middles.slice(1).map((middle, i) => roundHalfEven((middles[i] + middle) / 2));
  const borders = [0, ...between, width];
  const { labels, count, boxes } = label(mask(width, HEIGHT, Uint8Array.from(strip, (value) => (value > INK ? 1 : 0))));
  const owned = places.map((_, index) => {
    const ink = new Float64Array(count + 1);
    for (let y = 0; y < HEIGHT; y++)
      for (let i = y * width + borders[index]; i < y * width + borders[index + 1]; i++) ink[labels[i]] += strip[i];
    return ink;
  });
  const whole = owned[0].map((_, number) => owned.reduce((sum, ink) => sum + ink[number], 0));
  return owned.map((ink, index) => {
    const share = ink.map((own, number) => own / Math.max(whole[number], 1));
    const [from, to] = [borders[index], borders[index + 1]];
    // What may belong to the symbol lies between these columns.
    let [first, end] = [from, to];
    for (let number = 1; number <= count; number++) {
      if (share[number] < MOST) continue;
      first = Math.min(first, boxes[4 * number]);
      end = Math.max(end, boxes[4 * number + 2]);
    }
    const keep = mask(width, HEIGHT);
    for (let y = 0; y < HEIGHT; y++)
      for (let x = first, i = y * width + first; x < end; x++, i++) {
        if (!labels[i]) continue;
        const own = share[labels[i]];
        if (own >= MOST || (x >= from && x < to && own > 1 - MOST)) keep.data[i] = 1;
      }
    return cutOut(strip, keep, from, to);
  });
};

// from, to: the symbol's borders.
const cutOut = (strip: Uint8Array, keep: Mask, from: number, to: number): Cut => {
  const { width, data } = keep;
  let [first, last, top, bottom] = [width, -1, HEIGHT, -1];
  for (const i of placesOf(keep)) {
    const [x, y] = [i % width, Math.floor(i / width)];
    top = Math.min(top, y);
    bottom = y;
    first = Math.min(first, x);
    last = Math.max(last, x);
  }
  if (last < 0) return { box: [from, 0, to, HEIGHT], ink: plane(1, 1) };
  // With the faint edge of its strokes.
  top = Math.max(0, top - 1);
  bottom = Math.min(HEIGHT, bottom + 2);
  const left = Math.max(0, first - 1);
  const right = Math.min(width, last + 2);
  const beside = near(keep, 1);
  const ink = plane(right - left, bottom - top);
  for (let y = top, to = 0; y < bottom; y++)
    for (let i = y * width + left; i < y * width + right; i++, to++)
      if (data[i] || (beside.data[i] && strip[i] <= INK)) ink.data[to] = strip[i] / 255;
  return { box: [left, top, right, bottom], ink };
};
