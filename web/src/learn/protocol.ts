// Messages between the Learn view and its training worker. A worker trains one network, once.

import type { EpochRecord, Images, Settings } from "../training/trainer.js";

// An image of the validation part that was misclassified.
export interface Mistake {
  readonly index: number;
  readonly predicted: number;
  readonly confidence: number;
}

export interface EpochResult {
  readonly record: EpochRecord;
  // Counts, ten of each true class by the predicted one.
  readonly confusion: Uint32Array;
  // The most confident first.
  readonly mistakes: readonly Mistake[];
}

export type ToWorker =
  | { readonly kind: "begin"; readonly settings: Settings; readonly train: Images; readonly validation: Images }
  // Trains until a message says to pause, or so many steps.
  | { readonly kind: "run"; readonly steps?: number }
  | { readonly kind: "pause" }
  // Answered by the same kind.
  | { readonly kind: "predict"; readonly pixels: Uint8Array }
  | { readonly kind: "weights" };

export type FromWorker =
  // parameters: how many numbers are learned.
  | { readonly kind: "ready"; readonly parameters: number; readonly stepsPerEpoch: number }
  // The losses of the steps since the last report.
  | { readonly kind: "progress"; readonly losses: readonly number[] }
  | { readonly kind: "epoch"; readonly result: EpochResult }
  | { readonly kind: "paused" }
  | { readonly kind: "finished" }
  | { readonly kind: "failed"; readonly message: string }
  | { readonly kind: "predict"; readonly probabilities: Float32Array }
  | { readonly kind: "weights"; readonly weights: readonly Float32Array[] };
