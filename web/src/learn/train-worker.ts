// Trains off the main thread, so that the page never waits.

import type { EpochResult, FromWorker, Mistake, ToWorker } from "./protocol.js";
import { CLASSES } from "../training/network.js";
import { Trainer, likeliest, type Evaluation, type Images } from "../training/trainer.js";

// Milliseconds of training between two reports, in which messages wait.
const SLICE = 40;

// How many more steps to train.
let left = 0;
let running = false;
// Of training in this epoch.
let seconds = 0;

const send = (message: FromWorker) => self.postMessage(message);

const resultOf = (trainer: Trainer, { labels }: Images, evaluation: Evaluation, seconds: number): EpochResult => {
  const confusion = new Uint32Array(CLASSES ** 2);
  const mistakes: Mistake[] = [];
  labels.forEach((label, index) => {
    const row = evaluation.probabilities.subarray(CLASSES * index, CLASSES * (index + 1));
    const predicted = likeliest(row);
    confusion[CLASSES * label + predicted]++;
    if (predicted !== label) mistakes.push({ index, predicted, confidence: row[predicted] });
  });
  return { record: trainer.record(evaluation, seconds), confusion, mistakes: mistakes.sort((a, b) => b.confidence - a.confidence) };
};

// Trains for a while, reports, and lets messages in.
const run = async (trainer: Trainer, validation: Images) => {
  running = true;
  while (left > 0 && !trainer.finished) {
    const losses: number[] = [];
    const start = performance.now();
    let ended = false;
    while (left > 0 && !ended && performance.now() - start < SLICE) {
      losses.push(trainer.trainStep());
      left--;
      ended = trainer.step % trainer.stepsPerEpoch === 0;
    }
    seconds += (performance.now() - start) / 1000;
    send({ kind: "progress", losses });
    if (ended) {
      send({ kind: "epoch", result: resultOf(trainer, validation, trainer.evaluate(validation), seconds) });
      seconds = 0;
    }
    await messages();
  }
  running = false;
  send({ kind: trainer.finished ? "finished" : "paused" });
};

// Resolves after the messages that wait: a timer would add four milliseconds to each slice.
const messages = (): Promise<void> =>
  new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });

// What obeys messages once there is a network; before, none but the first is heard.
const begin = ({ settings, train, validation }: ToWorker & { kind: "begin" }) => {
  const trainer = new Trainer(train, settings);
  send({ kind: "ready", parameters: trainer.network.size, stepsPerEpoch: trainer.stepsPerEpoch });
  return async (message: ToWorker) => {
    if (message.kind === "run") {
      left = message.steps ?? Infinity;
      if (!running) await run(trainer, validation);
    } else if (message.kind === "pause") left = 0;
    else if (message.kind === "predict") send({ kind: "predict", probabilities: trainer.predict(message.pixels) });
    else if (message.kind === "weights") send({ kind: "weights", weights: trainer.network.firstWeights() });
  };
};

let obey: ((message: ToWorker) => Promise<void>) | null = null;

self.onmessage = async ({ data }: MessageEvent<ToWorker>) => {
  try {
    if (data.kind === "begin") obey = begin(data);
    else await obey?.(data);
  } catch (error) {
    // A network that diverged answers no more.
    obey = null;
    send({ kind: "failed", message: error instanceof Error ? error.message : String(error) });
  }
};
