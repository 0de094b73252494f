// The models: the built-in one, those of the server, and files that are opened or dropped.

import shipped from "../../../src/tenfold/reading/shipped/reader.10fd?url";
import { $, make } from "./elements.js";
import { openModel, timeModel } from "./reading.js";
import type { ServedModel } from "./server.js";
import { toast } from "./toast.js";

export interface ModelInUse {
  // The SHA-256 of its file, if the browser can compute it.
  readonly id: string;
  readonly title: string;
}

interface Model extends ModelInUse {
  readonly sizeBytes: number;
  readonly accuracy: number | null;
  readonly bytes: () => Promise<ArrayBuffer>;
  // Null until the model is loaded, and until it is timed on this device.
  parameters: number | null;
  latencyMs: number | null;
}

export interface Models {
  // The first one answers; the answer of a second, if selected, is shown too.
  readonly inUse: () => readonly ModelInUse[];
  readonly addFile: (file: File) => Promise<void>;
  // Measures the latency of loaded models for the list.
  readonly time: () => Promise<void>;
  readonly addServed: (served: readonly ServedModel[]) => Promise<void>;
}

// Larger files are not models.
const LARGEST = 16e6;

// Starts loading immediately; `changed` is called when the first model is ready and on each selection.
export const createModels = (changed: () => void): Models => {
  const models: Model[] = [];
  let inUse: readonly Model[] = [];

  const add = (model: Omit<Model, "parameters" | "latencyMs">): Model => {
    const known = models.find(({ id }) => id === model.id);
    if (known) return known;
    models.push({ ...model, parameters: null, latencyMs: null });
    return models[models.length - 1];
  };
  const use = async (chosen: readonly Model[]) => {
    for (const model of chosen) model.parameters ??= await openModel(model.id, await model.bytes());
    inUse = chosen;
    $("model-name").textContent = inUse.map(({ title }) => title).join(" and ");
    list();
    changed();
  };
  const attempt = async (work: Promise<void>) => {
    try {
      await work;
    } catch (error) {
      toast((error as Error).message);
    }
    list();
  };

  const list = () => $("models").replaceChildren(...models.map(row));
  const row = (model: Model): HTMLElement => {
    const place = inUse.indexOf(model);
    const box = make("input", { type: "checkbox", checked: place >= 0, disabled: place >= 0 && inUse.length === 1 });
    // Two at most: a new selection replaces the second.
    box.onchange = () => void attempt(use(box.checked ? [...inUse.slice(0, 1), model] : inUse.filter((other) => other !== model)));
    const mark = make("i", { className: ["first", "second"][place] ?? "" });
    const words = make("span", { className: "small" }, described(model));
    return make("label", { className: "model" }, box, make("b", {}, model.title), mark, words);
  };

  void attempt(use([add({ id: SHIPPED.digest, title: "Reader", ...SHIPPED, bytes: () => loaded(shipped) })]));

  return {
    inUse: () => inUse,
    addFile: async (file) =>
      attempt(
        (async () => {
          if (file.size > LARGEST) throw new Error(`${file.name} is not a model: it has ${Math.round(file.size / 1e6)} MB`);
          const content = await file.arrayBuffer();
          const model = { id: (await digestOf(content)) ?? `${file.name} ${file.size}`, title: file.name.replace(/\.10fd$/, ""), accuracy: null };
          const parameters = await openModel(model.id, content);
          const added = add({ ...model, sizeBytes: content.byteLength, bytes: async () => content });
          added.parameters = parameters;
          await use([...inUse.slice(0, 1).filter((other) => other !== added), added]);
          toast(`Comparing with ${added.title}`);
        })(),
      ),
    time: async () => {
      for (const model of models) if (model.parameters !== null) model.latencyMs ??= await timeModel(model.id);
      list();
    },
    addServed: async (served) => {
      for (const { digest, title, size_bytes, accuracy, url } of served)
        add({ id: digest, title, sizeBytes: size_bytes, accuracy, bytes: () => loaded(url) });
      const wanted = models.find(({ id }) => id === served.find((model) => model.default)?.digest);
      if (wanted && inUse.length < 2 && inUse[0] !== wanted) await attempt(use([wanted]));
      list();
    },
  };
};

const described = ({ sizeBytes, accuracy, parameters, latencyMs }: Model): string =>
  [
    accuracy === null ? "accuracy unknown" : `${(100 * accuracy).toFixed(2)} % accuracy on MNIST's test images`,
    `${(sizeBytes / 1000).toFixed(0)} kB`,
    ...(parameters === null ? [] : [`${parameters.toLocaleString("en")} parameters`]),
    ...(latencyMs === null ? [] : [`${latencyMs < 0.1 ? "under 0.1" : latencyMs.toFixed(1)} ms per digit on this device`]),
  ].join(", ");

const loaded = async (url: string): Promise<ArrayBuffer> => {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`the model could not be loaded (${response.status}): reload the page`);
  return response.arrayBuffer();
};

// crypto.subtle needs a secure context: https or localhost.
const digestOf = async (content: ArrayBuffer): Promise<string | null> => {
  if (!globalThis.crypto?.subtle) return null;
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", content));
  return [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
};
