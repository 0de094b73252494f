// Messages between the app and its reading worker.

import type { NumberReading, Stroke } from "./reader.js";

export interface Read {
  // One for each model that was asked for, in that order.
  readonly numbers: readonly NumberReading[];
  readonly elapsedMs: number;
}

export type Ask =
  | { readonly kind: "open"; readonly model: string; readonly content: ArrayBuffer }
  | { readonly kind: "time"; readonly model: string }
  // lifted: whether the pen is up.
  | { readonly kind: "strokes"; readonly models: readonly string[]; readonly strokes: readonly Stroke[]; readonly lifted: boolean }
  | { readonly kind: "picture"; readonly models: readonly string[]; readonly width: number; readonly height: number; readonly rgba: Uint8ClampedArray }
  | { readonly kind: "explain"; readonly model: string; readonly pixels: Uint8Array; readonly digit: number };

export interface Answers {
  // How many parameters the model has.
  readonly open: number;
  // Milliseconds that one digit takes on this device: the median of some.
  readonly time: number;
  readonly strokes: Read;
  readonly picture: Read;
  // Evidence: Float32Array[784].
  readonly explain: Float32Array;
}

export type Reply = { readonly id: number } & ({ readonly answer: Answers[Ask["kind"]] } | { readonly error: string });
