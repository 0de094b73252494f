// Reads off the main thread, so that the pen never waits.

import type { Answers, Ask, Read, Reply } from "./protocol.js";
import { ModelFileError, createReader, readModelFile, toGray, type NumberReading, type Reader } from "./reader.js";

const readers = new Map<string, Reader>();
// A picture this small is one digit, such as an image of MNIST's.
const ONE_DIGIT = 64;
// Pixels a side that a page is read at.
const LONGEST = 1600;

const ANY = new Uint8Array(784).fill(100, 300, 420);

// The first runs are ten times as slow, before they are compiled: the pen should not meet them. One at a time, and a
// moment later, so as not to be in the way of a digit that waits already.
const warm = (reader: Reader) => {
  for (let run = 0; run < 8; run++) setTimeout(() => reader.probabilities(ANY), 250 + 30 * run);
};

const opened = (model: string): Reader => {
  const reader = readers.get(model);
  if (!reader) throw new ModelFileError(`no model ${model} is open`);
  return reader;
};

const timed = (models: readonly string[], read: (reader: Reader) => NumberReading): Read => {
  const start = performance.now();
  const numbers = models.map((model) => read(opened(model)));
  return { numbers, elapsedMs: performance.now() - start };
};

const medianMs = (run: () => void, times: number): number => {
  const taken = Array.from({ length: times }, () => {
    const start = performance.now();
    run();
    return performance.now() - start;
  });
  return taken.sort((a, b) => a - b)[times >> 1];
};

const readPicture = (reader: Reader, ask: Ask & { kind: "picture" }): NumberReading => {
  const { gray, scale } = toGray({ width: ask.width, height: ask.height, data: ask.rgba }, LONGEST);
  if (Math.max(ask.width, ask.height) > ONE_DIGIT) return reader.readNumber(gray, scale);
  const reading = { ...reader.read(gray), box: [0, 0, ask.width, ask.height] as const };
  return { text: String(reading.digit), digits: [reading], unsure: reading.unsure };
};

const DO: { [K in Ask["kind"]]: (ask: Ask & { kind: K }) => Answers[K] } = {
  open: ({ model, content }) => {
    const file = readModelFile(content);
    const reader = createReader(file);
    readers.set(model, reader);
    warm(reader);
    return file.layers.reduce((sum, { weight, bias }) => sum + (weight?.length ?? 0) + (bias?.length ?? 0), 0);
  },
  time: ({ model }) => {
    const reader = opened(model);
    return medianMs(() => reader.probabilities(ANY), 31);
  },
  strokes: ({ models, strokes }) => timed(models, (reader) => reader.readStrokeNumber(strokes)),
  picture: (ask) => timed(ask.models, (reader) => readPicture(reader, ask)),
  explain: ({ model, pixels, digit }) => opened(model).evidence(pixels, digit, 2),
};

const answer = ({ data: { id, ask } }: MessageEvent<{ id: number; ask: Ask }>) => {
  let reply: Reply;
  try {
    reply = { id, answer: (DO[ask.kind] as (ask: Ask) => Answers[Ask["kind"]])(ask) };
  } catch (error) {
    reply = { id, error: error instanceof Error ? error.message : String(error) };
  }
  self.postMessage(reply);
};

export const beginReading = () => {
  self.onmessage = answer;
};
