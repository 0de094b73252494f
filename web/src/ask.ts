// The box "Ask the model" of a run's report: the run's network, which is in the same file, answers what is drawn. The elements are
// in tenfold/report/ask.html.

import { $, make, percent } from "./app/elements.js";
import { createPad } from "./app/pad.js";
import { areSeveral, drawStrokes } from "./ink/strokes.js";
import { showPixels } from "./learn/pixels.js";
import { readModelFile, unsureBelow } from "./model/file.js";
import { prepare } from "./model/forward.js";

const DIGITS = [..."0123456789"];
// Bars: of more classes, the most probable.
const MOST = 10;
// The runner-up is named from this probability on.
const LIKELY = 0.15;

const decoded = (base64: string): Uint8Array<ArrayBuffer> => Uint8Array.from(atob(base64), (byte) => byte.charCodeAt(0));

const createBars = (names: readonly string[]) => {
  const bars = Array.from({ length: Math.min(MOST, names.length) }, () => {
    const [name, fill, share] = [make("span"), make("i"), make("b")];
    const bar = make("li", {}, name, make("span", { className: "track" }, fill), share);
    $("ask-bars").append(bar);
    return { bar, name, fill, share };
  });
  // order: classes, the most probable first.
  return (row: Float32Array, order: readonly number[]) => {
    const shown = names.length > MOST ? order : [...names.keys()];
    for (const [i, { bar, name, fill, share }] of bars.entries()) {
      const index = shown[i];
      name.textContent = names[index];
      // No network is certain.
      share.textContent = `${Math.min(99.9, 100 * row[index]).toFixed(1)} %`;
      fill.style.setProperty("--p", String(row[index]));
      bar.classList.toggle("top", index === order[0]);
    }
  };
};

const start = () => {
  const box = $("ask-box");
  const model = readModelFile(decoded($("ask-model").textContent).buffer);
  const named = model.settings["class_names"];
  const names = Array.isArray(named) ? named.map(String) : DIGITS;
  const probabilities = prepare(model, names.length);
  const threshold = unsureBelow(model);
  const example = decoded(box.dataset["example"]!);
  const showBars = createBars(names);
  let pixels = example;
  let waiting = false;

  // What the large answer is worth.
  const verdictOf = (row: Float32Array, [best, second]: readonly number[], several: boolean): string => {
    if (several) return "Not sure: draw one digit at a time.";
    const sure = percent(row[best]);
    if (row[best] >= threshold) return `${sure} sure`;
    return row[second] > LIKELY ? `Not sure: ${names[best]} or ${names[second]}?` : `Not sure: only ${sure}`;
  };

  const show = (lifted: boolean) => {
    const strokes = pad.strokes();
    const drawn = strokes.length > 0;
    pixels = drawn ? (drawStrokes(strokes) as Uint8Array<ArrayBuffer>) : example;
    const row = probabilities(pixels);
    const order = [...row.keys()].sort((a, b) => row[b] - row[a]);
    const several = drawn && names === DIGITS && areSeveral(strokes, lifted);
    const verdict = verdictOf(row, order, several);
    $("ask-hint").hidden = drawn;
    $("ask-answer").textContent = names[order[0]];
    $("ask-verdict").textContent = drawn ? verdict : `A test image: ${verdict}`;
    box.classList.toggle("unsure", several || !(row[order[0]] >= threshold));
    showBars(row, order);
    showPixels($("ask-seen"), pixels);
    // For screen readers: once per stroke.
    if (lifted) $("ask-spoken").textContent = drawn ? `${names[order[0]]}. ${verdict}` : "";
  };

  const pad = createPad($("ask-pad"), (lifted) => {
    if (lifted) show(true);
    else if (!waiting) {
      waiting = true;
      requestAnimationFrame(() => {
        waiting = false;
        show(false);
      });
    }
  });
  $("ask-clear").onclick = pad.clear;
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => showPixels($("ask-seen"), pixels));
  show(false);
  $("ask-off").remove();
  box.hidden = false;
};

start();
