// A channel's weights in the first layer, and the test images that it answers to most.

import { make } from "../app/elements.js";
import type { ModelFile } from "../model/file.js";
import { fetchImages, slice } from "./data.js";
import { largest, makeCanvases, paint, type Palette } from "./maps.js";
import { showPixels } from "./pixels.js";
import { decimal, type Stage } from "./stages.js";
import { findStrongest } from "./strongest.js";
import { showLoaded } from "./work.js";

const STRONGEST = 12;

export interface Channel {
  readonly element: HTMLElement;
  readonly show: (channel: number) => void;
}

// The stage is the first of the model.
export const createChannel = (model: ModelFile, { weight }: Stage, palette: Palette, ended: AbortSignal): Channel => {
  let shown = -1;
  let showImages = () => {};
  const heading = make("h3");
  const kernel = make("canvas", { className: "map" });
  const numbers = Array.from({ length: 9 }, () => make("span"));
  const strongest = make("div");
  const element = make(
    "section",
    { className: "channel" },
    heading,
    make("figure", {}, make("figcaption", {}, "Its weights in layer 1"), make("div", { className: "kernel" }, kernel, make("div", {}, ...numbers))),
    make("figure", {}, make("figcaption", {}, "What it answers to most"), strongest),
  );
  const search = async () => {
    const images = await fetchImages("test");
    const words = strongest.querySelector("p")!;
    const progress = (share: number) => (words.textContent = `Searching 10,000 test images: ${Math.round(100 * share)} %`);
    return { images, found: await findStrongest(model, images.pixels, STRONGEST, progress, ended) };
  };
  const fill = ({ images, found }: Awaited<ReturnType<typeof search>>) => {
    const canvases = makeCanvases(STRONGEST);
    strongest.append(make("div", { className: "strongest" }, ...canvases), make("p", { className: "small" }, "Of the 10,000 test images, those with its highest mean activation in layer 1."));
    showImages = () =>
      canvases.forEach((canvas, i) => {
        const index = found![shown][i];
        showPixels(canvas, slice(images, index, index + 1).pixels);
        canvas.setAttribute("role", "img");
        canvas.setAttribute("aria-label", `A ${images.labels[index]}`);
      });
    showImages();
  };
  // The images are a megabyte: they are loaded when this can be seen.
  const watch = new IntersectionObserver((entries) => {
    if (!entries.some(({ isIntersecting }) => isIntersecting)) return;
    watch.disconnect();
    void showLoaded(strongest, ended, search, fill);
  });
  watch.observe(element);
  ended.addEventListener("abort", () => watch.disconnect());
  const show = (channel: number) => {
    if (channel === shown) return;
    shown = channel;
    const weights = weight!.subarray(9 * channel, 9 * channel + 9);
    heading.textContent = `Channel ${channel + 1}`;
    paint(kernel, weights, 3, largest(weights), palette);
    numbers.forEach((number, i) => (number.textContent = decimal(weights[i])));
    showImages();
  };
  return { element, show };
};
