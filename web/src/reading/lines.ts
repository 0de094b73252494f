// Reads a line of digits and marks without cutting it into symbols first: tenfold/reading/line_reader.py, with the same
// answers.

import { center, fit } from "../ink/fit.js";
import { plane, roundHalfEven } from "../ink/plane.js";
import { transform } from "../ink/transform.js";
import type { ModelFile } from "../model/file.js";
import { prepareLines, STRIP_HEIGHT } from "../model/line-network.js";
import { cutSymbols, type Cut } from "./cut.js";
import { logLikelihoods, places, spellings, type Spelling } from "./decode.js";
import { CLASSES, DIGITS, OTHER } from "./symbols.js";

// How a line was read.
export interface LineReading {
  readonly text: string;
  // Where the ink of each symbol is.
  readonly cuts: readonly Cut[];
  // Float32[10] of each digit of the text.
  readonly probabilities: readonly Float32Array[];
  // Uint8[784] of each, as the classifier saw it.
  readonly pixels: readonly Uint8Array[];
  // The log of the text's probability by both networks, not normalized.
  readonly score: number;
  // Of the probability of all texts that were tried, 0 to 1.
  readonly share: number;
  // The mean log probability that the classifier gives the text's digits.
  readonly agreement: number;
}

// A digit's Uint8[784] -> its probabilities.
export type Classify = (pixels: Uint8Array) => Float32Array;

export interface LineReader {
  // Uint8[32 * width], row by row, 0 paper to 255 ink; a blank one reads as no symbols.
  read(strip: Uint8Array, width: number, classify: Classify): LineReading;
}

// As in tenfold/reading/line_reader.py, which says what each is for.
const WIDTHS = [0.9, 1.1];
const TEXTS = 4;
const NATS = 8;
const HOPELESS = -0.7;
const CLASSIFIER = 0.5;
const LOWEST = -4;
const TRIED = 0.3;
const NO_START = 8;
const IN_A_ROW = 2;
export const UNKNOWN = 2;
const NO_STARTS = "/):%,";
const BETWEEN = ".,:+÷=%/";
const LIKE_ONES = `/()${OTHER}`;

// One way to cut a strip: its symbols, and what the classifier makes of its digits.
interface Way {
  readonly cuts: readonly Cut[];
  readonly pixels: readonly Uint8Array[];
  readonly rows: readonly Float32Array[];
}

interface Candidate extends Way {
  readonly text: string;
  // The log probability that the classifier gives all of its digits.
  readonly agreement: number;
  readonly score: number;
}

// Throws a ModelFileError for a model that can't be run.
export const createLineReader = (model: ModelFile): LineReader => {
  const columnsOf = prepareLines(model, CLASSES);
  return {
    read: (strip, width, classify) => {
      const own = columnsOf(strip, width);
      const found = spellings(own);
      const [{ text: likely, logProbability }] = found;
      if (logProbability < HOPELESS * likely.length) return { ...NOTHING, score: logProbability };
      const passes = [own, ...WIDTHS.map((wide) => columnsOf(...stretched(strip, width, wide)))];
      const others = passes.slice(1).map((columns) => spellings(columns, 1)[0].text);
      const rated = meanLogLikelihoods(passes, [...found.map(({ text }) => text), ...others]);
      // Of equal ones the first.
      const first = rated.reduce((a, b) => (b.logProbability > a.logProbability ? b : a));
      const wayOf = seen(strip, width, own, classify);
      const candidate = ({ text, logProbability }: Spelling): Candidate => {
        const way = wayOf(text);
        const agreement = agreementOf(text, way.rows);
        return { text, ...way, agreement, score: logProbability + CLASSIFIER * agreement };
      };
      // The classifier sees no digits either, and no other text is better.
      if (candidate(first).score < 1.25 * HOPELESS * first.text.length) return chosen(mostProbable([first]).map(candidate));
      const also = [...withOnes(first.text), ...substituted(first.text, wayOf(first.text).rows)];
      const known = rated.map(({ text }) => text);
      const more = meanLogLikelihoods(passes, also.filter((text) => !known.includes(text)));
      return chosen(mostProbable([...rated, ...more]).map(candidate));
    },
  };
};

// A line of print, or a drawing.
const NOTHING = { text: "", cuts: [], probabilities: [], pixels: [], share: 0, agreement: LOWEST };

// The digits of a text: where each is.
const digitsOf = (text: string): number[] => [...text].map((_, i) => i).filter((i) => DIGITS.includes(text[i]));

// The text with all digits alike.
const formOf = (text: string): string => text.replace(/\d/g, "0");

const agreementOf = (text: string, rows: readonly Float32Array[]): number =>
  digitsOf(text).reduce((sum, at, i) => sum + Math.log(Math.max(rows[i][Number(text[at])], Math.exp(LOWEST))), 0);

