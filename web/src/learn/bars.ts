// Ten probabilities as bars.

import { make, percent } from "../app/elements.js";
import { likeliest } from "../training/trainer.js";

export interface Bars {
  readonly element: HTMLElement;
  readonly show: (probabilities: ArrayLike<number>) => void;
}

export const createBars = (): Bars => {
  const bars = Array.from({ length: 10 }, (_, digit) => {
    const [fill, words] = [make("i"), make("span", { className: "unseen" })];
    return { fill, words, item: make("li", {}, make("span", { className: "track" }, fill), String(digit), words) };
  });
  const show = (probabilities: ArrayLike<number>) => {
    const top = likeliest(probabilities);
    bars.forEach(({ fill, words, item }, digit) => {
      fill.style.transform = `scaleY(${probabilities[digit].toFixed(3)})`;
      words.textContent = `: ${percent(probabilities[digit])}`;
      item.classList.toggle("top", digit === top);
    });
  };
  return { element: make("ol", { className: "ten" }, ...bars.map(({ item }) => item)), show };
};
