// What a change of a digit does to the Reader's answer: a digit that becomes another, and the learner's own, distorted.

import "./map.css";
import { make, makeSvg } from "../app/elements.js";
import { drawStrokes } from "../ink/strokes.js";
import { likeliest } from "../training/trainer.js";
import { openShippedReader, sentence, spoken, type ShippedReader } from "./shipped.js";
import { createSketch, drawnDigit, onDrawn } from "./sketch.js";
import { showPixels } from "./pixels.js";
import { NO_EFFECTS, PAIRS, blendStrokes, changed, findTips, type Effects, type Pair } from "./transformations.js";
import { inSlices, newestOf, showLoaded } from "./work.js";

export const createChange = (container: HTMLElement): { hide(): void } => {
  const ended = new AbortController();
  const root = make("div", { className: "changes" });
  container.append(make("section", { className: "fitted" }, root));
  void showLoaded(root, ended.signal, openShippedReader, (reader) => root.append(blend(reader, ended.signal), distort(reader, ended.signal)));
  return { hide: () => ended.abort() };
};

const slider = (label: string, least: number, most: number, step: number, value: number): HTMLInputElement => {
  const input = make("input", { type: "range", min: String(least), max: String(most), step: String(step), value: String(value) });
  input.setAttribute("aria-label", label);
  return input;
};

// Positions of the slider between the two digits.
const STEPS = 50;
// Images below the chart.
const FRAMES = 9;
const [WIDTH, HEIGHT] = [400, 150];
// Probabilities below this are not drawn, and those that never reach the second have no label.
const [LEAST, LABELED] = [0.005, 0.2];

const blend = (reader: ShippedReader, ended: AbortSignal): HTMLElement => {
  let images: Uint8Array[] = [];
  let rows: Float32Array[] = [];
  const picture = make("canvas", { className: "picture" });
  const said = make("p", { className: "said" });
  const tips = make("span", { role: "status" });
  const strip = Array.from({ length: FRAMES }, () => make("canvas"));
  const chart = makeSvg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, "aria-hidden": "true" });
  const here = makeSvg("line", { class: "here", y1: 0, y2: HEIGHT });
  const input = slider("From the first digit to the second", 0, STEPS, 1, STEPS / 2);
  const choice = make("select", {}, ...PAIRS.map(({ from, to }, i) => make("option", { value: String(i) }, `${from} to ${to}`)));

  const draw = () => {
    const at = Number(input.value);
    if (!images.length) return;
    strip.forEach((small, i) => showPixels(small, images[Math.round((STEPS * i) / (FRAMES - 1))]));
    showPixels(picture, images[at]);
    const words = spoken(rows[at], reader.unsureBelow);
    said.textContent = sentence(words);
    input.setAttribute("aria-valuetext", `${(100 * at) / STEPS} % of the way: ${words}`);
    for (const end of ["x1", "x2"]) here.setAttribute(end, String((WIDTH * at) / STEPS));
  };

  const drawChart = ({ from, to }: Pair) => {
    const x = (i: number) => (WIDTH * i) / STEPS;
    // The first digit at the bottom, the second at the top.
    const order = [from, ...rows[0].keys()].filter((digit, i) => digit !== to && (!i || digit !== from)).concat(to);
    const below = new Float32Array(STEPS + 1);
    const areas: Node[] = [];
    const labels: Node[] = [];
    for (const digit of order) {
      const peak = likeliest(Float32Array.from(rows, (row) => row[digit]));
      const low = [...below];
      rows.forEach((row, i) => (below[i] += row[digit]));
      if (rows[peak][digit] < LEAST) continue;
      const edge = (values: ArrayLike<number>) => Array.from(values, (value, i) => `${x(i)},${(HEIGHT * (1 - value)).toFixed(1)}`);
      const area = makeSvg("polygon", { points: [...edge(below), ...edge(low).reverse()].join(" ") });
      // Not as an attribute, which a Content-Security-Policy forbids.
      area.style.fill = `var(--class-${digit})`;
      areas.push(area);
      if (rows[peak][digit] < LABELED) continue;
      // In the middle of the part where it is the answer, where there is one.
      const mine = rows.flatMap((row, i) => (row[digit] > 0.5 ? [i] : []));
      const column = mine.length ? mine[mine.length >> 1] : peak;
      labels.push(makeSvg("text", { x: x(column), y: HEIGHT * (1 - (low[column] + below[column]) / 2) }, String(digit)));
    }
    const found = findTips(rows.map(likeliest));
    const lines = found.map(({ share }) => makeSvg("line", { class: "tip", x1: WIDTH * share, x2: WIDTH * share, y1: 0, y2: HEIGHT }));
    chart.replaceChildren(...areas, ...lines, here, ...labels);
    tips.textContent = `The answer tips ${found.map(({ share, digit }) => `to ${digit} at ${Math.round(100 * share)} %`).join(", and ")} of the way (dashed).`;
  };

  const compute = newestOf<Pair>(ended, async (pair, signal) => {
    const [drawn, read] = [[] as Uint8Array[], [] as Float32Array[]];
    const done = await inSlices(STEPS + 1, (i) => {
      drawn.push(drawStrokes(blendStrokes(pair, i / STEPS)));
      read.push(reader.probabilities(drawn[i]));
    }, signal);
    if (!done) return;
    [images, rows] = [drawn, read];
    drawChart(pair);
    draw();
  });
  input.oninput = draw;
  choice.onchange = () => compute(PAIRS[Number(choice.value)]);
  compute(PAIRS[0]);
  return make("section", { className: "blend" },
    make("h3", {}, "Between two digits"),
    make("div", { className: "head" }, picture, make("div", {}, make("label", { className: "pair" }, "Turn ", choice), said)),
    make("figure", {}, chart, input, make("div", { className: "strip" }, ...strip), make("figcaption", { className: "small" }, tips, " Height: the probability of each digit.")),
  );
};

