// A line chart that is drawn again many times a second.

import { make, makeSvg } from "../app/elements.js";

export interface Point {
  readonly x: number;
  readonly y: number;
}

// name: of the CSS class and the legend. dots: whether each point is marked. last: what the legend shows, if not the last point.
export interface Line {
  readonly name: string;
  readonly title: string;
  readonly points: readonly Point[];
  readonly dots?: boolean;
  readonly last?: number;
}

export interface Chart {
  readonly element: HTMLElement;
  // right: the largest x. bottom and top: the range of y.
  readonly draw: (lines: readonly Line[], right: number, bottom: number, top: number) => void;
}

const [WIDTH, HEIGHT] = [320, 180];
const [LEFT, RIGHT, TOP, BOTTOM] = [38, 8, 8, 22];

// format: of a number, on the y axis and in the legend.
export const createChart = (title: string, xTitle: string, format: (y: number) => string): Chart => {
  const svg = makeSvg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", class: "chart" });
  const legend = make("p", { className: "legend" });
  const element = make("figure", { className: "curves" }, make("figcaption", {}, title), svg, legend);
  const draw = (lines: readonly Line[], right: number, bottom: number, top: number) => {
    const across = (x: number) => LEFT + ((WIDTH - LEFT - RIGHT) * x) / Math.max(right, 1e-9);
    const up = (y: number) => HEIGHT - BOTTOM - ((HEIGHT - TOP - BOTTOM) * (Math.min(Math.max(y, bottom), top) - bottom)) / (top - bottom);
    const ticks = steps(bottom, top).flatMap((y) => [
      makeSvg("line", { x1: LEFT, x2: WIDTH - RIGHT, y1: up(y), y2: up(y), class: "tick" }),
      makeSvg("text", { x: LEFT - 5, y: up(y) + 4, "text-anchor": "end" }, format(y)),
    ]);
    const ends = [makeSvg("text", { x: LEFT, y: HEIGHT - 6 }, "0"), makeSvg("text", { x: WIDTH - RIGHT, y: HEIGHT - 6, "text-anchor": "end" }, `${Math.round(right)} ${xTitle}`)];
    const drawn = lines.flatMap(({ name, points, dots }) => [
      makeSvg("polyline", { points: points.map(({ x, y }) => `${across(x).toFixed(1)},${up(y).toFixed(1)}`).join(" "), class: name }),
      ...(dots ? points.map(({ x, y }) => makeSvg("circle", { cx: across(x), cy: up(y), r: 2.5, class: name })) : []),
    ]);
    svg.replaceChildren(...ticks, ...ends, ...drawn);
    const shown = lines.filter(({ points, title }) => points.length && title);
    svg.setAttribute("aria-label", `${title}: ${shown.map(({ title, points, last }) => `${title} ${format(last ?? points.at(-1)!.y)}`).join(", ") || "nothing yet"}`);
    legend.replaceChildren(...shown.map(({ name, title, points, last }) => make("span", { className: name }, `${title} ${format(last ?? points.at(-1)!.y)}`)));
  };
  return { element, draw };
};

// Three to six round numbers from `bottom` to `top`.
const steps = (bottom: number, top: number): number[] => {
  const rough = (top - bottom) / 5;
  const unit = 10 ** Math.floor(Math.log10(rough));
  const step = unit * [1, 2, 5, 10].find((many) => many * unit >= rough)!;
  const first = Math.ceil(bottom / step - 1e-9);
  return Array.from({ length: Math.floor(top / step + 1e-9) - first + 1 }, (_, i) => (first + i) * step);
};
