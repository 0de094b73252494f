// Feedback: a dialog asks for the label; the sample is saved on the device, and sent.

import type { Reading, Stroke } from "../reader.js";
import { $, make } from "./elements.js";
import { flush, keep, waiting } from "./queue.js";
import { keepToken, send, type FeedbackSample } from "./server.js";
import { toast } from "./toast.js";

export interface Misreading {
  readonly reading: Reading;
  readonly strokes: readonly Stroke[] | null;
  readonly source: "draw" | "photo";
  readonly model: string;
}

export const createFeedback = (wrong: () => Misreading | null) => {
  const sheet = $<HTMLDialogElement>("correct");
  let about: Misreading | null = null;
  $("where").textContent = location.host;
  $("wrong").onclick = () => {
    about = wrong();
    if (about) sheet.showModal();
  };
  const buttons = Array.from({ length: 10 }, (_, digit) => make("button", { type: "button", onclick: () => void correct(digit) }, String(digit)));
  $("labels").append(...buttons);

  const correct = async (label: number) => {
    if (!about) return;
    const typed = $<HTMLInputElement>("token").value;
    if (typed) keepToken(typed);
    sheet.close();
    const sample = createSample(about, label);
    about = null;
    try {
      await keep(sample);
    } catch {
      // No storage: send it now, or not at all.
      const sent = await send(sample);
      toast(sent === "stored" ? `Thank you: that was a ${label}.` : "Sending failed, and this browser blocks storage: please try again.");
      return;
    }
    await sync(`Thank you: that was a ${label}.`);
  };

  // Without words, reports only what needs an action.
  const sync = async (words = "") => {
    try {
      const last = await flush();
      $("token-row").hidden = last !== "token";
      if (last === "token" && words) toast("Saved on this device: the server requires a token. Enter it with your next feedback.");
      else if (last === "refused") toast("The server rejected this feedback.");
      else if (words) toast(last === "later" ? `${words} It will be sent when the server is reachable.` : words);
      const count = (await waiting()).length;
      $("waiting").hidden = count === 0;
      $("waiting").textContent = `${count} feedback sample${count === 1 ? "" : "s"} on this device waiting to be sent.`;
    } catch {
      // Storage is blocked: nothing is queued.
    }
  };
  window.addEventListener("online", () => void sync());
  document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && void sync());
  setInterval(() => void sync(), 60_000);
  return sync;
};

const createSample = ({ reading, strokes, source, model }: Misreading, label: number): FeedbackSample => ({
  id: uuid(),
  label,
  predicted: reading.digit,
  confidence: reading.confidence,
  probabilities: Array.from(reading.probabilities),
  pixels: btoa(String.fromCharCode(...reading.pixels)),
  strokes: strokes?.map((stroke) => stroke.map(([x, y]) => [round(x), round(y)] as const)) ?? null,
  source,
  model_digest: /^[0-9a-f]{64}$/.test(model) ? model : null,
  created_at: new Date().toISOString(),
});

const round = (value: number): number => Math.round(value * 100) / 100;

// RFC 9562, version 4; crypto.randomUUID needs a secure context.
const uuid = (): string => {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  return [...bytes].map((byte, i) => ([4, 6, 8, 10].includes(i) ? "-" : "") + byte.toString(16).padStart(2, "0")).join("");
};
