// "That was a 7": asked in a sheet, kept on the device, and sent.

import type { Reading, Stroke } from "../reader.js";
import { $, make } from "./elements.js";
import { flush, keep, waiting } from "./queue.js";
import { keepToken, send, type Correction } from "./server.js";
import { toast } from "./toast.js";

export interface Wrong {
  readonly reading: Reading;
  readonly strokes: readonly Stroke[] | null;
  readonly source: "draw" | "photo";
  readonly model: string;
}

export const createFeedback = (wrong: () => Wrong | null) => {
  const sheet = $<HTMLDialogElement>("correct");
  let about: Wrong | null = null;
  $("where").textContent = location.host;
  $("wrong").onclick = () => {
    about = wrong();
    if (about) sheet.showModal();
  };
  const buttons = Array.from({ length: 10 }, (_, digit) => make("button", { type: "button", onclick: () => void correct(digit) }, String(digit)));
  $("truths").append(...buttons);

  const correct = async (truth: number) => {
    if (!about) return;
    const typed = $<HTMLInputElement>("token").value;
    if (typed) keepToken(typed);
    sheet.close();
    const correction = asCorrection(about, truth);
    about = null;
    try {
      await keep(correction);
    } catch {
      // No storage: sent at once, or not at all.
      const sent = await send(correction);
      toast(sent === "stored" ? `Thank you: that was a ${truth}.` : "It could not be sent, and this browser allows no storage: please try again.");
      return;
    }
    await sync(`Thank you: that was a ${truth}.`);
  };

  // Silent without words, but for what the person must do.
  const sync = async (words = "") => {
    try {
      const last = await flush();
      $("token-row").hidden = last !== "token";
      if (last === "token" && words) toast("Kept on this device: the server asks for its token, and gets it with your next correction.");
      else if (last === "refused") toast("The server did not take that correction.");
      else if (words) toast(last === "later" ? `${words} It is kept here until the server answers.` : words);
      const count = (await waiting()).length;
      $("waiting").hidden = count === 0;
      $("waiting").textContent = `${count} correction${count === 1 ? "" : "s"} on this device wait${count === 1 ? "s" : ""} for the server.`;
    } catch {
      // Storage is blocked: nothing can wait here.
    }
  };
  window.addEventListener("online", () => void sync());
  document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && void sync());
  setInterval(() => void sync(), 60_000);
  return sync;
};

const asCorrection = ({ reading, strokes, source, model }: Wrong, truth: number): Correction => ({
  id: uuid(),
  truth,
  digit: reading.digit,
  confidence: reading.confidence,
  probabilities: Array.from(reading.probabilities),
  pixels: btoa(String.fromCharCode(...reading.pixels)),
  strokes: strokes?.map((stroke) => stroke.map(([x, y]) => [round(x), round(y)] as const)) ?? null,
  source,
  model_digest: /^[0-9a-f]{64}$/.test(model) ? model : null,
  made_at: new Date().toISOString(),
});

const round = (value: number): number => Math.round(value * 100) / 100;

// RFC 9562, version 4; crypto.randomUUID is not there on plain http.
const uuid = (): string => {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  return [...bytes].map((byte, i) => ([4, 6, 8, 10].includes(i) ? "-" : "") + byte.toString(16).padStart(2, "0")).join("");
};
