// The layers of the network that is trained here, the weights of its first layer, and its answer to the digit drawn.

import { make, percent } from "../app/elements.js";
import { likeliest } from "../training/trainer.js";
import { createBars } from "./bars.js";
import { CLASSES, PIXELS, type ModelSettings } from "../training/network.js";
import type { Panel } from "./panel.js";
import { createSketch, drawnDigit, onDrawn } from "./sketch.js";
import { showPixels } from "./pixels.js";
import type { Training } from "./current-training.js";

// Units whose weights are shown.
const MOST = 32;

const layersOf = (model: ModelSettings): [name: string, shape: string, parameters: number][] => {
  if (model.architecture === "mlp") {
    const sizes = [PIXELS, ...model.hidden, CLASSES];
    return sizes.slice(1).map((size, i) => [i < model.hidden.length ? `dense, ${model.activation}` : "dense, softmax", `${sizes[i]} → ${size}`, (sizes[i] + 1) * size]);
  }
  const { width, sharing } = model;
  let side = 14;
  const rows: [string, string, number][] = [["3×3 convolution of the pixels, batch norm, ReLU", `28×28 → ${width}×14×14`, 11 * width]];
  const known = new Set<string>();
  for (const letter of sharing) {
    if (letter === "-") {
      side >>= 1;
      rows.push(["max pooling (the largest of 2×2)", `→ ${width}×${side}×${side}`, 0]);
      continue;
    }
    const name = known.has(letter) ? "the same convolution again, batch norm, ReLU" : "3×3 convolution, batch norm, ReLU";
    rows.push([name, `${width}×${side}×${side}`, (known.has(letter) ? 0 : 9 * width ** 2) + 2 * width]);
    known.add(letter);
  }
  return [...rows, ["weighted sum of the 3×3 places", `→ ${width}`, side * side], ["dense, softmax", `${width} → ${CLASSES}`, (width + 1) * CLASSES]];
};

export const createLayers = (training: Training): Panel => {
  const body = make("tbody");
  const table = make("table", { className: "layers" }, make("thead", {}, make("tr", {}, ...["layer", "shape", "parameters"].map((name) => make("th", { scope: "col" }, name)))), body);
  const hide = training.onChange(({ settings }) => {
    const rows = layersOf(settings.model);
    const total = rows.reduce((sum, [, , count]) => sum + count, 0);
    body.replaceChildren(
      ...[...rows, ["total", "", total] as const].map(([name, shape, count]) => make("tr", {}, make("td", {}, name), make("td", {}, shape), make("td", {}, count.toLocaleString("en")))),
    );
  });
  return { element: make("div", { className: "wide", tabIndex: 0 }, table), hide };
};

export const createFirstWeights = (training: Training): Panel => {
  const title = make("h3", {}, "Weights of the first layer");
  const legend = make("p", { className: "small" });
  const gallery = make("ul", { className: "gallery" });
  let shown = -1;
  const show = async (epochs: number) => {
    const weights = await training.weights();
    if (!weights) {
      gallery.replaceChildren();
      legend.textContent = "They are random until the network is trained, in step 4.";
      return;
    }
    legend.textContent = `One picture for each of ${Math.min(MOST, weights.length)} units, after ${epochs} ${epochs === 1 ? "epoch" : "epochs"}: ink on blue pixels raises the unit's sum, ink on orange ones lowers it.`;
    gallery.replaceChildren(...weights.slice(0, MOST).map(pictureOf));
  };
  const hide = training.onChange(({ records, losses }) => {
    const now = losses.length ? records.length : -2;
    if (now === shown) return;
    shown = now;
    void show(records.length);
  });
  return { element: make("div", {}, title, legend, gallery), hide };
};

const pictureOf = (weights: Float32Array, unit: number) => {
  const canvas = make("canvas", { className: "digit" });
  canvas.setAttribute("aria-label", `Weights of unit ${unit}`);
  requestAnimationFrame(() => showSigned(canvas, weights));
  return make("li", {}, canvas);
};

// Draws a square of numbers: those above 0 in the accent color, those below in the contrasting one.
const showSigned = (canvas: HTMLCanvasElement, values: Float32Array) => {
  const side = Math.sqrt(values.length);
  canvas.width = canvas.height = side;
  const context = canvas.getContext("2d")!;
  const style = getComputedStyle(canvas);
  const most = Math.max(1e-9, ...values.map(Math.abs));
  values.forEach((value, i) => {
    context.globalAlpha = Math.abs(value) / most;
    context.fillStyle = style.getPropertyValue(value > 0 ? "--accent" : "--contrast");
    context.fillRect(i % side, Math.floor(i / side), 1, 1);
  });
};

// A digit is drawn, and the network that is trained here answers.
export const createAnswer = (training: Training): Panel => {
  const seen = make("canvas", { className: "digit large" });
  seen.setAttribute("role", "img");
  seen.setAttribute("aria-label", "The 28 by 28 pixels that the network sees");
  const words = make("p", { className: "status" });
  words.setAttribute("aria-live", "polite");
  const bars = createBars();
  const show = async () => {
    showPixels(seen, drawnDigit());
    const probabilities = await training.predict(drawnDigit());
    bars.element.hidden = !probabilities;
    if (!probabilities) {
      words.textContent = "Your network is not trained yet: go to step 4 and press Train.";
      return;
    }
    const best = likeliest(probabilities);
    words.textContent = `Your network says ${best}, with ${percent(probabilities[best])}.`;
    bars.show(probabilities);
  };
  const stopDrawing = onDrawn(() => void show());
  let epochs = -1;
  const stopTraining = training.onChange(({ records }) => {
    if (records.length !== epochs) void show();
    epochs = records.length;
  });
  const element = make("div", { className: "answer" }, createSketch(), make("div", {}, words, seen, bars.element));
  return {
    element,
    hide: () => {
      stopDrawing();
      stopTraining();
    },
  };
};
