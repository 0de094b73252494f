// What can be looked at inside a network, layer by layer, and where each value comes from.

import type { ModelFile } from "../model/file.js";
import type { Network, Values } from "../model/forward.js";
import { mapOf } from "./maps.js";

export interface Stage {
  readonly kind: "convolution" | "maximum" | "sum" | "dense";
  readonly values: Values;
  // What it is computed from.
  readonly source: Values;
  // Before the activation, without what a residual connection adds; the values themselves where there is neither.
  readonly sums: Values;
  readonly weight: Float32Array | null;
  readonly bias: Float32Array | null;
  // Side, stride and padding of a window.
  readonly side: number;
  readonly stride: number;
  readonly padding: number;
}

// A value: in which stage, in which of its maps, and where there.
export interface Place {
  readonly stage: number;
  readonly channel: number;
  readonly y: number;
  readonly x: number;
}

// Of a window of one map: values by rows, and the weights that they are multiplied by, if any.
export interface Term {
  readonly patch: Float64Array;
  readonly weights: Float32Array | null;
}

// first and last row and column, which may lie outside the image.
export interface Patch {
  readonly top: number;
  readonly left: number;
  readonly bottom: number;
  readonly right: number;
}

// Of a network as lab/replay.py writes it: each convolution with its activation, the poolings, and the dense layer.
export const stagesOf = ({ layers: all }: ModelFile, { layers }: Network): Stage[] => {
  const stages: Stage[] = [];
  let source = layers[0];
  all.forEach((layer, i) => {
    const { kind, weight, bias, shape, options } = layer;
    const pooling = kind === "convolution" && options["groups"] !== 1;
    if (!["convolution", "pool", "dense"].includes(kind)) return;
    const end = kind === "convolution" && !pooling ? all.findIndex((other, at) => at > i && other.kind === "relu") : i;
    const side = kind === "pool" ? Number(options["size"]) : (shape[2] ?? 1);
    stages.push({
      kind: kind === "pool" ? "maximum" : pooling ? "sum" : kind === "dense" ? "dense" : "convolution",
      values: layers[end], source, sums: layers[i], weight, bias, side,
      stride: kind === "pool" ? side : Number(options["stride"] ?? 1),
      padding: Number(options["padding"] ?? 0),
    });
    source = layers[end];
  });
  return stages;
};

export const termsOf = ({ kind, source, weight, side, stride, padding }: Stage, channel: number, y: number, x: number): Term[] => {
  const { height, width, channels } = source;
  const own = kind === "maximum" || kind === "sum";
  return Array.from({ length: own ? 1 : channels }, (_, i) => {
    const map = mapOf(source, own ? channel : i);
    const patch = Float64Array.from({ length: side * side }, (_, at) => {
      const [v, u] = [y * stride - padding + Math.floor(at / side), x * stride - padding + (at % side)];
      return v >= 0 && u >= 0 && v < height && u < width ? map[v * width + u] : 0;
    });
    const start = (own ? channel : channel * channels + i) * side * side;
    return { patch, weights: weight?.subarray(start, start + side * side) ?? null };
  });
};

// The window of what the stage before gives, and of the pixels (the receptive field).
export const windowOf = ({ side, stride, padding }: Stage, { top, left, bottom, right }: Patch): Patch => ({
  top: top * stride - padding,
  left: left * stride - padding,
  bottom: bottom * stride - padding + side - 1,
  right: right * stride - padding + side - 1,
});

export const receptiveField = (stages: readonly Stage[], index: number, place: Patch): Patch => {
  for (let i = index; i >= 0; i--) place = windowOf(stages[i], place);
  // The first layer has a border of one pixel.
  const inside = (at: number) => Math.min(27, Math.max(0, at - 1));
  return { top: inside(place.top), left: inside(place.left), bottom: inside(place.bottom), right: inside(place.right) };
};

export const namesOf = (stages: readonly Stage[]): string[] => {
  let layer = 0;
  return stages.map(({ kind }) => {
    if (kind !== "convolution") return { maximum: "Pooling", sum: "Weighted sums", dense: "Logits" }[kind];
    return `Layer ${++layer}`;
  });
};

export const nameOf = ({ kind }: Stage, channel: number): string => (kind === "dense" ? `digit ${channel}` : `channel ${channel + 1}`);

export const decimal = (value: number): string => value.toFixed(2).replace("-", "−");

// How a value came about.
export const describe = ({ kind, sums, values, bias, source }: Stage, { channel, y, x }: Place): string => {
  const at = (channel * values.height + y) * values.width + x;
  const sum = decimal(sums.data[at]);
  const where = `at row ${y + 1}, column ${x + 1}:`;
  const cut = values.data[at] === 0 ? " Below 0 becomes 0." : "";
  if (kind === "maximum") return `${where} the largest of 2 × 2 values.`;
  if (kind === "sum") return "is the sum of the map's 9 values times 9 weights, the same for all channels.";
  if (kind === "dense") return `is the sum of 11 values times 11 weights, and a bias of ${decimal(bias![channel])}. The largest logit is the answer.`;
  if (source.channels === 1) return `${where} ${sum} from 9 pixels times 9 weights, and a bias.${cut}`;
  return `${where} ${sum} from 99 values times 99 weights and a bias, plus ${decimal(source.data[at])} from the layer before.${cut}`;
};
