// Feature maps and weights as small pictures: positive --accent, negative --contrast, zero --panel.

import { make } from "../app/elements.js";
import type { Values } from "../model/forward.js";
import { colorOf, type Color } from "./pixels.js";

export interface Palette {
  readonly zero: Color;
  readonly positive: Color;
  readonly negative: Color;
}

// Makes small values visible.
const GAMMA = 0.7;

// Of the page as it is, light or dark.
export const pagePalette = (): Palette => {
  return { zero: colorOf("--panel"), positive: colorOf("--accent"), negative: colorOf("--contrast") };
};

// values: by rows of `width`; `most` and beyond get the full color.
export const paint = (canvas: HTMLCanvasElement, values: ArrayLike<number>, width: number, most: number, palette: Palette): void => {
  const height = values.length / width;
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
  const context = canvas.getContext("2d")!;
  const image = context.createImageData(width, height);
  const { zero } = palette;
  for (let i = 0; i < values.length; i++) {
    const share = Math.min(1, Math.abs(values[i]) / (most || 1)) ** GAMMA;
    const full = values[i] < 0 ? palette.negative : palette.positive;
    for (let c = 0; c < 3; c++) image.data[4 * i + c] = zero[c] + share * (full[c] - zero[c]);
    image.data[4 * i + 3] = 255;
  }
  context.putImageData(image, 0, 0);
};

export const largest = (values: ArrayLike<number>): number => {
  let most = 0;
  for (let i = 0; i < values.length; i++) most = Math.max(most, Math.abs(values[i]));
  return most;
};

export const mapOf = ({ data, height, width }: Values, channel: number): Float64Array =>
  data.subarray(channel * height * width, (channel + 1) * height * width);

// All maps of a layer, with the same scale.
export const paintMaps = (canvases: readonly HTMLCanvasElement[], values: Values, palette: Palette): void => {
  const most = largest(values.data);
  canvases.forEach((canvas, channel) => paint(canvas, mapOf(values, channel), values.width, most, palette));
};

export const makeCanvases = (count: number): HTMLCanvasElement[] =>
  Array.from({ length: count }, () => make("canvas", { className: "map", width: 1, height: 1 }));

export const makeLegend = (): HTMLElement =>
  make("p", { className: "scale" }, make("span", {}, "negative"), make("i"), make("span", {}, "positive"));
