// A picture's pixels -> luminance, as Pillow makes it: tenfold/ink/image.py.

import type { Plane } from "./plane.js";
import { reduceRows, reductionOf } from "./resize.js";

// What a canvas gives: red, green, blue and opacity of each pixel, row by row.
export interface Picture {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8ClampedArray | Uint8Array;
}

export interface Gray {
  readonly gray: Plane;
  // How many of the picture's pixels each pixel of `gray` is wide.
  readonly scale: number;
}

// Luminance from 0 to 1, on white where it was transparent. No side is longer than `longest`: a picture that is larger
// is reduced as it is looked at, so that twelve megapixels never become as many floats.
export const toGray = ({ width, height, data }: Picture, longest = Infinity): Gray => {
  if (!(width >= 1 && height >= 1 && data.length >= 4 * width * height)) throw new RangeError("the picture has no pixels");
  const block = reductionOf(width, height, longest);
  const row = new Float32Array(width);
  const gray = reduceRows(width, height, block, (y) => {
    for (let x = 0, at = 4 * width * y; x < width; x++, at += 4) row[x] = luminance(data, at) / 255;
    return row;
  });
  return { gray, scale: block };
};

// ITU-R BT.601 luma in 1/65536, rounded.
const luminance = (data: Picture["data"], at: number): number => {
  const opacity = data[at + 3];
  const [r, g, b] = [onWhite(data[at], opacity), onWhite(data[at + 1], opacity), onWhite(data[at + 2], opacity)];
  return (19595 * r + 38470 * g + 7471 * b + 32768) >> 16;
};

// Pillow's alpha_composite over white (src/libImaging/AlphaComposite.c), in 1/128.
const onWhite = (value: number, opacity: number): number => {
  if (opacity === 255) return value;
  const sum = (value * opacity + 255 * (255 - opacity)) * 128 + 0x4000;
  return (((sum >> 8) + sum) >> 8) >> 7;
};
