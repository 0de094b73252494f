// A line chart over checkpoints, which are evenly spaced, with a marker.

import { make, makeSvg } from "../app/elements.js";

export interface Series {
  readonly name: string;
  readonly values: readonly number[];
}

export interface Plot {
  readonly element: HTMLElement;
  readonly mark: (index: number) => void;
}

// place: of a value, 0 bottom to 1 top. ticks: values and their labels. Lines have as class names what they are called.
export const createPlot = (
  title: readonly (Node | string)[],
  series: readonly Series[],
  place: (value: number) => number,
  ticks: readonly (readonly [value: number, label: string])[],
): Plot => {
  const top = (value: number) => 100 * (1 - Math.min(1, Math.max(0, place(value))));
  const across = (index: number) => (100 * index) / (series[0].values.length - 1);
  const svg = makeSvg("svg", { viewBox: "0 0 100 100", preserveAspectRatio: "none", "aria-hidden": "true" });
  svg.append(...ticks.map(([value]) => makeSvg("path", { d: `M0 ${top(value)}H100`, class: "tick" })));
  for (const { name, values } of series)
    svg.append(makeSvg("polyline", { class: name, points: values.map((value, i) => `${across(i)},${top(value).toFixed(2)}`).join(" ") }));
  const labels = ticks.map(([value, label]) => {
    const found = make("span", { className: "tick" }, label);
    found.style.top = `${top(value)}%`;
    return found;
  });
  const line = make("i", { className: "line" });
  const dots = series.map(({ name }) => make("i", { className: `dot ${name}` }));
  const mark = (index: number) => {
    for (const part of [line, ...dots]) part.style.left = `${across(index)}%`;
    series.forEach(({ values }, i) => (dots[i].style.top = `${top(values[index])}%`));
  };
  return { element: make("figure", { className: "plot" }, make("figcaption", {}, ...title), make("div", { className: "area" }, svg, ...labels, line, ...dots)), mark };
};
