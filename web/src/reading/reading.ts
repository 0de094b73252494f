// How digits and numbers were read: tenfold/reading/reading.py and the Number of number.py.

import type { Box } from "../ink/plane.js";

// How one digit was read.
export interface Reading {
  readonly digit: number;
  // Of readings with confidence 0.9, nine in ten are right.
  readonly confidence: number;
  readonly probabilities: Float32Array;
  // Not to be trusted: ambiguous, or no digit at all.
  readonly unsure: boolean;
  // Uint8[784], what the model saw, 0 paper to 255 ink.
  readonly pixels: Uint8Array;
  // Where in the picture it was found; null where the whole picture is the digit.
  readonly box: Box | null;
}

// How a picture of numbers was read.
export interface NumberReading {
  // The digits, lines joined by a newline, clearly separate numbers of a line by a blank.
  readonly text: string;
  // The same with the marks that were written.
  readonly written: string;
  // Each with its box, in the order of the text.
  readonly digits: readonly Reading[];
  // The probability that the text is right as a whole.
  readonly confidence: number;
  // The text may be wrong, or there is none.
  readonly unsure: boolean;
}
