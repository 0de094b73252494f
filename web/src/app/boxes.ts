// Boxes around the digits of an image, drawn over it in the image's pixels.

import type { NumberReading } from "../reader.js";
import { $, makeSvg } from "./elements.js";

// `choose` is called with the tapped digit's index.
export const drawBoxes = (number: NumberReading | null, width: number, height: number, chosen: number, choose: (index: number) => void) => {
  const svg = $<SVGSVGElement>("boxes");
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  svg.replaceChildren(
    ...(number?.digits ?? []).map((reading, index) => {
      const [left, top, right, bottom] = reading.box!;
      const margin = 0.05 * (bottom - top);
      const place = { x: left - margin, y: top - margin, width: right - left + 2 * margin, height: bottom - top + 2 * margin };
      const size = Math.min(0.5 * (bottom - top), 0.06 * Math.max(width, height));
      const box = makeSvg(
        "g",
        { role: "button", tabindex: 0, "aria-pressed": String(index === chosen), "aria-label": `${reading.digit}${reading.unsure ? ", not sure" : ""}`, class: reading.unsure ? "unsure" : "" },
        makeSvg("rect", { ...place, rx: margin }),
        // Above its box, or inside at the image's edge.
        makeSvg("text", { x: (left + right) / 2, y: place.y > size ? place.y - 0.15 * size : place.y + size, "font-size": size }, String(reading.digit)),
      );
      box.addEventListener("click", () => choose(index));
      box.addEventListener("keydown", (event) => {
        if (!["Enter", " "].includes(event.key)) return;
        event.preventDefault();
        choose(index);
      });
      return box;
    }),
  );
};
