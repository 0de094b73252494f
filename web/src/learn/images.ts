// Training images by class, and one image as the numbers that a network takes.

import { make } from "../app/elements.js";
import { FIRST_TRAIN, fetchImages } from "./data.js";
import { CLASSES, PIXELS } from "../training/network.js";
import type { Panel } from "./panel.js";
import { showPixels } from "./pixels.js";
import type { Images } from "../training/trainer.js";

const SIDE = 28;
// Images of a class that are shown at a time.
const SHOWN = 40;

const whenLoaded = (element: HTMLElement, show: (images: Images) => void) => {
  const failed = make("p", { className: "status failed", hidden: true });
  element.append(failed);
  fetchImages("train-0").then(show, (error: Error) => {
    failed.textContent = error.message;
    failed.hidden = false;
  });
};

// The images of a class, and how many each class has.
export const createClasses = (): Panel => {
  const [classes, gallery] = [make("div", { className: "classes", role: "group" }), make("ul", { className: "gallery" })];
  classes.setAttribute("aria-label", "Class");
  const more = make("button", { type: "button", disabled: true }, "Other images");
  const element = make("div", {}, classes, gallery, make("p", { className: "buttons" }, more));
  whenLoaded(element, ({ labels, pixels }) => {
    const rows = Array.from({ length: CLASSES }, (_, digit) => [...labels.keys()].filter((i) => i < FIRST_TRAIN && labels[i] === digit));
    const largest = Math.max(...rows.map(({ length }) => length));
    let [chosen, start] = [4, 0];
    const buttons = rows.map((of, digit) => {
      const bar = make("i");
      bar.style.setProperty("--share", String(of.length / largest));
      const button = make("button", { type: "button", onclick: () => choose(digit) }, bar, make("b", {}, String(digit)), make("span", { className: "small" }, String(of.length), make("span", { className: "unseen" }, " images")));
      return button;
    });
    const show = () => {
      buttons.forEach((button, digit) => button.setAttribute("aria-pressed", String(digit === chosen)));
      const shown = Array.from({ length: SHOWN }, (_, i) => rows[chosen][(start + i) % rows[chosen].length]);
      gallery.replaceChildren(...shown.map((index) => pictureOf(pixels, index)));
    };
    const choose = (digit: number) => {
      [chosen, start] = [digit, 0];
      show();
    };
    more.onclick = () => {
      start += SHOWN;
      show();
    };
    more.disabled = false;
    classes.append(...buttons);
    show();
  });
  return { element, hide: () => {} };
};

const pictureOf = (pixels: Uint8Array, index: number) => {
  const canvas = make("canvas", { className: "digit" });
  requestAnimationFrame(() => showPixels(canvas, pixels.subarray(PIXELS * index, PIXELS * (index + 1))));
  return make("li", {}, canvas);
};

// One image: a pixel's value before and after preprocessing, its place in the flattened row, and the label one-hot encoded.
export const createPixels = (): Panel => {
  const grid = make("canvas", { className: "grid", width: 560, height: 560, tabIndex: 0 });
  grid.setAttribute("role", "application");
  grid.setAttribute("aria-label", "Pixels: arrow keys choose one");
  const row = make("canvas", { className: "flat", width: PIXELS, height: 1 });
  row.setAttribute("aria-hidden", "true");
  const words = make("p", { className: "status" });
  words.setAttribute("aria-live", "polite");
  const oneHot = make("p", { className: "one-hot" });
  const next = make("button", { type: "button", disabled: true }, "Next image");
  const element = make(
    "div",
    { className: "pixels" },
    grid,
    make("div", {}, words, make("p", { className: "small" }, "Flattened, 784 numbers in a row:"), row, make("p", { className: "small" }, "The label, one-hot:"), oneHot, make("p", { className: "buttons" }, next)),
  );
  whenLoaded(element, ({ labels, pixels }) => {
    let [index, chosen] = [0, 14 * SIDE + 14];
    const image = () => pixels.subarray(PIXELS * index, PIXELS * (index + 1));
    const show = () => {
      drawGrid(grid, image(), chosen);
      drawRow(row, image(), chosen);
      const value = image()[chosen];
      words.textContent = `Row ${Math.floor(chosen / SIDE)}, column ${chosen % SIDE}: ${value} of 255, normalized ${(value / 255).toFixed(3)}. In the flattened row it is number ${chosen}. All are counted from 0.`;
      oneHot.replaceChildren(...Array.from({ length: CLASSES }, (_, digit) => make(digit === labels[index] ? "b" : "span", {}, digit === labels[index] ? "1" : "0", make("small", {}, String(digit)))));
      oneHot.setAttribute("aria-label", `Label ${labels[index]}: the number at place ${labels[index]} is 1, all others are 0`);
    };
    const choose = (at: number) => {
      chosen = at;
      show();
    };
    const point = (event: PointerEvent) => {
      const box = grid.getBoundingClientRect();
      const cell = (place: number, length: number) => Math.min(SIDE - 1, Math.max(0, Math.floor((SIDE * place) / length)));
      choose(cell(event.clientY - box.top, box.height) * SIDE + cell(event.clientX - box.left, box.width));
    };
    grid.onpointermove = point;
    grid.onpointerdown = point;
    grid.onkeydown = (event) => {
      const by = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -SIDE, ArrowDown: SIDE }[event.key];
      if (!by) return;
      event.preventDefault();
      choose((chosen + by + PIXELS) % PIXELS);
    };
    next.onclick = () => {
      index = (index + 1) % FIRST_TRAIN;
      show();
    };
    next.disabled = false;
    show();
  });
  return { element, hide: () => {} };
};

const drawGrid = (canvas: HTMLCanvasElement, image: Uint8Array, chosen: number) => {
  const context = canvas.getContext("2d")!;
  const style = getComputedStyle(canvas);
  const cell = canvas.width / SIDE;
  context.clearRect(0, 0, canvas.width, canvas.height);
  context.fillStyle = style.getPropertyValue("--ink");
  image.forEach((value, i) => {
    context.globalAlpha = value / 255;
    context.fillRect((i % SIDE) * cell, Math.floor(i / SIDE) * cell, cell, cell);
  });
  context.globalAlpha = 1;
  context.strokeStyle = style.getPropertyValue("--accent");
  context.lineWidth = 4;
  context.strokeRect((chosen % SIDE) * cell, Math.floor(chosen / SIDE) * cell, cell, cell);
};

const drawRow = (canvas: HTMLCanvasElement, image: Uint8Array, chosen: number) => {
  const context = canvas.getContext("2d")!;
  const style = getComputedStyle(canvas);
  context.clearRect(0, 0, PIXELS, 1);
  context.fillStyle = style.getPropertyValue("--ink");
  image.forEach((value, i) => {
    context.globalAlpha = value / 255;
    context.fillRect(i, 0, 1, 1);
  });
  context.globalAlpha = 1;
  context.fillStyle = style.getPropertyValue("--accent");
  context.fillRect(chosen - 1, 0, 3, 1);
};
