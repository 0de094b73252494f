// A recorded training, to go through by hand: how the answer to the drawn digit changes as the network learns.

import { make, percent } from "../app/elements.js";
import { lay, softmax, type Network } from "../model/forward.js";
import { likeliest } from "../training/trainer.js";
import { createBars } from "./bars.js";
import type { Checkpoint } from "./checkpoints.js";
import { makeCanvases, pagePalette, paintMaps } from "./maps.js";
import { createPlot } from "./plot.js";
import { createRecorded, onDigit } from "./recorded.js";
import { createSketch, drawnDigit } from "./sketch.js";
import { showPixels } from "./pixels.js";

const PLAY_MS = 8000;
// The layers whose maps are shown: the first, and the last of each size. At these places among all.
const SHOWN = [
  [2, "First layer"],
  [10, "Third layer"],
  [23, "Sixth layer"],
  [32, "Eighth layer, the last"],
] as const;
// Of images, as the slider is spaced: lab/replay.py.
const EVEN_IMAGES = 3200;
const IMAGE_TICKS = [[0, "0"], [1e4, "10,000"], [1e5, "100,000"], [1e6, "1 million"]] as const;
const LOSS_TICKS = [[2, "2"], [0.5, "0.5"], [0.1, "0.1"]] as const;
// What the axis of losses shows, lowest and highest.
const LOSSES = [0.02, 5] as const;

// `hide` stops playing and listening.
export const createReplay = (container: HTMLElement): { hide(): void } => createRecorded(container, "replay", fill);

const fill = (element: HTMLElement, checkpoints: readonly Checkpoint[], ended: AbortSignal): void => {
  const last = checkpoints.length - 1;
  const networks: Network[] = [];
  const networkOf = (index: number) => (networks[index] ??= lay(checkpoints[index].model, 28, 28));
  let [index, timer, warming] = [0, 0, 0];
  let image: Uint8Array = drawnDigit();
  const palette = pagePalette();

  const slider = make("input", { type: "range", min: "0", max: String(last), value: "0" });
  slider.setAttribute("aria-label", "Progress of the training");
  const play = make("button", { type: "button", className: "main play" });
  const state = make("p", { className: "state" });
  const detail = make("p", { className: "small" });
  const seen = make("canvas");
  seen.setAttribute("aria-hidden", "true");
  const [reads, sure] = [make("b"), make("span")];
  const answer = make("p", { className: "said" }, seen, " reads as ", reads, ", ", sure);
  const bars = createBars();
  const accuracy = createPlot(
    ["Validation accuracy"],
    [{ name: "accuracy", values: checkpoints.map((checkpoint) => checkpoint.accuracy) }],
    (value) => value,
    [[1, "100 %"], [0.5, "50 %"]],
  );
  const losses = createPlot(
    ["Loss, logarithmic: ", make("b", { className: "loss" }, "validation"), " and ", make("b", { className: "training" }, "training")],
    [
      { name: "training", values: checkpoints.map(({ trainingLoss }) => trainingLoss) },
      { name: "loss", values: checkpoints.map(({ loss }) => loss) },
    ],
    (value) => Math.log(value / LOSSES[0]) / Math.log(LOSSES[1] / LOSSES[0]),
    LOSS_TICKS,
  );
  const rows = SHOWN.map(([at, title]) => {
    const { channels, height, width } = networkOf(0).layers[at];
    const canvases = makeCanvases(channels);
    return { at, canvases, row: make("figure", { className: "maps" }, make("figcaption", {}, `${title}, ${height} × ${width}`), make("div", {}, ...canvases)) };
  });

  // All that depends on the checkpoint and the digit.
  const show = () => {
    const checkpoint = checkpoints[index];
    const network = networkOf(index);
    network.run(image);
    const probabilities = softmax(network.values.data);
    const digit = likeliest(probabilities);
    slider.value = String(index);
    slider.setAttribute("aria-valuetext", spoken(checkpoint));
    state.textContent = `${spoken(checkpoint)[0].toUpperCase()}${spoken(checkpoint).slice(1)}`;
    detail.textContent = `Epoch ${checkpoint.epochs.toFixed(checkpoint.epochs < 10 ? 2 : 1)} of 20, loss ${checkpoint.loss.toFixed(checkpoint.loss < 1 ? 3 : 2)}`;
    reads.textContent = String(digit);
    sure.textContent = `${percent(probabilities[digit])} sure`;
    bars.show(probabilities);
    accuracy.mark(index);
    losses.mark(index);
    for (const { at, canvases } of rows) paintMaps(canvases, network.layers[at], palette);
  };
  const go = (to: number) => {
    index = Math.min(last, Math.max(0, to));
    show();
  };

  const still = matchMedia("(prefers-reduced-motion: reduce)");
  const label = () => (play.textContent = timer ? "Pause" : still.matches ? "Next" : "Play");
  const pause = () => {
    clearInterval(timer);
    timer = 0;
    label();
  };
  play.onclick = () => {
    if (timer) return pause();
    go(index === last ? 0 : index + 1);
    if (still.matches) return;
    timer = window.setInterval(() => {
      go(index + 1);
      if (index === last) pause();
    }, PLAY_MS / last);
    label();
  };
  slider.oninput = () => {
    pause();
    go(Number(slider.value));
  };

  const axis = make("p", { className: "axis" }, ...IMAGE_TICKS.filter(([images]) => images <= checkpoints[last].images).map(([images, text]) => {
    const tick = make("span", {}, text);
    tick.style.left = `${(100 * Math.log1p(images / EVEN_IMAGES)) / Math.log1p(checkpoints[last].images / EVEN_IMAGES)}%`;
    return tick;
  }));
  const plots = make("div", { className: "plots" }, accuracy.element, losses.element, slider, axis);
  // The curves are a slider as well, for a pointer.
  plots.onpointerdown = plots.onpointermove = (event) => {
    if (!event.buttons || event.target === slider) return;
    const box = slider.getBoundingClientRect();
    pause();
    go(Math.round((last * (event.clientX - box.left)) / box.width));
  };
  element.replaceChildren(
    make("div", { className: "time" }, make("div", { className: "head" }, play, make("div", {}, state, detail)), plots),
    make("div", { className: "reading" }, createSketch(), make("div", {}, answer, bars.element)),
    make("div", { className: "inner" }, ...rows.map(({ row }) => row)),
  );
  label();
  still.addEventListener("change", pause, { signal: ended });
  onDigit(ended, (drawn) => {
    image = drawn;
    showPixels(seen, image);
    show();
  });
  // A first run takes ten times as long.
  const warm = (next: number) => {
    networkOf(next).run(image);
    if (next < last) warming = window.setTimeout(warm, 0, next + 1);
  };
  warm(0);
  ended.addEventListener("abort", () => {
    pause();
    clearTimeout(warming);
  });
};

const spoken = ({ images, accuracy }: Checkpoint): string =>
  `after ${images.toLocaleString("en")} images: ${(100 * accuracy).toFixed(1)} % right`;
