// The network that the Learn view trains: its settings, and what is known of its training.

import { FIRST_TRAIN, fetchImages, slice } from "./data.js";
import type { EpochResult, FromWorker, ToWorker } from "./protocol.js";
import type { EpochRecord, Images, Settings } from "../training/trainer.js";

export type Status = "new" | "loading" | "running" | "paused" | "finished" | "failed";

// Curves of a training: the loss of each step, and what each epoch ended with.
export interface Curves {
  readonly losses: readonly number[];
  readonly records: readonly EpochRecord[];
  readonly stepsPerEpoch: number;
}

// A training that was completed.
export interface Finished {
  readonly settings: Settings;
  readonly images: number;
  readonly record: EpochRecord;
}

export interface State extends Curves {
  readonly status: Status;
  readonly settings: Settings;
  readonly images: number;
  readonly parameters: number;
  readonly latest: EpochResult | null;
  // To compare with: of the last training before this one that had nothing against overfitting, or of the first.
  readonly previous: Curves | null;
  // The latest last.
  readonly finished: readonly Finished[];
  readonly message: string;
}

// All images but those that validate.
export const ALL_IMAGES = 58_000;

const TRAINING = { learning_rate: 0.001, batch_size: 32, epochs: 10, schedule: "constant", warmup: 0, beta1: 0.9, beta2: 0.999, weight_decay: 0, seed: 0 } as const;

// The recipe `tutorial`, and a smaller relative of `tiny` that learns within a minute.
export const RECIPES: Record<"mlp" | "recurrent", Settings> = {
  mlp: { model: { architecture: "mlp", hidden: [128, 64], activation: "relu", dropout: 0 }, training: TRAINING },
  recurrent: {
    model: { architecture: "recurrent", width: 16, sharing: "A-AA-A" },
    training: { ...TRAINING, learning_rate: 0.03, schedule: "cosine", warmup: 0.15, beta2: 0.99, weight_decay: 0.01, epochs: 8 },
  },
};

// Without what helps against overfitting.
const isPlain = ({ model, training, augment }: Settings): boolean => !augment && !training.weight_decay && !("dropout" in model && model.dropout);

const empty = { losses: [], records: [], stepsPerEpoch: 1, parameters: 0, latest: null, message: "" };

// Settings that overfit.
export const OVERFITTING: Settings = { ...RECIPES.mlp, training: { ...TRAINING, epochs: 60 } };
export const FEW_IMAGES = 200;

export const createTraining = (settings: Settings = RECIPES.mlp, images: number = FIRST_TRAIN) => {
  let state: State = { ...empty, status: "new", settings, images, previous: null, finished: [] };
  const listeners = new Set<(state: State) => void>();
  let worker: Worker | null = null;
  // An attempt before the last one is not wanted any more.
  let attempts = 0;
  // Of predictions and weights, which are answered in the order in which they were asked for.
  let waiting: ((message: FromWorker | null) => void)[] = [];

  const change = (changes: Partial<State>) => {
    state = { ...state, ...changes };
    for (const listener of listeners) listener(state);
  };
  const post = (message: ToWorker) => worker?.postMessage(message);

  const hear = (message: FromWorker) => {
    if (message.kind === "ready") change({ parameters: message.parameters, stepsPerEpoch: message.stepsPerEpoch });
    else if (message.kind === "progress") change({ losses: [...state.losses, ...message.losses] });
    else if (message.kind === "epoch") change({ latest: message.result, records: [...state.records, message.result.record] });
    else if (message.kind === "predict" || message.kind === "weights") waiting.shift()?.(message);
    else if (message.kind === "failed") {
      end();
      change({ status: "failed", message: message.message });
    }
    else if (state.status === "running") change({ status: message.kind, ...(message.kind === "finished" && { finished: withThis() }) });
  };

  const end = () => {
    attempts++;
    worker?.terminate();
    worker = null;
    waiting.forEach((answer) => answer(null));
    waiting = [];
  };

  // A worker with the network as it is before the first step.
  const begin = async (): Promise<boolean> => {
    change({ status: "loading", message: "" });
    const { settings, images } = state;
    const mine = ++attempts;
    try {
      const [train, validation] = await imagesFor(images);
      // Reset while the images were loaded.
      if (mine !== attempts) return false;
      worker = new Worker(new URL("./train-worker.ts", import.meta.url), { type: "module" });
      worker.onmessage = ({ data }: MessageEvent<FromWorker>) => hear(data);
      worker.onerror = (event) => change({ status: "failed", message: event.message || "Training could not be started: reload the page." });
      post({ kind: "begin", settings, train, validation });
      return true;
    } catch (error) {
      if (mine === attempts) change({ status: "failed", message: (error as Error).message });
      return false;
    }
  };

  const run = async (steps?: number) => {
    if (state.status === "loading" || state.status === "running") return;
    if (state.status === "failed" || state.status === "finished") reset();
    if (!worker && !(await begin())) return;
    change({ status: "running" });
    post({ kind: "run", ...(steps && { steps }) });
  };

  const withThis = (): Finished[] => {
    const { finished, settings, images, records } = state;
    return [...finished, { settings, images, record: records.at(-1)! }];
  };

  const reset = (settings: Settings = state.settings, images: number = state.images) => {
    end();
    const { status, losses, records, stepsPerEpoch } = state;
    const keep = status === "finished" && (!state.previous || isPlain(state.settings));
    change({ ...empty, status: "new", settings, images, previous: keep ? { losses, records, stepsPerEpoch } : state.previous });
  };

  const ask = <K extends "predict" | "weights">(message: ToWorker & { kind: K }): Promise<(FromWorker & { kind: K }) | null> =>
    worker
      ? new Promise((resolve) => {
          waiting.push(resolve as (message: FromWorker | null) => void);
          post(message);
        })
      : Promise.resolve(null);

  return {
    state: () => state,
    // Makes `changed` hear of each change, and of the state immediately. Returns how to end that.
    onChange: (changed: (state: State) => void) => {
      listeners.add(changed);
      changed(state);
      return () => void listeners.delete(changed);
    },
    run: () => void run(),
    step: () => void run(1),
    // The worker confirms it when its slice, or the epoch's evaluation, has ended.
    pause: () => post({ kind: "pause" }),
    // Settings of the next training, which starts anew.
    reset,
    // Ten probabilities; null before training.
    predict: async (pixels: Uint8Array) => (await ask({ kind: "predict", pixels }))?.probabilities ?? null,
    weights: async () => (await ask({ kind: "weights" }))?.weights ?? null,
  };
};

export type Training = ReturnType<typeof createTraining>;

const imagesFor = async (count: number): Promise<[train: Images, validation: Images]> => {
  const files = await Promise.all((count > FIRST_TRAIN ? ([0, 1, 2, 3, 4] as const) : ([0] as const)).map((number) => fetchImages(`train-${number}`)));
  const first = files[0];
  const validation = slice(first, FIRST_TRAIN, first.labels.length);
  if (count <= FIRST_TRAIN) return [slice(first, 0, count), validation];
  const parts = [slice(first, 0, FIRST_TRAIN), ...files.slice(1)];
  const train = { pixels: joined(parts.map(({ pixels }) => pixels)), labels: joined(parts.map(({ labels }) => labels)) };
  return [train, validation];
};

const joined = (parts: readonly Uint8Array[]): Uint8Array => {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
};
