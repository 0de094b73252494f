// Reads off the main thread, so that the pen never waits.

import lineModel from "../../src/tenfold/reading/shipped/lines.10fd?url";
import { areSeveral, strokesBox } from "./ink/strokes.js";
import type { NumberReader } from "./numbers.js";
import type { Answers, Ask, Read, Reply } from "./protocol.js";
import { ModelFileError, createReader, readModelFile, toGray, type Box, type NumberReading, type Reader, type Reading } from "./reader.js";

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

// A reading as a number of one digit.
const alone = (reading: Reading, box: Box): NumberReading => {
  const { confidence, unsure } = reading;
  const text = String(reading.digit);
  return { text, written: text, digits: [{ ...reading, box }], confidence, unsure };
};

let numberReader: Promise<NumberReader> | null = null;

// Loads what reads numbers when it is first needed. A failure is forgotten, so that the next number tries again.
const loadNumberReader = (): Promise<NumberReader> => {
  numberReader ??= load().catch((error: unknown) => {
    numberReader = null;
    throw error;
  });
  return numberReader;
};

const load = async (): Promise<NumberReader> => {
  try {
    // The model first: a browser may remember that a script failed to load.
    const response = await fetch(lineModel);
    if (!response.ok) throw new Error(`status ${response.status}`);
    const [{ createNumberReader }, content] = await Promise.all([import("./numbers.js"), response.arrayBuffer()]);
    return createNumberReader(readModelFile(content));
  } catch (error) {
    if (error instanceof ModelFileError) throw error;
    throw new Error("Reading several digits needs a model that could not be loaded: check the network and try again.");
  }
};

const readStrokes = async ({ models, strokes, lifted }: Ask & { kind: "strokes" }): Promise<Read> => {
  if (!areSeveral(strokes, lifted)) return timed(models, (reader) => alone(reader.readStrokes(strokes), strokesBox(strokes)));
  const numbers = await loadNumberReader();
  return timed(models, (reader) => numbers.readStrokeNumber(reader, strokes));
};

const readPicture = async ({ models, width, height, rgba }: Ask & { kind: "picture" }): Promise<Read> => {
  const one = Math.max(width, height) <= ONE_DIGIT;
  const numbers = one ? null : await loadNumberReader();
  return timed(models, (reader) => {
    const { gray, scale } = toGray({ width, height, data: rgba }, LONGEST);
    return numbers ? numbers.readNumber(reader, gray, scale) : alone(reader.read(gray), [0, 0, width, height]);
  });
};

const DO: { [K in Ask["kind"]]: (ask: Ask & { kind: K }) => Answers[K] | Promise<Answers[K]> } = {
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
  strokes: readStrokes,
  picture: readPicture,
  explain: ({ model, pixels, digit }) => opened(model).evidence(pixels, digit, 2),
};

const answer = async ({ data: { id, ask } }: MessageEvent<{ id: number; ask: Ask }>) => {
  let reply: Reply;
  try {
    reply = { id, answer: await (DO[ask.kind] as (ask: Ask) => Answers[Ask["kind"]] | Promise<Answers[Ask["kind"]]>)(ask) };
  } catch (error) {
    reply = { id, error: error instanceof Error ? error.message : String(error) };
  }
  self.postMessage(reply);
};

export const beginReading = () => {
  self.onmessage = (event) => void answer(event);
};
