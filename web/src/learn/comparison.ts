// What the trainings so far came to, a row for each.

import { make } from "../app/elements.js";
import type { Panel } from "./panel.js";
import type { Finished, Training } from "./current-training.js";

const COLUMNS = ["trained", "images", "epochs", "training", "validation"];

export const createComparison = (training: Training): Panel => {
  const body = make("tbody");
  const head = make("thead", {}, make("tr", {}, ...COLUMNS.map((name) => make("th", { scope: "col" }, name))));
  const element = make("div", { className: "wide", hidden: true, tabIndex: 0 }, make("table", { className: "layers comparison" }, make("caption", {}, "Accuracy of the trainings so far"), head, body));
  const hide = training.onChange(({ finished }) => {
    element.hidden = !finished.length;
    body.replaceChildren(...finished.map((one) => make("tr", {}, ...cellsOf(one).map((text) => make("td", {}, text)))));
  });
  return { element, hide };
};

const cellsOf = ({ settings: { model, training, augment }, images, record }: Finished): string[] => {
  const parts = [
    model.architecture === "mlp" ? `dense ${model.hidden.join(", ")}` : "convolutions",
    ...(augment ? ["augmentation"] : []),
    ...(model.architecture === "mlp" && model.dropout ? [`dropout ${model.dropout}`] : []),
    ...(training.weight_decay ? [`weight decay ${training.weight_decay}`] : []),
    `learning rate ${training.learning_rate}`,
  ];
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
  return [parts.join("; "), images.toLocaleString("en"), String(record.epoch), percent(record.trainAccuracy), percent(record.validationAccuracy)];
};
