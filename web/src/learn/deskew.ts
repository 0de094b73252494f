// Removes the slant of a digit: `deskew` of tenfold/models/composite.py, of one image.

import { lay } from "../model/forward.js";

const SIDE = 28;
const LAYER = { kind: "deskew", options: {}, weight: null, shape: [], bias: null };

// image: uint8[784], 0 paper to 255 ink. Centers it on its center of mass, too.
export const deskew = (image: Uint8Array): Uint8Array => {
  const { values, run } = lay({ layers: [LAYER], settings: {} }, SIDE, SIDE);
  run(image);
  return Uint8Array.from(values.data, Math.round);
};
