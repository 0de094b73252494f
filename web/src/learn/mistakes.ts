// The confusion matrix of the network that is trained here, and the validation images that it misclassified.

import { make, percent } from "../app/elements.js";
import { FIRST_TRAIN, fetchImages } from "./data.js";
import { CLASSES, PIXELS } from "../training/network.js";
import type { Panel } from "./panel.js";
import type { EpochResult, Mistake } from "./protocol.js";
import { showPixels } from "./pixels.js";
import type { Training } from "./current-training.js";
import type { Images } from "../training/trainer.js";

// Mistakes that are shown.
const MOST = 24;
const CLASS_NUMBERS = Array.from({ length: CLASSES }, (_, digit) => digit);

interface Pair {
  readonly label: number;
  readonly predicted: number;
}

export const createMistakes = (training: Training): Panel => {
  let [images, latest, chosen]: [Images | null, EpochResult | null, Pair | null] = [null, null, null];
  const cells = CLASS_NUMBERS.map((label) => CLASS_NUMBERS.map((predicted) => createCell(() => choose({ label, predicted }))));
  const rows = cells.map((row, label) => make("tr", {}, header(String(label), "row"), ...row.map(({ cell }) => cell)));
  const recalls = rows.map((row) => {
    const cell = make("td", { className: "recall" });
    row.append(cell);
    return cell;
  });
  const heads = CLASS_NUMBERS.map((predicted) => header(String(predicted), "col"));
  const table = make(
    "table",
    { className: "confusion" },
    make("caption", {}, "Rows: the true digit. Columns: what the network says. Tap a number to see its images."),
    make("thead", {}, make("tr", {}, make("td"), ...heads, header("recall", "col"))),
    make("tbody", {}, ...rows),
  );
  const title = make("h3");
  const gallery = make("ul", { className: "gallery" });

  const choose = (pair: Pair) => {
    chosen = chosen?.label === pair.label && chosen.predicted === pair.predicted ? null : pair;
    show();
  };
  const show = () => {
    table.hidden = !latest;
    if (!latest) {
      title.textContent = "Train the network first, in step 4: then its mistakes are here.";
      return;
    }
    const { confusion, mistakes } = latest;
    cells.forEach((row, label) => {
      const counts = CLASS_NUMBERS.map((predicted) => confusion[CLASSES * label + predicted]);
      const total = counts.reduce((sum, count) => sum + count, 0);
      row.forEach(({ draw }, predicted) => draw(counts[predicted], counts[predicted] / total, label, predicted, chosen));
      recalls[label].textContent = percent(counts[label] / total);
    });
    if (!images) return;
    const { labels, pixels } = images;
    const wanted = mistakes.filter(({ index, predicted }) => !chosen || (labels[index] === chosen.label && predicted === chosen.predicted));
    title.textContent = chosen
      ? `${wanted.length} ${wanted.length === 1 ? "image" : "images"} of ${chosen.label} taken for ${chosen.predicted}${wanted.length > MOST ? `; here the ${MOST} most confident` : ""}`
      : `${mistakes.length} of ${labels.length.toLocaleString("en")} are wrong; here the ${Math.min(MOST, mistakes.length)} most confident`;
    gallery.replaceChildren(...wanted.slice(0, MOST).map((mistake) => pictureOf(mistake, labels[mistake.index], pixels)));
  };
  const hide = training.onChange((state) => {
    if (state.latest === latest && latest) return;
    latest = state.latest;
    show();
  });
  void fetchImages("train-0").then(
    (all) => {
      images = { labels: all.labels.subarray(FIRST_TRAIN), pixels: all.pixels.subarray(FIRST_TRAIN * PIXELS) };
      show();
    },
    (error: Error) => (title.textContent = error.message),
  );
  return { element: make("div", { className: "evaluation" }, make("div", { className: "wide" }, table), title, gallery), hide };
};

const header = (text: string, scope: "row" | "col") => make("th", { scope }, text);

const createCell = (chosen: () => void) => {
  const button = make("button", { type: "button", onclick: chosen, disabled: true });
  const cell = make("td", {}, button);
  const draw = (count: number, share: number, label: number, predicted: number, pair: Pair | null) => {
    const right = label === predicted;
    button.textContent = count ? String(count) : "";
    button.disabled = right || !count;
    button.setAttribute("aria-label", right ? `${count} images of ${label} are right` : `${count} ${count === 1 ? "image" : "images"} of ${label} taken for ${predicted}`);
    button.setAttribute("aria-pressed", String(pair?.label === label && pair.predicted === predicted));
    cell.className = right ? "right" : "wrong";
    // A few mistakes must be seen among hundreds that are right.
    cell.style.setProperty("--share", (right ? share : Math.min(1, 12 * share)).toFixed(3));
  };
  return { cell, draw };
};

const pictureOf = ({ index, predicted, confidence }: Mistake, label: number, pixels: Uint8Array) => {
  const canvas = make("canvas", { className: "digit" });
  const item = make("li", {}, canvas, make("span", {}, make("b", {}, String(predicted)), ` ${(100 * confidence).toFixed(0)} %`), make("span", { className: "small" }, `is ${label}`));
  requestAnimationFrame(() => showPixels(canvas, pixels.subarray(PIXELS * index, PIXELS * (index + 1))));
  return item;
};
