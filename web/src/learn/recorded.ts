// What the panels about the recorded training share: they are filled when it is loaded, and follow the drawn digit.

import { make } from "../app/elements.js";
import { fetchCheckpoints, type Checkpoint } from "./checkpoints.js";
import { deskew } from "./deskew.js";
import "./replay.css";
import { drawnDigit, onDrawn } from "./sketch.js";
import { showLoaded } from "./work.js";

// fill: puts the panel into its element; it ends its listening when the signal is aborted.
export const createRecorded = (
  container: HTMLElement,
  className: string,
  fill: (element: HTMLElement, checkpoints: readonly Checkpoint[], ended: AbortSignal) => void,
): { hide(): void } => {
  const ended = new AbortController();
  const element = make("div", { className });
  container.replaceChildren(element);
  void showLoaded(element, ended.signal, fetchCheckpoints, (checkpoints) => fill(element, checkpoints, ended.signal));
  return { hide: () => ended.abort() };
};

// Calls `show` with the drawn digit, upright: once now, and after each change in the next frame, so that a fast pen does not
// wait.
export const onDigit = (ended: AbortSignal, show: (image: Uint8Array) => void): void => {
  let frame = 0;
  const showNow = () => show(deskew(drawnDigit()));
  const showSoon = () => {
    cancelAnimationFrame(frame);
    frame = requestAnimationFrame(showNow);
  };
  const end = onDrawn(showSoon);
  cancelAnimationFrame(frame);
  showNow();
  ended.addEventListener("abort", () => {
    cancelAnimationFrame(frame);
    end();
  });
};
