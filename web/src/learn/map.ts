// "See mistakes": a map of MNIST's test images with the errors of the Reader, and the learner's own digit in it.

import "./map.css";
import { make, percent } from "../app/elements.js";
import { fetchImages, slice } from "./data.js";
import { createFinder, findErrors, fetchDigitMap, type DigitMap } from "./digit-map.js";
import { LARGEST_SCALE, createMapView, type Shown } from "./map-view.js";
import { openShippedReader, sentence, spoken, type ShippedReader } from "./shipped.js";
import { createSketch, drawnDigit, onDrawn } from "./sketch.js";
import { showPixels } from "./pixels.js";
import type { Images } from "../training/trainer.js";
import { inSlices, newestOf, showLoaded } from "./work.js";

type Subject = Omit<Shown, "main">;

const ZOOM = 1.6;
const STEPS: Readonly<Record<string, number | undefined>> = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };

export const createMap = (container: HTMLElement): { hide(): void } => {
  const ended = new AbortController();
  const root = make("div", { className: "mistakes" });
  container.append(make("section", { className: "fitted" }, root));
  const load = () => Promise.all([fetchImages("test"), fetchDigitMap(), openShippedReader()]);
  void showLoaded(root, ended.signal, load, ([images, map, reader]) => show(root, images, map, reader, ended.signal));
  return { hide: () => ended.abort() };
};

