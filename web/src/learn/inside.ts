// Inside the trained network: the drawn digit after each layer, and where each value comes from.

import { make } from "../app/elements.js";
import { lay, softmax } from "../model/forward.js";
import { createBars } from "./bars.js";
import { createChannel } from "./channel.js";
import type { Checkpoint } from "./checkpoints.js";
import { largest, makeCanvases, makeLegend, mapOf, pagePalette, paint, paintMaps } from "./maps.js";
import { createRecorded, onDigit } from "./recorded.js";
import { createSketch } from "./sketch.js";
import { showPixels } from "./pixels.js";
import { decimal, describe, nameOf, namesOf, receptiveField, stagesOf, termsOf, windowOf, type Patch, type Place } from "./stages.js";

const HINT = "Draw a digit. Then choose a map, and a value in the large one: the frame shows which pixels it depends on.";

// `hide` stops listening and searching.
export const createInside = (container: HTMLElement): { hide(): void } => createRecorded(container, "inside", fill);

const fill = (element: HTMLElement, checkpoints: readonly Checkpoint[], ended: AbortSignal): void => {
  const { model } = checkpoints.at(-1)!;
  const network = lay(model, 28, 28);
  const stages = stagesOf(model, network);
  const names = namesOf(stages);
  const palette = pagePalette();
  // What was chosen, and what the pointer is over, if anything.
  let chosen: Place = { stage: 0, channel: 5, y: 9, x: 7 };
  let over: Place | null = null;

  const pixels = make("canvas", { className: "map" });
  const field = make("i", { className: "mark" });
  const enlarged = make("canvas", { className: "map", tabIndex: 0 });
  enlarged.setAttribute("role", "application");
  enlarged.setAttribute("aria-roledescription", "feature map");
  const cell = make("i", { className: "mark" });
  const title = make("figcaption");
  const value = make("b");
  const words = make("p", { className: "words" }, value, make("span"));
  words.setAttribute("aria-live", "polite");
  const patches = makeCanvases(11);
  const kernels = makeCanvases(11);
  const termRow = (title: string, canvases: HTMLCanvasElement[]) => make("figure", {}, make("figcaption", {}, title), make("div", {}, ...canvases));
  const weighted = termRow("times weights", kernels);
  const terms = make("div", { className: "terms" }, termRow("Values that it comes from", patches), weighted);
  const bars = createBars();
  const channel = createChannel(model, stages[0], palette, ended);

  const rows = stages.map(({ values: { channels, height } }, stage) => {
    const canvases = makeCanvases(channels);
    const numbers = canvases.map(() => make("span"));
    const buttons = canvases.map((canvas, i) => {
      const button = make("button", { type: "button", tabIndex: -1 }, canvas, ...(height > 1 ? [] : [numbers[i]]), make("i", { className: "mark" }));
      button.setAttribute("aria-label", `${names[stage]}, ${nameOf(stages[stage], i)}`);
      const placeOf = (event: PointerEvent | MouseEvent) => ({ stage, channel: i, ...pointed(canvas, event, height) });
      button.onpointermove = (event) => {
        if (event.pointerType === "mouse") point(placeOf(event));
      };
      // A click of the keyboard has no place.
      button.onclick = (event) => choose(event.detail ? placeOf(event) : moved(chosen, stage, i));
      return button;
    });
    const kind = stages[stage].kind !== "convolution" ? "" : stage ? ": the shared convolution" : ": convolution of the pixels";
    const shape = height > 1 ? `, ${height} × ${height}` : "";
    return { canvases, numbers, buttons, figure: make("figure", { className: "maps" }, make("figcaption", {}, names[stage] + kind + shape), make("div", {}, ...buttons)) };
  });
  const list = make("div", { className: "inner" }, ...rows.map(({ figure }) => figure));
  list.setAttribute("role", "group");
  list.setAttribute("aria-label", "Feature maps: arrow keys choose one");

  const moved = ({ y, x, stage: from }: Place, stage: number, to: number): Place => {
    const { height, channels } = stages[stage].values;
    const scale = (at: number) => Math.floor((at * height) / stages[from].values.height);
    return { stage, channel: Math.min(Math.max(to, 0), channels - 1), y: scale(y), x: scale(x) };
  };
  const point = (place: Place | null) => {
    over = place;
    showPlace();
  };
  const choose = (place: Place) => {
    chosen = place;
    point(null);
  };
  list.onpointerleave = () => point(null);
  list.onkeydown = (event) => {
    const move = ARROWS[event.key];
    if (!move) return;
    event.preventDefault();
    const stage = Math.min(Math.max(chosen.stage + move[1], 0), stages.length - 1);
    choose(moved(chosen, stage, chosen.channel + move[0]));
    rows[chosen.stage].buttons[chosen.channel].focus();
  };
  const side = () => stages[chosen.stage].values.height;
  enlarged.onkeydown = (event) => {
    const move = ARROWS[event.key];
    if (!move) return;
    event.preventDefault();
    const inside = (at: number) => Math.min(Math.max(at, 0), side() - 1);
    choose({ ...chosen, y: inside(chosen.y + move[1]), x: inside(chosen.x + move[0]) });
  };
  enlarged.onpointermove = enlarged.onpointerdown = (event) => choose({ ...chosen, ...pointed(enlarged, event, side()) });

  // What belongs to one value.
  const showPlace = () => {
    const place = over ?? chosen;
    const stage = stages[place.stage];
    const { height } = stage.values;
    const at: Patch = { top: place.y, left: place.x, bottom: place.y, right: place.x };
    mark(field, receptiveField(stages, place.stage, at), 28);
    mark(cell, at, height);
    paint(enlarged, mapOf(stage.values, place.channel), height, largest(stage.values.data), palette);
    enlarged.setAttribute("aria-label", `${names[place.stage]}, ${nameOf(stage, place.channel)}: arrow keys choose a value`);
    title.textContent = `${names[place.stage]}, ${nameOf(stage, place.channel)}`;
    const found = termsOf(stage, place.channel, place.y, place.x);
    const most = largest(found.flatMap(({ weights }) => [...(weights ?? [])]));
    terms.classList.toggle("single", found.length === 1);
    weighted.hidden = !stage.weight;
    patches.forEach((canvas, i) => {
      canvas.hidden = kernels[i].hidden = !found[i];
      if (found[i]) paint(canvas, found[i].patch, stage.side, largest(stage.source.data), palette);
      if (found[i]?.weights) paint(kernels[i], found[i].weights, stage.side, most, palette);
    });
    value.textContent = decimal(mapOf(stage.values, place.channel)[place.y * height + place.x]);
    words.lastElementChild!.textContent = ` ${describe(stage, place)}`;
    rows.forEach(({ buttons }, i) =>
      buttons.forEach((button, c) => {
        const isIt = i === place.stage && c === place.channel;
        const isSource = i === place.stage - 1 && (found.length > 1 || c === place.channel);
        button.tabIndex = i === chosen.stage && c === chosen.channel ? 0 : -1;
        button.setAttribute("aria-pressed", String(i === chosen.stage && c === chosen.channel));
        button.classList.toggle("shown", isIt);
        const box = button.lastElementChild as HTMLElement;
        box.hidden = !(isSource || (isIt && height > 1)) || stages[i].values.height === 1;
        if (!box.hidden) mark(box, isIt ? at : windowOf(stage, at), stages[i].values.height);
      }),
    );
    if (chosen.stage < stages.length - 1) channel.show(chosen.channel);
  };
  // All that depends on the digit.
  const show = (image: Uint8Array) => {
    network.run(image);
    showPixels(pixels, image);
    stages.forEach(({ values }, i) => {
      paintMaps(rows[i].canvases, values, palette);
      if (values.height > 1) return;
      rows[i].numbers.forEach((number, c) => {
        number.textContent = values.data[c].toFixed(1).replace("-", "−");
        rows[i].buttons[c].setAttribute("aria-label", `${names[i]}, ${nameOf(stages[i], c)}: ${number.textContent}`);
      });
    });
    bars.show(softmax(network.values.data));
    showPlace();
  };

  const look = make(
    "div",
    { className: "look" },
    make("figure", {}, make("figcaption", {}, "Pixels, upright"), make("div", { className: "marked" }, pixels, field)),
    make("figure", {}, title, make("div", { className: "marked" }, enlarged, cell)),
    words,
    terms,
  );
  const maps = make("div", { className: "all" }, list, make("figure", { className: "maps" }, make("figcaption", {}, "Probabilities"), bars.element));
  element.replaceChildren(
    make("div", { className: "draw" }, createSketch(), make("div", {}, make("p", {}, HINT), makeLegend())),
    make("div", { className: "value-and-maps" }, look, maps),
    channel.element,
  );
  onDigit(ended, show);
};

const ARROWS: Record<string, readonly [number, number]> = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

// The row and column of a map of `side` values that the pointer is over.
const pointed = (canvas: HTMLCanvasElement, event: PointerEvent | MouseEvent, side: number): { y: number; x: number } => {
  const box = canvas.getBoundingClientRect();
  const at = (place: number, length: number) => Math.min(side - 1, Math.max(0, Math.floor((side * place) / length)));
  return { y: at(event.clientY - box.top, box.height), x: at(event.clientX - box.left, box.width) };
};

// Puts a frame around some values of a map that has `side` a side.
const mark = (frame: HTMLElement, { top, left, bottom, right }: Patch, side: number): void => {
  const percent = (count: number) => `${(100 * count) / side}%`;
  Object.assign(frame.style, { top: percent(top), left: percent(left), height: percent(bottom + 1 - top), width: percent(right + 1 - left) });
};
