// Random rotation, zoom and shift of training images, by the names and ranges of a recipe's section [augment].

export interface AugmentSettings {
  // Degrees, to either side.
  readonly rotation: number;
  // A share of the size, larger or smaller.
  readonly zoom: number;
  // Pixels, in each direction.
  readonly shift: number;
}

const SIDE = 28;
const MIDDLE = (SIDE - 1) / 2;

// Draws `to`, float32[784], from an image of the same size, bilinearly. random: gives numbers from 0 to 1.
export const augment = (from: Float32Array, to: Float32Array, settings: AugmentSettings, random: () => number): void => {
  const within = (range: number) => range * (2 * random() - 1);
  const angle = (within(settings.rotation) * Math.PI) / 180;
  const scale = 1 / (1 + within(settings.zoom));
  const [left, top] = [within(settings.shift), within(settings.shift)];
  const [across, down] = [scale * Math.cos(angle), scale * Math.sin(angle)];
  for (let y = 0, i = 0; y < SIDE; y++)
    for (let x = 0; x < SIDE; x++, i++) {
      const u = across * (x - MIDDLE) + down * (y - MIDDLE) + MIDDLE + left;
      const v = across * (y - MIDDLE) - down * (x - MIDDLE) + MIDDLE + top;
      const [column, row] = [Math.floor(u), Math.floor(v)];
      const [right, below] = [u - column, v - row];
      to[i] =
        (1 - below) * ((1 - right) * pixel(from, column, row) + right * pixel(from, column + 1, row)) +
        below * ((1 - right) * pixel(from, column, row + 1) + right * pixel(from, column + 1, row + 1));
    }
};

const pixel = (image: Float32Array, x: number, y: number): number => (x < 0 || y < 0 || x >= SIDE || y >= SIDE ? 0 : image[y * SIDE + x]);
