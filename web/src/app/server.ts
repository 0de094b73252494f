// The server's API; a static host has none.

import { recall, remember } from "./memory.js";

export interface ServedModel {
  readonly title: string;
  readonly default: boolean;
  readonly digest: string;
  readonly size_bytes: number;
  readonly accuracy: number | null;
  readonly url: string;
}

// The body of POST /v1/feedback.
export interface FeedbackSample {
  readonly id: string;
  readonly label: number;
  readonly predicted: number;
  readonly confidence: number;
  readonly probabilities: readonly number[];
  readonly pixels: string;
  readonly strokes: readonly (readonly (readonly [number, number])[])[] | null;
  readonly source: "draw" | "photo";
  readonly model_digest: string | null;
  readonly created_at: string;
}

// The outcome of sending a sample: `refused` is final, `later` may be retried.
export type Sent = "stored" | "later" | "token" | "refused";

// `tenfold serve` prints a URL with the token in its fragment, which browsers do not send.
export const takeToken = () => {
  const found = new URLSearchParams(location.hash.slice(1)).get("token");
  if (!found) return;
  keepToken(found);
  history.replaceState(null, "", location.pathname + location.search);
};

let token = recall("token");
export const keepToken = (given: string) => {
  token = given.trim();
  remember("token", token);
};

// Null if no Tenfold server answers.
export const servedModels = async (): Promise<readonly ServedModel[] | null> => {
  try {
    const response = await fetch("v1/models", { signal: AbortSignal.timeout(10_000) });
    if (!response.ok) return null;
    const { models } = (await response.json()) as { models: ServedModel[] };
    return models;
  } catch {
    return null;
  }
};

export const send = async (sample: FeedbackSample): Promise<Sent> => {
  try {
    const response = await fetch("v1/feedback", {
      method: "POST",
      headers: { "Content-Type": "application/json", ...(token ? { Authorization: `Bearer ${token}` } : {}) },
      body: JSON.stringify(sample),
      signal: AbortSignal.timeout(15_000),
    });
    if (response.ok) return "stored";
    if (response.status === 401) return "token";
    // A busy or unreachable server has not judged the sample.
    return response.status >= 500 || [404, 408, 425, 429].includes(response.status) ? "later" : "refused";
  } catch {
    return "later";
  }
};
