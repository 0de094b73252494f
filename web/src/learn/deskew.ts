// Removes the slant of a digit: `deskew` of tenfold/models/composite.py, of one image.

const SIDE = 28;
const MIDDLE = (SIDE - 1) / 2;
// In pixels: the least variance of rows that a slant is divided by.
const LEAST = 1e-6 * (SIDE / 2) ** 2;

// image: uint8[784], 0 paper to 255 ink. Centers it on its center of mass, too.
export const deskew = (image: Uint8Array): Uint8Array => {
  let [mass, x, y, xy, yy] = [0, 0, 0, 0, 0];
  for (let i = 0; i < image.length; i++) {
    const [ink, u, v] = [image[i], (i % SIDE) - MIDDLE, Math.floor(i / SIDE) - MIDDLE];
    mass += ink;
    x += ink * u;
    y += ink * v;
    xy += ink * u * v;
    yy += ink * v * v;
  }
  if (!mass) return image;
  [x, y] = [x / mass, y / mass];
  const slant = (xy / mass - x * y) / Math.max(yy / mass - y * y, LEAST);
  const upright = new Uint8Array(image.length);
  for (let v = 0, i = 0; v < SIDE; v++)
    for (let u = 0; u < SIDE; u++) upright[i++] = Math.round(between(image, u + slant * (v - MIDDLE) + x, v + y));
  return upright;
};

// The image's value between four pixels.
const between = (image: Uint8Array, x: number, y: number): number => {
  const [u, v] = [Math.floor(x), Math.floor(y)];
  const [right, down] = [x - u, y - v];
  const above = (1 - right) * valueAt(image, u, v) + right * valueAt(image, u + 1, v);
  return (1 - down) * above + down * ((1 - right) * valueAt(image, u, v + 1) + right * valueAt(image, u + 1, v + 1));
};

const valueAt = (image: Uint8Array, u: number, v: number): number => (u >= 0 && v >= 0 && u < SIDE && v < SIDE ? image[v * SIDE + u] : 0);
