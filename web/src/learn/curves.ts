// The curves of a training, and its buttons: start, pause, step, reset.

import { make } from "../app/elements.js";
import { createChart, type Line, type Point } from "./chart.js";
import type { Panel } from "./panel.js";
import type { Curves, State, Training } from "./current-training.js";

// Losses are shown as means of so many points at most.
const POINTS = 150;

export const createCurves = (training: Training): Panel => {
  const loss = createChart("Loss", "epochs", (y) => y.toFixed(2));
  const accuracy = createChart("Accuracy", "epochs", (y) => `${(100 * y).toFixed(1).replace(".0", "")} %`);
  const start = make("button", { type: "button", className: "main" });
  const step = make("button", { type: "button", onclick: training.step }, "Step");
  const reset = make("button", { type: "button", onclick: () => training.reset() }, "Reset");
  step.title = "Trains on one batch";
  reset.title = "Back to the initial weights";
  start.onclick = () => (training.state().status === "running" ? training.pause() : training.run());
  const words = make("p", { className: "status" });
  const spoken = make("p", { className: "unseen", role: "status" });
  let shown = 0;
  let last: State | null = null;

  // Drawn at most once a frame, however often the worker reports.
  const draw = () => {
    shown = 0;
    const state = last!;
    const right = state.settings.training.epochs;
    const losses = lossesOf(state);
    const shownLosses = [...losses.map(({ y }) => y), ...[state, state.previous ?? state].flatMap(({ records }) => records.flatMap((record) => [record.trainLoss, record.validationLoss]))];
    const most = Math.max(0.5, ...shownLosses);
    loss.draw(
      [
        ...compared(state.previous, "validationLoss", right),
        { name: "batches", title: "batches", points: losses },
        { name: "train", title: "training", points: points(state, "trainLoss"), dots: true },
        { name: "validation", title: "validation", points: points(state, "validationLoss"), dots: true },
      ],
      right, 0, most,
    );
    const lowest = Math.min(0.95, ...[state, state.previous ?? state].flatMap(({ records }) => records.flatMap((r) => [r.trainAccuracy, r.validationAccuracy])));
    accuracy.draw(
      [
        ...compared(state.previous, "validationAccuracy", right),
        { name: "train", title: "training", points: points(state, "trainAccuracy"), dots: true },
        { name: "validation", title: "validation", points: points(state, "validationAccuracy"), dots: true },
      ],
      right, Math.max(0, Math.floor(10 * lowest - 0.2) / 10), 1,
    );
    const text = summary(state);
    words.textContent = text;
    words.classList.toggle("failed", state.status === "failed");
    if (state.status !== "running") spoken.textContent = text;
    const running = state.status === "running";
    start.textContent = running ? "Pause" : state.status === "paused" && state.losses.length ? "Continue" : state.status === "finished" ? "Train again" : "Train";
    start.disabled = state.status === "loading";
    step.disabled = start.disabled || running || state.status === "finished";
    reset.disabled = state.status === "new" || state.status === "loading";
    element.dataset["status"] = state.status;
  };
  const stop = training.onChange((state) => {
    last = state;
    shown ||= requestAnimationFrame(draw);
  });
  const element = make(
    "div",
    { className: "training" },
    make("div", { className: "buttons" }, start, step, reset),
    words,
    spoken,
    make("div", { className: "charts" }, accuracy.element, loss.element),
    make("p", { className: "small" }, "Training figures are means over an epoch, during which the network learns; the validation figures are measured at its end. Gray: a training before this one."),
  );
  return {
    element,
    hide: () => {
      stop();
      cancelAnimationFrame(shown);
    },
  };
};

const points = ({ records }: Curves, key: "trainLoss" | "trainAccuracy" | "validationLoss" | "validationAccuracy"): Point[] =>
  records.map((record) => ({ x: record.epoch, y: record[key] }));

const compared = (previous: Curves | null, key: "validationLoss" | "validationAccuracy", right: number): Line[] =>
  previous ? [{ name: "previous", title: "validation before", points: points(previous, key).filter(({ x }) => x <= right), last: previous.records.at(-1)![key] }] : [];

// Means of the losses of some steps each.
const lossesOf = ({ losses, stepsPerEpoch }: Curves): Point[] => {
  const size = Math.max(1, Math.ceil(losses.length / POINTS));
  // The mean of an incomplete part would jump.
  return Array.from({ length: Math.floor(losses.length / size) }, (_, i) => {
    const part = losses.slice(i * size, (i + 1) * size);
    return { x: (i * size + part.length / 2) / stepsPerEpoch, y: part.reduce((sum, value) => sum + value, 0) / part.length };
  });
};

const summary = ({ status, losses, records, stepsPerEpoch, settings, parameters, message }: State): string => {
  if (status === "failed") return message;
  if (status === "loading") return "Loading the images…";
  if (status === "new") return "Not trained yet.";
  const latest = records.at(-1);
  const seconds = records.reduce((sum, record) => sum + record.seconds, 0);
  const place = `Step ${losses.length} of ${settings.training.epochs * stepsPerEpoch}, ${parameters.toLocaleString("en")} parameters`;
  if (!latest) return `${place}: loss ${losses.at(-1)?.toFixed(3) ?? "–"}`;
  const right = `validation accuracy ${(100 * latest.validationAccuracy).toFixed(2)} %`;
  return status === "finished" ? `Trained: ${right} after ${seconds.toFixed(1)} s of training, ${parameters.toLocaleString("en")} parameters.` : `${place}: ${right}`;
};
