// Feedback samples must not be lost, nor stored twice.

import "fake-indexeddb/auto";
import { beforeEach, expect, test } from "vitest";
import { flush, keep, waiting } from "../src/app/queue.js";
import type { FeedbackSample, Sent } from "../src/app/server.js";

const sample = (id: string): FeedbackSample => ({
  id,
  label: 7,
  predicted: 1,
  confidence: 0.8,
  probabilities: [],
  pixels: "",
  strokes: null,
  source: "draw",
  model_digest: null,
  created_at: "2026-01-01T00:00:00Z",
});

const delivered: string[] = [];
const answering = (answers: Sent[]) => async (sent: FeedbackSample): Promise<Sent> => {
  delivered.push(sent.id);
  return answers.shift() ?? "stored";
};

beforeEach(async () => {
  await flush(async () => "stored");
  delivered.length = 0;
});

test("what is kept is sent and forgotten", async () => {
  await keep(sample("a"));
  await keep(sample("b"));
  expect(await flush(answering([]))).toBe("stored");
  expect(delivered).toEqual(["a", "b"]);
  expect(await waiting()).toEqual([]);
});

test.each<Sent>(["later", "token"])("nothing is lost while the server answers %s", async (answer) => {
  await keep(sample("a"));
  await keep(sample("b"));
  expect(await flush(answering(["stored", answer]))).toBe(answer);
  expect((await waiting()).map(({ id }) => id)).toEqual(["b"]);
});

test("what the server refuses does not stand in the way", async () => {
  await keep(sample("a"));
  await keep(sample("b"));
  await flush(answering(["refused"]));
  expect(delivered).toEqual(["a", "b"]);
  expect(await waiting()).toEqual([]);
});

test("the same sample kept twice waits once", async () => {
  await keep(sample("a"));
  await keep(sample("a"));
  expect((await waiting()).length).toBe(1);
});
