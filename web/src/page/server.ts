// The server, where there is one: a page on a static host does without.

import { recall, remember } from "./memory.js";

export interface ServedModel {
  readonly title: string;
  readonly default: boolean;
  readonly digest: string;
  readonly size_bytes: number;
  readonly accuracy: number | null;
  readonly url: string;
}

// As POST /v1/feedback takes it.
export interface Correction {
  readonly id: string;
  readonly truth: number;
  readonly digit: number;
  readonly confidence: number;
  readonly probabilities: readonly number[];
  readonly pixels: string;
  readonly strokes: readonly (readonly (readonly [number, number])[])[] | null;
  readonly source: "draw" | "photo";
  readonly model_digest: string | null;
  readonly made_at: string;
}

// What became of a correction that was sent: `refused` will never be taken, `later` may be.
export type Sent = "stored" | "later" | "token" | "refused";

// The address that `tenfold serve` prints carries the token behind the #, where no server sees it.
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

// Null where no server of Tenfold's answers.
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

export const send = async (correction: Correction): Promise<Sent> => {
  try {
    const response = await fetch("v1/feedback", {
      method: "POST",
      headers: { "Content-Type": "application/json", ...(token ? { Authorization: `Bearer ${token}` } : {}) },
      body: JSON.stringify(correction),
      signal: AbortSignal.timeout(15_000),
    });
    if (response.ok) return "stored";
    if (response.status === 401) return "token";
    // Busy, slow or gone is no verdict on the correction.
    return response.status >= 500 || [404, 408, 425, 429].includes(response.status) ? "later" : "refused";
  } catch {
    return "later";
  }
};