// The strip, `wide` times as wide, and its width.
const stretched = (strip: Uint8Array, width: number, wide: number): [Uint8Array, number] => {
  const source = plane(width, STRIP_HEIGHT);
  source.data.set(strip);
  const across = Math.max(1, roundHalfEven(wide * width));
  const { data } = transform(source, across, STRIP_HEIGHT, [1 / wide, 0, 0, 0, 1, 0, 0, 0]);
  return [Uint8Array.from(data, roundHalfEven), across];
};

// The mean of the passes' log-likelihoods of each text, in alphabetical order.
const meanLogLikelihoods = (passes: readonly Float32Array[], texts: readonly string[]): Spelling[] => {
  const ordered = [...new Set(texts)].sort();
  const logs = passes.map((columns) => logLikelihoods(columns, ordered));
  return ordered.map((text, i) => ({ text, logProbability: logs.reduce((sum, own) => sum + own[i], 0) / logs.length }));
};

// The most probable of the texts, each with its log-likelihood and what speaks against it as a text. Equal ones stay in
// alphabetical order.
const mostProbable = (texts: readonly Spelling[]): Spelling[] => {
  const rated = texts.map(({ text, logProbability }) => ({ text, logProbability: logProbability + implausibility(text) }));
  const best = rated
    .sort((a, b) => b.logProbability - a.logProbability || (a.text < b.text ? -1 : 1))
    .slice(0, TEXTS);
  return best.filter(({ logProbability }) => logProbability >= best[0].logProbability - NATS);
};

// What is subtracted from a text's log probability, 0 or less, for marks that nobody writes so: a slash or comma before all
// digits, half a pair of brackets, two operators in a row; and for what is no symbol.
export const implausibility = (text: string): number => {
  let [open, half, rows, unknown] = [0, 0, 0, 0];
  [...text].forEach((symbol, i) => {
    if (symbol === "(") open++;
    else if (symbol === ")" && open > 0) open--;
    else if (symbol === ")") half++;
    else if (symbol === OTHER) unknown++;
    if (i > 0 && BETWEEN.includes(text[i - 1]) && BETWEEN.includes(symbol)) rows++;
  });
  const noStart = text !== "" && NO_STARTS.includes(text[0]) ? 1 : 0;
  return 0 - (NO_START * (noStart + half + open) + IN_A_ROW * rows + UNKNOWN * unknown);
};

// The text with a 1 for each slash, bracket or unknown symbol, and for all: a slanted 1 looks like them.
const withOnes = (text: string): string[] => {
  const texts = [...text].flatMap((symbol, at) => (LIKE_ONES.includes(symbol) ? [`${text.slice(0, at)}1${text.slice(at + 1)}`] : []));
  return [...texts, [...text].map((symbol) => (symbol !== OTHER && LIKE_ONES.includes(symbol) ? "1" : symbol)).join("")];
};

// The text with another digit, for each that the classifier rather sees. rows: of its digits.
const substituted = (text: string, rows: readonly Float32Array[]): string[] =>
  digitsOf(text).flatMap((at, i) => {
    const rather = rows[i].reduce((best, value, digit) => (value > rows[i][best] ? digit : best), 0);
    if (String(rather) === text[at] || !(rows[i][rather] >= TRIED)) return [];
    return [text.slice(0, at) + String(rather) + text.slice(at + 1)];
  });

// What the classifier sees in a strip, once for each way to cut it.
const seen = (strip: Uint8Array, width: number, columns: Float32Array, classify: Classify): ((text: string) => Way) => {
  const ways = new Map<string, Way>();
  // Most symbols of a text are cut as in another.
  const drawn = new Map<string, Uint8Array>();
  const digitOf = ({ box, ink }: Cut): Uint8Array => {
    const key = `${box} ${ink.data}`;
    const pixels = drawn.get(key) ?? center(fit(ink));
    drawn.set(key, pixels);
    return pixels;
  };
  return (text) => {
    const form = formOf(text);
    const known = ways.get(form);
    if (known) return known;
    const cuts = cutSymbols(strip, width, places(columns, text));
    const pixels = digitsOf(text).map((at) => digitOf(cuts[at]));
    const way = { cuts, pixels, rows: pixels.map(classify) };
    ways.set(form, way);
    return way;
  };
};

// The text that both networks find most probable.
const chosen = (candidates: readonly Candidate[]): LineReading => {
  const best = candidates.reduce((a, b) => (b.score > a.score ? b : a));
  const powers = candidates.map(({ score }) => Math.exp(score - best.score));
  const whole = powers.reduce((a, b) => a + b, 0);
  const at = digitsOf(best.text);
  const probabilities = at.map(() => new Float32Array(10));
  candidates.forEach(({ text }, k) => {
    if (formOf(text) === formOf(best.text)) at.forEach((place, i) => (probabilities[i][Number(text[place])] += powers[k] / whole));
  });
  const { text, cuts, pixels, score } = best;
  return { text, cuts, probabilities, pixels, score, share: 1 / whole, agreement: best.agreement / Math.max(1, at.length) };
};
