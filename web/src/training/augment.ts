// Random rotation, zoom and shift of training images, by the names and ranges of a recipe's section [augment].

import { plane } from "../ink/plane.js";
import { transform } from "../ink/transform.js";

export interface AugmentSettings {
  // Degrees, to either side.
  readonly rotation: number;
  // A share of the size, larger or smaller.
  readonly zoom: number;
  // Pixels, in each direction.
  readonly shift: number;
}

const SIDE = 28;
const MIDDLE = SIDE / 2;

// float32[784] -> float32[784]. random: gives numbers from 0 to 1.
export const augment = (image: Float32Array<ArrayBuffer>, settings: AugmentSettings, random: () => number): Float32Array => {
  const within = (range: number) => range * (2 * random() - 1);
  const angle = (within(settings.rotation) * Math.PI) / 180;
  const scale = 1 / (1 + within(settings.zoom));
  const [left, top] = [within(settings.shift), within(settings.shift)];
  const [a, b] = [scale * Math.cos(angle), scale * Math.sin(angle)];
  const matrix = [a, b, MIDDLE + left - (a + b) * MIDDLE, -b, a, MIDDLE + top - (a - b) * MIDDLE, 0, 0];
  return transform(plane(SIDE, SIDE, image), SIDE, SIDE, matrix).data;
};
