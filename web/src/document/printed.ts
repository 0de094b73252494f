// Removes printed lines where no stroke crosses them: `without_printed` of tenfold/ink/ruled.py, step for step.

import { label } from "../ink/label.js";
import { isEmpty, placesOf, without } from "../ink/masks.js";
import { mask, plane, quantile, roundHalfEven, type Mask, type Plane } from "../ink/plane.js";
import { near, runLengths, shrunk } from "../ink/spread.js";

// The ink without the lines that were found in its `inked` pixels, their blurred edges and the crumbs between them. Where
// ink on both sides of a line is near, a stroke crosses it and stays whole.
export const withoutPrinted = (ink: Plane, inked: Mask, found: Mask): Plane => {
  if (isEmpty(found)) return ink;
  const edges = near(found, 1);
  const lines = placesOf(found);
  const [down, along] = [runLengths(lines, found, "column"), runLengths(lines, found, "row")];
  const thick = quantile(down.map((length, k) => Math.min(length, along[k])), 0.75);
  const { labels, count, sizes } = label(without(inked, found));
  const crumbs = new Uint8Array(count + 1);
  for (const i of placesOf(edges)) if (sizes[labels[i]] <= (thick + 2) ** 2) crumbs[labels[i]] = 1;
  crumbs[0] = 1;
  const places = placesOf(inked);
  const written = mask(ink.width, ink.height);
  for (const i of places) if (!crumbs[labels[i]]) written.data[i] = 1;
  const reach = Math.floor(roundHalfEven(thick) / 2) + 1;
  const crossed = shrunk(near(written, reach), reach);
  const rest = plane(ink.width, ink.height, ink.data.slice());
  for (const i of placesOf(edges)) if (!inked.data[i]) rest.data[i] = 0;
  for (const i of places) if (!written.data[i] && !crossed.data[i]) rest.data[i] = 0;
  return rest;
};
