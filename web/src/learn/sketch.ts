// A small drawing pad for one digit, which all panels share: what is drawn on one is on the others.

import { make } from "../app/elements.js";
import { createPad } from "../app/pad.js";
import { drawStrokes, type Stroke } from "../ink/strokes.js";
import { showPixels } from "./pixels.js";

// A four, until something is drawn.
const FIRST: readonly Stroke[] = [[[62, 20], [28, 92], [104, 92]], [[88, 58], [82, 136]]];

type Listener = (pixels: Uint8Array) => void;

let pixels = drawStrokes(FIRST);
const listeners = new Set<Listener>();

// Uint8[784] of the digit that was drawn last, in MNIST's form: 0 paper to 255 ink.
export const drawnDigit = (): Uint8Array => pixels;

// Makes `changed` hear of each change of the digit, and of the current one immediately. Returns how to end that.
export const onDrawn = (changed: Listener): (() => void) => {
  listeners.add(changed);
  changed(pixels);
  return () => void listeners.delete(changed);
};

// A pad with a button that clears it.
export const createSketch = (): HTMLElement => {
  const canvas = make("canvas", { className: "sketch", tabIndex: 0 });
  canvas.setAttribute("role", "application");
  canvas.setAttribute("aria-roledescription", "drawing pad");
  canvas.setAttribute("aria-label", "Draw a digit: arrow keys move the pen, Space puts it down or lifts it, Escape clears");
  // What is read until something is drawn on this pad.
  const current = make("canvas");
  const hint = make("p", { className: "hint" }, current, "Draw a digit");
  hint.setAttribute("aria-hidden", "true");
  let wasShown = false;
  const showCurrent = (shown: Uint8Array) => {
    // Of a step that is no longer shown.
    if (wasShown && !current.isConnected) return void listeners.delete(showCurrent);
    wasShown = current.isConnected;
    showPixels(current, shown);
  };
  listeners.add(showCurrent);
  showCurrent(pixels);
  const clear = make("button", { type: "button", disabled: true }, "Clear");
  const pad = createPad(canvas, () => {
    const strokes = pad.strokes();
    clear.disabled = !strokes.length;
    hint.hidden = !!strokes.length;
    if (!strokes.length) return;
    pixels = drawStrokes(strokes);
    for (const listener of listeners) listener(pixels);
  });
  clear.onclick = pad.clear;
  return make("div", { className: "sketchpad" }, make("div", {}, canvas, hint), make("p", { className: "buttons" }, clear));
};
