// One value a pixel, row by row: luminance or ink, 0 to 1.

// Left, top, right, bottom, right and bottom just beyond: in pixels, or in the pen's unit.
export type Box = readonly [left: number, top: number, right: number, bottom: number];

export interface Plane {
  readonly width: number;
  readonly height: number;
  readonly data: Float32Array;
}

export interface Mask {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

export const plane = (width: number, height: number, data = new Float32Array(width * height)): Plane => ({
  width,
  height,
  data,
});

export const mask = (width: number, height: number, data = new Uint8Array(width * height)): Mask => ({
  width,
  height,
  data,
});

export const mapped = (source: Plane, change: (value: number, index: number) => number): Plane =>
  plane(source.width, source.height, source.data.map(change));

export const where = (source: Plane, holds: (value: number, index: number) => boolean): Mask => {
  const found = mask(source.width, source.height);
  for (let i = 0; i < found.data.length; i++) found.data[i] = holds(source.data[i], i) ? 1 : 0;
  return found;
};

export const maximum = (values: Float32Array): number => values.reduce((a, b) => Math.max(a, b), -Infinity);
export const minimum = (values: Float32Array): number => values.reduce((a, b) => Math.min(a, b), Infinity);
export const total = (values: Float32Array): number => {
  let sum = 0;
  for (const value of values) sum += value;
  return sum;
};

// The outermost pixels: the first row, the last, the first column, the last.
export const border = ({ width, height, data }: Plane): Float32Array => {
  const edge = new Float32Array(2 * (width + height));
  for (let x = 0; x < width; x++) {
    edge[x] = data[x];
    edge[width + x] = data[(height - 1) * width + x];
  }
  for (let y = 0; y < height; y++) {
    edge[2 * width + y] = data[y * width];
    edge[2 * width + height + y] = data[y * width + width - 1];
  }
  return edge;
};

// A rectangle of it; what lies outside is `fill`.
export const cut = (source: Plane, left: number, top: number, width: number, height: number, fill = 0): Plane => {
  const part = plane(width, height);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const [sx, sy] = [x + left, y + top];
      const inside = sx >= 0 && sy >= 0 && sx < source.width && sy < source.height;
      part.data[y * width + x] = inside ? source.data[sy * source.width + sx] : fill;
    }
  return part;
};

// The smallest box that holds all that is above 0; null where nothing is.
export const extent = ({ width, height, data }: Plane): { left: number; top: number; right: number; bottom: number } | null => {
  let [left, top, right, bottom] = [width, height, 0, 0];
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++)
      if (data[y * width + x] > 0) {
        left = Math.min(left, x);
        top = Math.min(top, y);
        right = Math.max(right, x + 1);
        bottom = Math.max(bottom, y + 1);
      }
  return right ? { left, top, right, bottom } : null;
};

// As NumPy's default: linear between the two nearest of the sorted values.
export const quantile = (values: ArrayLike<number>, share: number): number => {
  const place = (values.length - 1) * share;
  const [low, high] = around(values, Math.floor(place));
  return low + (high - low) * (place - Math.floor(place));
};

// In single precision, as NumPy's is of single precision.
export const median = (values: Float32Array): number => {
  const [low, high] = around(values, (values.length - 1) >> 1);
  return values.length % 2 ? low : Math.fround(Math.fround(low + high) / 2);
};

// Of whole numbers, or in double precision.
export const middleOf = (values: ArrayLike<number>): number => {
  const [low, high] = around(values, (values.length - 1) >> 1);
  return values.length % 2 ? low : (low + high) / 2;
};

// The value at that place of the sorted values, and the next one: sorting millions would take longer than all else.
const around = (values: ArrayLike<number>, place: number): [number, number] =>
  values instanceof Float32Array && values.length > MANY ? byBits(values, place) : byParting(values, place);

// Values above which counting them by their bits is faster.
const MANY = 4096;
const counts = new Int32Array(1 << 16);
const bits = new Int32Array(1);
const asFloat = new Float32Array(bits.buffer);

// Finds the upper 16 bits of the value first, then the lower ones. Turned so, bits are in the order of the values.
const turned = (value: number): number => (value ^ ((value >> 31) | 0x80000000)) >>> 0;

const byBits = (values: Float32Array, place: number): [number, number] => {
  const all = new Int32Array(values.buffer, values.byteOffset, values.length);
  counts.fill(0);
  for (let i = 0; i < all.length; i++) counts[turned(all[i]) >>> 16]++;
  let [high, before] = [0, 0];
  while (before + counts[high] <= place) before += counts[high++];
  counts.fill(0);
  let next = Infinity;
  for (let i = 0; i < all.length; i++) {
    const key = turned(all[i]);
    if (key >>> 16 === high) counts[key & 0xffff]++;
    else if (key >>> 16 > high && values[i] < next) next = values[i];
  }
  let low = 0;
  while (before + counts[low] <= place) before += counts[low++];
  const valueOf = (lower: number): number => {
    const key = ((high << 16) | lower) >>> 0;
    bits[0] = key & 0x80000000 ? key ^ 0x80000000 : ~key;
    return asFloat[0];
  };
  if (before + counts[low] > place + 1) return [valueOf(low), valueOf(low)];
  let after = low + 1;
  while (after < counts.length && !counts[after]) after++;
  const found = valueOf(low);
  return [found, after < counts.length ? valueOf(after) : next === Infinity ? found : next];
};

// Hoare (1961), "Algorithm 65: find".
const byParting = (values: ArrayLike<number>, place: number): [number, number] => {
  const some = Float64Array.from(values);
  let [first, last] = [0, some.length - 1];
  while (first < last) {
    const pivot = some[(first + last) >> 1];
    let [low, high] = [first, last];
    while (low <= high) {
      while (some[low] < pivot) low++;
      while (some[high] > pivot) high--;
      if (low > high) break;
      const held = some[low];
      some[low++] = some[high];
      some[high--] = held;
    }
    if (place <= high) last = high;
    else if (place >= low) first = low;
    else break;
  }
  let next = Infinity;
  for (let i = place + 1; i < some.length; i++) if (some[i] < next) next = some[i];
  return [some[place], next === Infinity ? some[place] : next];
};

// Python's round.
export const roundHalfEven = (x: number): number => {
  const low = Math.floor(x);
  if (x - low !== 0.5) return Math.round(x);
  return low % 2 === 0 ? low : low + 1;
};
