// What panels wait for, files and computations that the page stays responsive under; and what they search for.

import { make } from "../app/elements.js";

// A pen or a slider should not wait longer.
const SLICE_MS = 12;

// Calls `work` with 0 to `count` - 1, after the current event. Gives false once the signal is aborted: the result is not wanted
// any more.
export const inSlices = async (count: number, work: (index: number) => void, signal: AbortSignal): Promise<boolean> => {
  let ends = 0;
  for (let index = 0; index < count; index++) {
    if (performance.now() > ends) {
      await nextTask();
      ends = performance.now() + SLICE_MS;
    }
    if (signal.aborted) return false;
    work(index);
  }
  return true;
};

const nextTask = () => new Promise((resolve) => setTimeout(resolve));

// A call aborts the call before it, and `ended` the last one.
export const newestOf = <Asked>(ended: AbortSignal, work: (asked: Asked, signal: AbortSignal) => Promise<void>): ((asked: Asked) => void) => {
  let current = new AbortController();
  ended.addEventListener("abort", () => current.abort());
  return (asked) => {
    current.abort();
    current = new AbortController();
    if (!ended.aborted) void work(asked, current.signal);
  };
};

// Shows what is loaded, or why it is not, with a button that tries again.
export const showLoaded = async <Loaded>(
  root: HTMLElement, ended: AbortSignal, load: () => Promise<Loaded>, show: (loaded: Loaded) => void,
): Promise<void> => {
  root.replaceChildren(make("p", { className: "small", role: "status" }, "Loading\u2026"));
  try {
    const loaded = await load();
    // Unpacking and showing are two tasks, so that neither takes long.
    await nextTask();
    if (ended.aborted) return;
    root.replaceChildren();
    show(loaded);
  } catch (error) {
    const again = make("button", { type: "button", onclick: () => void showLoaded(root, ended, load, show) }, "Try again");
    root.replaceChildren(make("p", { role: "alert" }, (error as Error).message), again);
  }
};

// Indices of the highest values, the highest first. Sorting all would take longer.
export const highest = (values: Float32Array, count: number): number[] => {
  const best: number[] = [];
  values.forEach((value, index) => {
    let place = best.length;
    while (place > 0 && value > values[best[place - 1]]) place--;
    if (place === count) return;
    best.splice(place, 0, index);
    best.length = Math.min(best.length, count);
  });
  return best;
};