const show = (root: HTMLElement, images: Images, map: DigitMap, reader: ShippedReader, ended: AbortSignal) => {
  const { labels } = images;
  const errors = findErrors(map, labels);
  const find = createFinder(map, images.pixels, reader.features);
  const pixelsOf = (index: number) => slice(images, index, index + 1).pixels;
  const kind = (index: number) => (errors.includes(index) ? `Error ${errors.indexOf(index) + 1} of ${errors.length}` : "Read correctly");
  const words = (index: number) => `Labeled ${labels[index]}, read as ${map.answers[index]}, ${percent(map.confidences[index])} sure`;

  // What the card shows with its neighbors: one of the errors, any point that was chosen, or the learner's digit.
  let subject: Subject | null = null;
  let own: Subject | null = null;
  let chosen = errors[0];

  const canvas = make("canvas", { tabIndex: 0 });
  canvas.setAttribute("role", "application");
  canvas.setAttribute("aria-roledescription", "map of images");
  canvas.setAttribute("aria-label", `${labels.length.toLocaleString("en")} test images, ${errors.length} of them errors: arrow keys walk through the errors, plus and minus zoom`);
  const zoomButton = (sign: string, label: string, factor: number) => {
    const button = make("button", { type: "button", onclick: () => view.zoom(factor) }, sign);
    button.setAttribute("aria-label", label);
    return button;
  };
  const [closer, farther] = [zoomButton("+", "Zoom in", ZOOM), zoomButton("\u2212", "Zoom out", 1 / ZOOM)];
  const picture = make("canvas");
  const title = make("p", { className: "small" });
  const said = make("p", { className: "said" });
  const announced = make("p", { className: "unseen", role: "status" });
  const neighbors = make("ol", { className: "thumbs" });
  const list = make("div", { className: "thumbs errors", role: "group" });
  list.setAttribute("aria-label", "Errors");

  // Forty images take longer to draw than a frame.
  const thumbs = new Map<HTMLCanvasElement, number>();
  const paint = () => {
    const all = [...thumbs];
    void inSlices(all.length, (i) => showPixels(all[i][0], pixelsOf(all[i][1])), ended);
  };
  const thumb = (index: number, caption: string): [HTMLElement, HTMLElement] => {
    const small = make("canvas");
    thumbs.set(small, index);
    const text = make("span", {}, caption);
    text.style.setProperty("--class", `var(--class-${labels[index]})`);
    return [small, text];
  };

  const view = createMapView(canvas, map, labels, errors, {
    pointed: (index) => draw(index),
    chosen: (index) => choose(index),
    zoomed: (scale) => ([closer.disabled, farther.disabled] = [scale >= LARGEST_SCALE, scale <= 1]),
  }, ended);

  // pointed: a point under the mouse, which the card shows in the meantime.
  const draw = (pointed: number | null = null) => {
    const passing = pointed === null ? null : { x: map.x[pointed], y: map.y[pointed], pixels: pixelsOf(pointed), own: false, neighbors: [] };
    const main = passing ?? subject;
    view.show([...(own && own !== main ? [{ ...own, main: false }] : []), ...(main ? [{ ...main, main: true }] : [])]);
    if (!main) return;
    showPixels(picture, main.pixels);
    title.textContent = main.own ? "Your digit" : kind(pointed ?? chosen);
    said.textContent = main.own ? sentence(spoken(reader.probabilities(main.pixels), reader.unsureBelow)) : words(pointed ?? chosen);
  };

  const present = (next: Subject) => {
    subject = next;
    for (const old of neighbors.querySelectorAll("canvas")) thumbs.delete(old);
    neighbors.replaceChildren(...next.neighbors.map((index) => make("li", {}, ...thumb(index, String(labels[index])))));
    for (const small of neighbors.querySelectorAll("canvas")) showPixels(small, pixelsOf(thumbs.get(small)!));
    draw();
  };
  const findChosen = newestOf<number>(ended, async (index, signal) => {
    const place = { x: map.x[index], y: map.y[index], pixels: pixelsOf(index), own: false };
    present({ ...place, neighbors: [] });
    const found = await find(place.pixels, signal, index);
    if (found && chosen === index && !subject?.own) present({ ...place, neighbors: found.neighbors });
  });
  const findOwn = newestOf<boolean>(ended, async (main, signal) => {
    const pixels = drawnDigit();
    const found = await find(pixels, signal);
    if (!found) return;
    own = { ...found, pixels, own: true };
    if (!main) return draw();
    present(own);
    view.reveal(own);
    for (const button of buttons) button.setAttribute("aria-pressed", "false");
    announced.textContent = `Your digit: ${said.textContent}. Most alike: ${found.neighbors.map((index) => labels[index]).join(", ")}`;
  });

  const choose = (index: number) => {
    chosen = index;
    findChosen(index);
    view.reveal({ x: map.x[index], y: map.y[index] });
    announced.textContent = `${kind(index)}: ${words(index)}`;
    buttons.forEach((button, i) => {
      const current = errors[i] === index;
      button.setAttribute("aria-pressed", String(current));
      if (!current) return;
      buttons.forEach((other) => (other.tabIndex = other === button ? 0 : -1));
      const start = button.offsetLeft - list.offsetLeft;
      if (start < list.scrollLeft || start + button.offsetWidth > list.scrollLeft + list.clientWidth) list.scrollLeft = start - list.clientWidth / 2;
    });
  };
  const buttons = errors.map((index, i) => {
    const [small, caption] = thumb(index, `${labels[index]} \u2192 ${map.answers[index]}`);
    caption.ariaHidden = "true";
    return make("button", { type: "button", tabIndex: i ? -1 : 0, onclick: () => choose(index) }, small, caption, make("span", { className: "unseen" }, `${kind(index)}: ${words(index)}`));
  });
  list.append(...buttons);
  const walk = (event: KeyboardEvent) => {
    const step = STEPS[event.key] ?? NaN;
    // What is chosen may be no error: the next one is the first then, and the one before it the last.
    const at = Math.max(errors.indexOf(chosen), step < 0 ? 0 : -1);
    const to = event.key === "Home" ? 0 : event.key === "End" ? errors.length - 1 : at + step;
    if (Number.isNaN(to) || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    const place = (to + errors.length) % errors.length;
    choose(errors[place]);
    if (list.contains(document.activeElement)) buttons[place].focus();
  };
  list.addEventListener("keydown", walk);
  canvas.addEventListener("keydown", (event) => {
    if (event.key === "+" || event.key === "-") view.zoom(event.key === "+" ? ZOOM : 1 / ZOOM);
    else walk(event);
  });

  const showOwn = make("button", { type: "button", onclick: () => findOwn(true) }, "Show on map");
  root.append(
    make("p", { className: "small" }, `Each point is one of MNIST's ${labels.length.toLocaleString("en")} test images, colored by its label. Images that the Reader sees alike lie close together. Rings mark the ${errors.length} that it misreads.`),
    make("div", { className: "map" }, canvas, make("div", { className: "zoom" }, closer, farther)),
    make("div", { className: "all" }, make("h3", {}, `All ${errors.length} errors`), make("p", { className: "small" }, "Label \u2192 answer"), list),
    make("div", { className: "side" },
      make("div", { className: "card" }, picture, make("div", {}, title, said)),
      make("p", { className: "small" }, "The test images that the Reader sees as most alike, with their labels:"),
      neighbors,
      make("h3", {}, "Your own digit"),
      make("div", { className: "own" }, createSketch(), make("div", {}, make("p", { className: "small" }, "Draw a digit to see where it lies, and what it is taken for."), showOwn)),
    ),
    announced,
  );
  paint();
  farther.disabled = true;
  choose(errors[0]);
  announced.textContent = "";
  // The first digit is placed, but the errors come first.
  let drawn = false;
  const stop = onDrawn(() => {
    findOwn(drawn);
    drawn = true;
  });
  ended.addEventListener("abort", stop);
};
