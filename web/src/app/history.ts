// Undo history of the drawing: immutable states, each linked to the one before it.

import type { Stroke } from "../ink/strokes.js";

export interface History {
  readonly now: readonly Stroke[];
  readonly before: History | null;
}

export const BLANK: History = { now: [], before: null };
// Number of undo steps that are kept.
const DEEPEST = 200;

export const changed = (history: History, now: readonly Stroke[]): History => trimmed({ now, before: history }, DEEPEST);
export const withStroke = (history: History, stroke: Stroke): History => changed(history, [...history.now, stroke]);
export const cleared = (history: History): History => (history.now.length ? changed(history, []) : history);
export const undone = (history: History): History => history.before ?? history;

const depth = (history: History | null): number => {
  let count = 0;
  for (let at = history; at; at = at.before) count++;
  return count;
};

const trimmed = (history: History, most: number): History => {
  if (depth(history) <= 2 * most) return history;
  const kept: History[] = [];
  for (let at: History | null = history; at && kept.length < most; at = at.before) kept.push(at);
  return kept.reduceRight<History | null>((before, { now }) => ({ now, before }), null)!;
};
