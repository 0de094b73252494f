// What the panels about the recorded training share: they are filled when it is loaded, and follow the drawn digit.

import { make } from "../app/elements.js";
import { fetchCheckpoints, type Checkpoint } from "./checkpoints.js";
import { deskew } from "./deskew.js";
import { pagePalette, type Palette } from "./maps.js";
import "./replay.css";
import { drawnDigit, onDrawn } from "./sketch.js";

// fill: puts the panel into its element, and returns what ends its listening.
export const createRecorded = (
  container: HTMLElement,
  className: string,
  fill: (element: HTMLElement, checkpoints: readonly Checkpoint[]) => () => void,
): { hide(): void } => {
  let [end, hidden] = [() => {}, false];
  const words = make("p", { role: "status" });
  const element = make("div", { className }, words);
  container.replaceChildren(element);
  const load = async () => {
    words.textContent = "Loading the recorded training…";
    try {
      const checkpoints = await fetchCheckpoints();
      if (!hidden) end = fill(element, checkpoints);
    } catch (error) {
      words.replaceChildren((error as Error).message, " ", make("button", { type: "button", onclick: load }, "Try again"));
    }
  };
  void load();
  return {
    hide: () => {
      hidden = true;
      end();
    },
  };
};

// Calls `show` with the drawn digit, upright, and the page's colors: once now, and after each change in the next frame, so
// that a fast pen does not wait. Returns how to end that.
export const onDigit = (show: (image: Uint8Array, palette: Palette) => void): (() => void) => {
  let frame = 0;
  const showNow = () => show(deskew(drawnDigit()), pagePalette());
  const showSoon = () => {
    cancelAnimationFrame(frame);
    frame = requestAnimationFrame(showNow);
  };
  const dark = matchMedia("(prefers-color-scheme: dark)");
  dark.addEventListener("change", showSoon);
  const end = onDrawn(showSoon);
  cancelAnimationFrame(frame);
  showNow();
  return () => {
    cancelAnimationFrame(frame);
    dark.removeEventListener("change", showSoon);
    end();
  };
};
