// A channel's weights in the first layer, and the test images that it answers to most.

import { make } from "../app/elements.js";
import type { ModelFile } from "../model/file.js";
import { fetchImages, slice } from "./data.js";
import { largest, makeCanvases, paint, type Palette } from "./maps.js";
import { showPixels } from "./sketch.js";
import { decimal, type Stage } from "./stages.js";
import { findStrongest } from "./strongest.js";
import type { Images } from "../training/trainer.js";

const STRONGEST = 12;

export interface Channel {
  readonly element: HTMLElement;
  // Null for a map that belongs to no channel: what was shown stays.
  readonly show: (channel: number | null, palette: Palette) => void;
  // Stops searching.
  readonly hide: () => void;
}

// The stage is the first of the model.
export const createChannel = (model: ModelFile, { weight }: Stage): Channel => {
  let [shown, strongest, hidden]: [number | null, number[][] | null, boolean] = [null, null, false];
  let images: Images;
  // The background that was painted on: it changes with the page's colors.
  let background = "";
  const heading = make("h3");
  const kernel = make("canvas", { className: "map" });
  const numbers = Array.from({ length: 9 }, () => make("span"));
  const words = make("p", { className: "small" });
  const canvases = makeCanvases(STRONGEST);
  const element = make(
    "section",
    { className: "channel" },
    heading,
    make("figure", {}, make("figcaption", {}, "Its weights in layer 1"), make("div", { className: "kernel" }, kernel, make("div", {}, ...numbers))),
    make("figure", {}, make("figcaption", {}, "What it answers to most"), make("div", { className: "strongest" }, ...canvases), words),
  );
  const showImages = () => {
    if (!strongest || shown === null) return;
    words.textContent = "Of the 10,000 test images, those with its highest mean activation in layer 1.";
    canvases.forEach((canvas, i) => {
      const index = strongest![shown!][i];
      showPixels(canvas, slice(images, index, index + 1).pixels);
      canvas.setAttribute("role", "img");
      canvas.setAttribute("aria-label", `A ${images.labels[index]}`);
    });
  };
  const search = async () => {
    try {
      words.textContent = "Loading the 10,000 test images…";
      images = await fetchImages("test");
      const progress = (share: number) => (words.textContent = `Searching 10,000 test images: ${Math.round(100 * share)} %`);
      strongest = await findStrongest(model, images.pixels, STRONGEST, progress, () => hidden);
      showImages();
    } catch (error) {
      words.replaceChildren((error as Error).message, " ", make("button", { type: "button", onclick: search }, "Try again"));
    }
  };
  // The images are a megabyte: they are loaded when this can be seen.
  const watch = new IntersectionObserver((entries) => {
    if (!entries.some(({ isIntersecting }) => isIntersecting)) return;
    watch.disconnect();
    void search();
  });
  watch.observe(element);
  const show = (channel: number | null, palette: Palette) => {
    if (channel === null) return;
    const changed = channel !== shown || String(palette.zero) !== background;
    [shown, background] = [channel, String(palette.zero)];
    const weights = weight!.subarray(9 * channel, 9 * channel + 9);
    heading.textContent = `Channel ${channel + 1}`;
    paint(kernel, weights, 3, largest(weights), palette);
    numbers.forEach((number, i) => (number.textContent = decimal(weights[i])));
    if (changed) showImages();
  };
  const hide = () => {
    hidden = true;
    watch.disconnect();
  };
  return { element, show, hide };
};