interface Effect {
  readonly key: keyof Effects;
  readonly label: string;
  readonly least: number;
  readonly most: number;
  readonly step: number;
  readonly unit: string;
}

const EFFECTS: readonly Effect[] = [
  { key: "rotation", label: "Rotation", least: -90, most: 90, step: 3, unit: "\u00b0" },
  { key: "shift", label: "Shift", least: -10, most: 10, step: 0.5, unit: " px" },
  { key: "thickness", label: "Thickness", least: -1.5, most: 3, step: 0.25, unit: " px" },
  { key: "noise", label: "Noise", least: 0, most: 0.5, step: 0.02, unit: "" },
];
// Of a curve.
const POINTS = 24;
const [CURVE_WIDTH, CURVE_HEIGHT] = [120, 32];

const distort = (reader: ShippedReader, ended: AbortSignal): HTMLElement => {
  let effects: Effects = NO_EFFECTS;
  let digit = 0;
  const picture = make("canvas", { className: "picture" });
  const said = make("p", { className: "said" });
  const caption = make("p", { className: "small" });

  const rows = EFFECTS.map((effect) => {
    const { key, label, least, most, step, unit } = effect;
    const input = slider(label, least, most, step, 0);
    const value = make("span", { className: "small" });
    const curve = makeSvg("polyline", {});
    const here = makeSvg("line", { class: "here", y1: 0, y2: CURVE_HEIGHT });
    const chart = makeSvg("svg", { viewBox: `0 0 ${CURVE_WIDTH} ${CURVE_HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true" }, here, curve);
    const across = (setting: number) => (CURVE_WIDTH * (setting - least)) / (most - least);
    input.oninput = () => {
      effects = { ...effects, [key]: Number(input.value) };
      update(effect);
    };
    return {
      effect, curve,
      // words: the answer, for screen readers.
      mark: (words: string) => {
        const setting = effects[key];
        input.value = String(setting);
        value.textContent = key === "noise" ? percentOf(setting) : `${setting > 0 && least < 0 ? "+" : ""}${setting}${unit}`.replace("-", "\u2212");
        input.setAttribute("aria-valuetext", `${value.textContent}: ${words}`);
        for (const end of ["x1", "x2"]) here.setAttribute(end, String(across(setting)));
      },
      element: make("div", { className: "effect" }, make("span", {}, label), value, make("div", {}, chart, input)),
    };
  });

  // The curves of all effects but the one that moves: its own stays as it is.
  const trace = newestOf<Effect | null>(ended, async (moved, signal) => {
    const pixels = drawnDigit();
    for (const { effect: { key, least, most }, curve } of rows.filter(({ effect }) => effect !== moved)) {
      const points: string[] = [];
      const done = await inSlices(POINTS + 1, (i) => {
        const probability = reader.probabilities(changed(pixels, { ...effects, [key]: least + ((most - least) * i) / POINTS }))[digit];
        points.push(`${(CURVE_WIDTH * i) / POINTS},${(1 + (CURVE_HEIGHT - 2) * (1 - probability)).toFixed(1)}`);
      }, signal);
      if (!done) return;
      curve.setAttribute("points", points.join(" "));
    }
  });

  const draw = () => {
    const now = changed(drawnDigit(), effects);
    const probabilities = reader.probabilities(now);
    showPixels(picture, now);
    const words = spoken(probabilities, reader.unsureBelow);
    said.textContent = sentence(words);
    said.classList.toggle("wrong", likeliest(probabilities) !== digit);
    for (const { mark } of rows) mark(words);
  };
  const update = (moved: Effect | null) => {
    draw();
    trace(moved);
  };
  const reset = make("button", { type: "button" }, "Reset");
  reset.onclick = () => {
    effects = NO_EFFECTS;
    update(null);
  };
  const stop = onDrawn((pixels) => {
    digit = likeliest(reader.probabilities(pixels));
    caption.textContent = `Curves: the probability of ${digit}, which your digit is read as unchanged.`;
    update(null);
  });
  ended.addEventListener("abort", stop);
  return make("section", { className: "distort" },
    make("h3", {}, "Your digit, changed"),
    make("div", { className: "head" }, createSketch(), make("div", {}, picture, said, make("p", { className: "small" }, "Draw a digit, and move the sliders."))),
    ...rows.map(({ element }) => element),
    make("div", { className: "foot" }, caption, reset),
  );
};

const percentOf = (share: number): string => `${Math.round(100 * share)} %`;
