// The settings of the next training. A change starts anew, and keeps the curves of the last training to compare with.

import { make } from "../app/elements.js";
import type { AugmentSettings } from "../training/augment.js";
import type { ActivationName } from "../training/layers.js";
import { ALL_IMAGES, RECIPES, type State, type Training } from "./current-training.js";
import type { Panel } from "./panel.js";
import type { Settings } from "../training/trainer.js";

export const AUGMENT: AugmentSettings = { rotation: 10, zoom: 0.1, shift: 2 };

export interface Chosen {
  readonly settings: Settings;
  readonly images: number;
}

interface Control {
  readonly title: string;
  // Values and their names, or null for a text.
  readonly options: readonly (readonly [value: string, name: string])[] | null;
  readonly value: (chosen: Chosen) => string;
  // Throws an Error whose message says what is wrong with the value.
  readonly apply: (chosen: Chosen, value: string) => Chosen;
  readonly applies?: (settings: Settings) => boolean;
}

const named = (values: readonly (string | number)[]) => values.map((value) => [String(value), value.toLocaleString("en")] as const);
const isPerceptron = ({ model }: Settings) => model.architecture === "mlp";

const ofTraining = (title: string, key: "learning_rate" | "batch_size" | "epochs" | "weight_decay", values: readonly number[]): Control => ({
  title,
  options: values.map((value) => [String(value), String(value)]),
  value: ({ settings }) => String(settings.training[key]),
  apply: ({ settings, images }, value) => ({ settings: { ...settings, training: { ...settings.training, [key]: Number(value) } }, images }),
});

const ofPerceptron = (title: string, options: Control["options"], read: (model: Settings["model"] & { architecture: "mlp" }) => string, change: (value: string) => object): Control => ({
  title,
  options,
  value: ({ settings: { model } }) => (model.architecture === "mlp" ? read(model) : ""),
  apply: ({ settings, images }, value) => ({ settings: { ...settings, model: { ...settings.model, ...change(value) } as Settings["model"] }, images }),
  applies: isPerceptron,
});

const hiddenSizes = (text: string): number[] => {
  const sizes = text.split(/[\s,]+/).filter(Boolean).map(Number);
  if (sizes.length > 3 || sizes.some((size) => !Number.isInteger(size) || size < 1 || size > 1024))
    throw new Error("Up to three sizes from 1 to 1024, such as 128, 64.");
  return sizes;
};

const CONTROLS = {
  architecture: {
    title: "Network",
    options: [["mlp", "Dense layers"], ["recurrent", "Convolutions"]],
    value: ({ settings }) => settings.model.architecture,
    apply: ({ images }, value) => ({ settings: RECIPES[value as keyof typeof RECIPES], images }),
  },
  hidden: ofPerceptron("Hidden layers", null, ({ hidden }) => hidden.join(", "), (value) => ({ hidden: hiddenSizes(value) })),
  activation: ofPerceptron(
    "Activation",
    named(["relu", "leaky_relu", "elu", "gelu", "silu", "tanh", "sigmoid"] satisfies ActivationName[]),
    (model) => model.activation,
    (activation) => ({ activation }),
  ),
  dropout: ofPerceptron("Dropout", [["0", "none"], ...named(["0.2", "0.5", "0.8"])], (model) => String(model.dropout), (value) => ({ dropout: Number(value) })),
  learning_rate: ofTraining("Learning rate", "learning_rate", [0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 1]),
  batch_size: ofTraining("Batch size", "batch_size", [8, 16, 32, 64, 128, 256]),
  epochs: ofTraining("Epochs", "epochs", [1, 3, 5, 8, 10, 20, 60, 100]),
  weight_decay: ofTraining("Weight decay", "weight_decay", [0, 0.01, 0.1, 1, 3]),
  augment: {
    title: "Augmentation",
    options: [["no", "none"], ["yes", "on"]],
    value: ({ settings }) => (settings.augment ? "yes" : "no"),
    apply: ({ settings: { augment: _, ...settings }, images }, value) => ({ settings: value === "yes" ? { ...settings, augment: AUGMENT } : settings, images }),
  },
  images: {
    title: "Training images",
    options: named([200, 1000, 10_000, ALL_IMAGES]),
    value: ({ images }) => String(images),
    apply: ({ settings }, value) => ({ settings, images: Number(value) }),
  },
} satisfies Record<string, Control>;

export type ControlName = keyof typeof CONTROLS;

export const createControls = (training: Training, names: readonly ControlName[]): Panel => {
  const fields = names.map((name) => createField(CONTROLS[name], training));
  const element = make("div", { className: "controls" }, ...fields.map(({ label }) => label));
  const hide = training.onChange((state) => fields.forEach(({ show }) => show(state)));
  return { element, hide };
};

const createField = (control: Control, training: Training) => {
  const { title, options, value, apply, applies } = control;
  const field = options
    ? make("select", {}, ...options.map(([key, name]) => make("option", { value: key }, name)))
    : make("input", { type: "text", inputMode: "numeric", autocomplete: "off" });
  field.onchange = () => {
    const { settings, images } = training.state();
    try {
      const chosen = apply({ settings, images }, field.value);
      training.reset(chosen.settings, chosen.images);
    } catch (error) {
      field.setCustomValidity((error as Error).message);
      field.setAttribute("aria-invalid", "true");
      field.reportValidity();
    }
  };
  field.oninput = () => {
    field.setCustomValidity("");
    field.removeAttribute("aria-invalid");
  };
  const label = make("label", {}, make("span", {}, title), field);
  const show = ({ settings, images }: State) => {
    label.hidden = applies ? !applies(settings) : false;
    if (document.activeElement !== field || options) field.value = value({ settings, images });
  };
  return { label, show };
};
