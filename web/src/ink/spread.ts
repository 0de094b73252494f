// What lies around set pixels, and how long their runs are: tenfold/ink/ruled.py and SciPy's dilation.

import { fours, placesOf, runsOf } from "./masks.js";
import { mask, type Mask } from "./plane.js";

// Set pixels and their two neighbors in the row, or in the column.
export const grown = (source: Mask, way: "row" | "column"): Mask => {
  const { width, height, data } = source;
  const out = mask(width, height, data.slice());
  for (const i of placesOf(source))
    if (way === "row") {
      if (i % width > 0) out.data[i - 1] = 1;
      if ((i + 1) % width > 0) out.data[i + 1] = 1;
    } else {
      if (i >= width) out.data[i - width] = 1;
      if (i + width < data.length) out.data[i + width] = 1;
    }
  return out;
};

// Pixels at most `reach` from a set one, across, down or both.
export const near = (source: Mask, reach: number): Mask => {
  const { width, height } = source;
  const out = mask(width, height);
  const { starts, ends } = runsOf(source);
  for (let run = 0; run < starts.length; run++) {
    const y = Math.floor(starts[run] / width);
    const left = Math.max(0, starts[run] - y * width - reach);
    const right = Math.min(width, ends[run] - y * width + reach);
    const last = Math.min(height - 1, y + reach);
    for (let v = Math.max(0, y - reach); v <= last; v++) out.data.fill(1, v * width + left, v * width + right);
  }
  return out;
};

// Pixels more than `reach` from any that is not set. Beyond the borders all are.
export const shrunk = (source: Mask, reach: number): Mask => opposite(near(opposite(source), reach));

export const opposite = (source: Mask): Mask => {
  const out = mask(source.width, source.height);
  const [to, from] = [fours(out), fours(source)];
  for (let i = 0; i < to.length; i++) to[i] = from[i] ^ 0x01010101;
  for (let i = 4 * to.length; i < out.data.length; i++) out.data[i] = source.data[i] ^ 1;
  return out;
};

// Numbers for pixels, kept from one call to the next: millions that are zeroed each time would take longer than all else.
let scratch = new Int32Array(0);

// For each of some set pixels, given by their indices, the length of its run of set pixels along the row, or the column.
export const runLengths = (places: Int32Array, source: Mask, way: "row" | "column"): Int32Array => {
  const { width, data } = source;
  if (scratch.length < data.length) scratch = new Int32Array(data.length);
  const lengths = scratch;
  if (way === "row") {
    const { starts, ends } = runsOf(source);
    for (let run = 0; run < starts.length; run++) lengths.fill(ends[run] - starts[run], starts[run], ends[run]);
  } else {
    const all = placesOf(source);
    for (const i of all) lengths[i] = i >= width && data[i - width] ? lengths[i - width] + 1 : 1;
    // From a run's last pixel up.
    for (let k = all.length - 1; k >= 0; k--) {
      const below = all[k] + width;
      if (below < data.length && data[below]) lengths[all[k]] = lengths[below];
    }
  }
  const found = new Int32Array(places.length);
  for (let k = 0; k < places.length; k++) found[k] = lengths[places[k]];
  return found;
};
