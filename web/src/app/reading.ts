// Promise interface to the reading workers. Only the newest ink or frame is read.

import type { Answers, Ask, Read, Reply } from "../protocol.js";

type Asker = <K extends Ask["kind"]>(asked: Ask & { kind: K }, transfer?: Transferable[]) => Promise<Answers[K]>;
type ReadAsk = Ask & { kind: "strokes" | "picture" };

let script = "";

const start = (): Asker => {
  const worker = new Worker(script, { type: "module" });
  const open = new Map<number, { resolve: (answer: never) => void; reject: (error: Error) => void }>();
  let last = 0;
  worker.onmessage = ({ data }: MessageEvent<Reply>) => {
    const asked = open.get(data.id);
    open.delete(data.id);
    if ("error" in data) asked?.reject(new Error(data.error));
    else asked?.resolve(data.answer as never);
  };
  worker.onerror = (event) => {
    const error = new Error(event.message || "the reading worker could not be loaded: reload the page");
    for (const { reject } of open.values()) reject(error);
    open.clear();
  };
  return (asked, transfer = []) =>
    new Promise((resolve, reject) => {
      open.set(++last, { resolve, reject });
      worker.postMessage({ id: last, ask: asked }, transfer);
    });
};

let reader: Asker | null = null;
const ask: Asker = (asked, transfer) => (reader ??= start())(asked, transfer);

// The workers' script; the first worker starts immediately.
export const workersFrom = (url: string) => {
  script = url;
  reader = start();
};

// An explanation evaluates the model a hundred times: a second worker keeps drawing responsive.
let explainer: Asker | null = null;
const contents = new Map<string, ArrayBuffer>();

export const openModel = async (model: string, content: ArrayBuffer): Promise<Answers["open"]> => {
  const facts = await ask({ kind: "open", model, content });
  contents.set(model, content);
  await explainer?.({ kind: "open", model, content });
  return facts;
};

export const timeModel = (model: string): Promise<number> => ask({ kind: "time", model });

export const explain = async (model: string, pixels: Uint8Array, digit: number): Promise<Float32Array> => {
  if (!explainer) {
    explainer = start();
    for (const [name, content] of contents) void explainer({ kind: "open", model: name, content });
  }
  return explainer({ kind: "explain", model, pixels, digit });
};

// One request at a time, then the newest of those waiting: fast drawing never builds up a queue.
export const newest = <About>(answer: (read: Read, about: About) => void, failed: (error: Error) => void) => {
  let waiting: { question: ReadAsk; about: About } | null = null;
  let busy = false;
  const next = async (): Promise<void> => {
    if (busy || !waiting) return;
    const { question, about } = waiting;
    waiting = null;
    busy = true;
    try {
      answer(await ask(question), about);
    } catch (error) {
      failed(error as Error);
    }
    busy = false;
    return next();
  };
  return (question: ReadAsk, about: About) => {
    waiting = { question, about };
    void next();
  };
};
