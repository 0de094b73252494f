// CTC decoding, from the symbols' probabilities in each column of a line to texts: tenfold/reading/decode.py, with the same
// answers. Columns are log probabilities Float32[columns * CLASSES], column by column.

import { BLANK, CLASSES, SYMBOLS } from "./symbols.js";

export interface Spelling {
  readonly text: string;
  readonly logProbability: number;
}

const UNLIKELY = 1e-3;
const BEAM = 8;

// The probability of a text's spellings that end in a blank, and of those that end in its last symbol.
type Ends = readonly [number, number];

// Prefix beam search: the best texts, the best first. What was pruned is missing from their probabilities.
export const spellings = (columns: Float32Array, beam = BEAM): Spelling[] => {
  let beams: [string, Ends][] = [["", [1, 0]]];
  let logScale = 0;
  for (let at = 0; at < columns.length; at += CLASSES) {
    const p = columns.subarray(at, at + CLASSES);
    const blank = Math.exp(p[BLANK]);
    const kept = new Map<string, Ends>();
    for (const [text, [endsBlank, endsSymbol]] of beams)
      kept.set(text, [(endsBlank + endsSymbol) * blank, text ? endsSymbol * Math.exp(p[SYMBOLS.indexOf(text.at(-1)!)]) : 0]);
    for (let k = 0; k < BLANK; k++) {
      const likely = Math.exp(p[k]);
      if (!(likely >= UNLIKELY)) continue;
      const symbol = SYMBOLS[k];
      for (const [text, [endsBlank, endsSymbol]] of beams) {
        // Without a blank between them, equal symbols are one.
        const way = (text.endsWith(symbol) ? endsBlank : endsBlank + endsSymbol) * likely;
        const before = kept.get(text + symbol);
        kept.set(text + symbol, before ? [before[0], before[1] + way] : [0, way]);
      }
    }
    beams = [...kept];
    if (beams.length > beam) beams = beams.sort(byRank).slice(0, beam);
    const scale = Math.max(...beams.map(([, ends]) => total(ends)));
    beams = beams.map(([text, [endsBlank, endsSymbol]]) => [text, [endsBlank / scale, endsSymbol / scale]]);
    logScale += Math.log(scale);
  }
  return beams
    .sort(byRank)
    .filter(([, ends]) => total(ends) !== 0)
    .map(([text, ends]) => ({ text, logProbability: Math.log(total(ends)) + logScale }));
};

const total = ([endsBlank, endsSymbol]: Ends): number => endsBlank + endsSymbol;

// Texts as probable as each other are in alphabetical order.
const byRank = ([text, ends]: [string, Ends], [other, others]: [string, Ends]): number =>
  total(others) - total(ends) || (text < other ? -1 : 1);

// The forward algorithm: the log of each text's probability, over all its spellings; -Infinity for one that is too long.
export const logLikelihoods = (columns: Float32Array, texts: readonly string[]): number[] => {
  const probabilities = Float64Array.from(columns, Math.exp);
  return texts.map((text) => logLikelihood(probabilities, statesOf(text)));
};

const logLikelihood = (probabilities: Float64Array, states: Int32Array): number => {
  const ways = new Float64Array(states.length);
  let log = 0;
  // Before the first column: the first blank or symbol may follow.
  let first = 1;
  for (let at = 0; at < probabilities.length; at += CLASSES, first = 0) {
    let sum = 0;
    for (let s = states.length - 1; s >= 0; s--) {
      let before = ways[s] + (s < 2 ? first : 0);
      if (s > 0) before += ways[s - 1];
      if (maySkip(states, s)) before += ways[s - 2];
      sum += ways[s] = before * probabilities[at + states[s]];
    }
    if (sum === 0) return -Infinity;
    for (let s = 0; s < ways.length; s++) ways[s] /= sum;
    log += Math.log(sum);
  }
  const [last, symbol] = [ways.length - 1, ways.length - 2];
  if (first) return symbol < 0 ? 0 : -Infinity;
  return log + Math.log(ways[last] + (symbol < 0 ? 0 : ways[symbol]));
};

// Viterbi alignment: each symbol's first and one-past-last column in the most probable spelling of a text. Throws a
// RangeError for a text that is too long.
export const places = (columns: Float32Array, text: string): [number, number][] => {
  const states = statesOf(text);
  const count = columns.length / CLASSES;
  const moves = new Uint8Array(count * states.length);
  const best = new Float64Array(states.length).fill(-Infinity);
  for (let x = 0; x < count; x++)
    for (let s = states.length - 1; s >= 0; s--) {
      // Stay, continue to the next state, or skip a blank.
      let [most, move] = [x === 0 && s === 0 ? 0 : best[s], 0];
      const next = x === 0 ? (s === 1 ? 0 : -Infinity) : s > 0 ? best[s - 1] : -Infinity;
      if (next > most) [most, move] = [next, 1];
      if (maySkip(states, s) && best[s - 2] > most) [most, move] = [best[s - 2], 2];
      best[s] = most + columns[x * CLASSES + states[s]];
      moves[x * states.length + s] = move;
    }
  let state = states.length - 1;
  if (state > 0 && best[state - 1] > best[state]) state--;
  if (text && best[state] === -Infinity) throw new RangeError(`${count} columns can't spell ${text}`);
  const found = Array.from(text, (): [number, number] => [0, 0]);
  for (let x = count - 1; x >= 0; x--) {
    if (state % 2) {
      const place = found[state >> 1];
      found[state >> 1] = [x, place[1] || x + 1];
    }
    state -= moves[x * states.length + state];
  }
  return found;
};

// A text's symbols, and blanks before, between and after them.
const statesOf = (text: string): Int32Array => {
  const states = new Int32Array(2 * text.length + 1).fill(BLANK);
  for (let i = 0; i < text.length; i++) states[2 * i + 1] = SYMBOLS.indexOf(text[i]);
  return states;
};

// Whether a state may follow that two before it: a symbol may that differs from the symbol before it.
const maySkip = (states: Int32Array, s: number): boolean => s > 1 && states[s] !== BLANK && states[s] !== states[s - 2];
