// From the readings of a picture's lines to one text: tenfold/reading/number.py, step for step.

import { project, type Homography } from "../document/homography.js";
import { DIGIT_HEIGHT } from "../document/strips.js";
import type { Box } from "../ink/plane.js";
import { UNKNOWN, type LineReading } from "./lines.js";
import type { NumberReading, Reading } from "./reading.js";
import { DIGITS, OTHER } from "./symbols.js";

// As in tenfold/reading/number.py, which says what each is for.
const BLANK = 0.9;
const WIDER = 1.8;
const KNOWN = -0.8;
const LIKE = 1.25;
const ALSO = 0.6;
const SINGLE = 1.3;
const WEIGHTS: readonly number[] = [0.603, -0.519, -0.335, -0.270, -2.581, -2.638, -1.951];
export const UNSURE_BELOW = 0.97;

// A line's reading, and what takes places of its strip to the picture's.
export interface PlacedLine {
  readonly line: LineReading;
  readonly toPicture: Homography;
}

// The number of lines from top to bottom. Lines of words, and of marks alone, are left out. unsureBelow: of a single digit.
export const joinLines = (lines: readonly PlacedLine[], unsureBelow: number): NumberReading => {
  const numbers = lines.filter(({ line }) => digitsOf(line.text));
  // Print, drawings and what is left of frames are read as digits too, but badly. Where all is, something was written.
  const known = numbers.filter(({ line }) => isNumber(line));
  const several = known.length ? known : numbers;
  const kept = several.filter((placed) => !isStray(placed, several));
  const texts = kept.map(({ line }) => withBlanks(line));
  const largest = Math.max(0, ...several.map(({ toPicture }) => sizeOf(toPicture)));
  const leftOut = known.length
    ? lines.filter(({ line, toPicture }) => mayBeNumber(line) && !isNumber(line) && sizeOf(toPicture) > ALSO * largest).length
    : 0;
  // A single 1 next to longer lines may be a ruled line.
  const single = kept.some(({ line }) => digitsOf(line.text) === "1") && several.some(({ line }) => digitsOf(line.text).length > 1);
  const confidence = confidenceOf(several.map(({ line }) => line), leftOut + Number(single), known.length === 0);
  return {
    text: texts.map((text) => wordsIn(text).map(digitsOf).filter(Boolean).join(" ")).join("\n"),
    written: texts.map((text) => wordsIn(text.replaceAll(OTHER, "")).join(" ")).join("\n"),
    digits: kept.flatMap((placed) => readingsOf(placed, unsureBelow)),
    confidence,
    unsure: confidence < UNSURE_BELOW,
  };
};

const wordsIn = (text: string): string[] => text.split(" ").filter(Boolean);

const readingsOf = ({ line, toPicture }: PlacedLine, unsureBelow: number): Reading[] => {
  const boxes = line.cuts.filter((_, i) => DIGITS.includes(line.text[i])).map(({ box }) => inPicture(box, toPicture));
  return [...digitsOf(line.text)].map((symbol, i) => {
    const [digit, probabilities] = [Number(symbol), line.probabilities[i]];
    const confidence = probabilities[digit];
    return { digit, confidence, probabilities, unsure: confidence < unsureBelow, pixels: line.pixels[i], box: boxes[i] };
  });
};

// The probability that the text of these lines is right as a whole: a logistic regression. inDoubt: how many lines were left
// out though they are about as large, and hold digits or what the network does not know, and one more if a line may be a
// ruled line. noneKnown: whether no line is surely writing.
export const confidenceOf = (lines: readonly LineReading[], inDoubt: number, noneKnown: boolean): number => {
  if (!lines.length) return 0;
  const sum = (of: (line: LineReading) => number): number => lines.reduce((total, line) => total + of(line), 0);
  const features = [
    1,
    Math.log(sum(({ share }) => -Math.log(Math.max(share, 1e-6))) + 0.01),
    Math.log(Math.max(sum(({ score }) => -score), 0) + 0.02),
    Math.log(sum(({ agreement, pixels }) => -agreement * pixels.length) + 0.01),
    sum(({ text }) => wordsOf(text)),
    inDoubt,
    Number(noneKnown),
  ];
  const logit = features.reduce((total, feature, i) => total + WEIGHTS[i] * feature, 0);
  return 1 / (1 + Math.exp(-Math.max(-30, logit)));
};

const wordsOf = (text: string): number => text.split(OTHER).length - 1;

// Whether both networks see symbols that they know, and more digits than words.
const isNumber = ({ text, score }: LineReading): boolean =>
  score + UNKNOWN * wordsOf(text) >= KNOWN * text.length && digitsOf(text).length > wordsOf(text);

// Whether a line has digits, or was given up as hopeless: it may be a number that is hard to read. So may a single unknown
// symbol: of a picture that lies on its side, each digit is a line.
const mayBeNumber = ({ text, share, cuts }: LineReading): boolean => {
  const single = text === OTHER && cuts[0].box[2] - cuts[0].box[0] <= SINGLE * DIGIT_HEIGHT;
  return share === 0 || single || digitsOf(text) !== "";
};

// Whether a line is a single 1 of another size than all lines of several digits: a piece of a ruled line.
const isStray = ({ line, toPicture }: PlacedLine, lines: readonly PlacedLine[]): boolean => {
  if (digitsOf(line.text) !== "1") return false;
  const sizes = lines.filter((other) => digitsOf(other.line.text).length > 1).map((other) => sizeOf(other.toPicture));
  const ratios = sizes.map((size) => sizeOf(toPicture) / size);
  return ratios.length > 0 && ratios.every((ratio) => !(ratio > 1 / LIKE && ratio < LIKE));
};

// About how many pixels of the picture a pixel of the strip is high.
const sizeOf = (map: Homography): number => Math.hypot(map[1], map[4]) / Math.abs(map[8]);

const digitsOf = (text: string): string => [...text].filter((symbol) => DIGITS.includes(symbol)).join("");

// The line's text with blanks between clearly separate numbers.
export const withBlanks = ({ text, cuts }: Pick<LineReading, "text" | "cuts">): string => {
  const gaps = cuts.slice(1).map(({ box }, i) => box[0] - cuts[i].box[2]);
  const usual = gaps.length ? [...gaps].sort((a, b) => a - b)[(gaps.length - 1) >> 1] : 0;
  const wide = gaps.map((gap) => gap > BLANK * DIGIT_HEIGHT && (gap > WIDER * usual || gaps.length === 1));
  return [...text].map((symbol, i) => (i > 0 && wide[i - 1] ? " " : "") + symbol).join("").trim();
};

// The smallest upright box in the picture that holds a box of the strip.
const inPicture = ([left, top, right, bottom]: Box, toPicture: Homography): Box => {
  const corners = [left, right].flatMap((x) => [top, bottom].map((y) => project(toPicture, [x, y])));
  const [xs, ys] = [corners.map(([x]) => x), corners.map(([, y]) => y)];
  return [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)];
};
