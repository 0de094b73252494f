// A model file, as tenfold/exporters/web.py writes it. Anything may be in it: a person drops a file on the page.

export interface Layer {
  readonly kind: string;
  // Numbers, or pairs of them for rows and columns.
  readonly options: Readonly<Record<string, number | readonly number[]>>;
  readonly weight: Float32Array | null;
  readonly shape: readonly number[];
  readonly bias: Float32Array | null;
}

export interface ModelFile {
  readonly layers: readonly Layer[];
  readonly settings: Readonly<Record<string, unknown>>;
}

export class ModelFileError extends Error {
  override name = "ModelFileError";
}

// An even chance of being wrong.
const UNSURE_BELOW = 0.5;

// The confidence below which an answer is unsure, by default where the file doesn't say.
export const unsureBelow = ({ settings }: ModelFile): number => {
  const threshold = Number(settings["unsure_below"] ?? UNSURE_BELOW);
  return Number.isFinite(threshold) ? threshold : UNSURE_BELOW;
};

const MAGIC = "10FD";
const FORMAT = 1;
const MOST_LAYERS = 1000;

// Throws a ModelFileError for what is none.
export const readModelFile = (content: ArrayBuffer): ModelFile => {
  const bytes = new Uint8Array(content);
  const magic = String.fromCharCode(...bytes.subarray(0, 4));
  if (bytes.length < 8 || magic !== MAGIC) throw new ModelFileError("this is not a Tenfold model file");
  const start = 8 + new DataView(content).getUint32(4, true);
  if (start > bytes.length) throw new ModelFileError("the model file is cut short");
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(8, start)));
  } catch {
    throw damaged("its header is not JSON");
  }
  if (!isRecord(header)) throw damaged("its header is no object");
  const { format, settings, layers } = header;
  if (format !== FORMAT) throw new ModelFileError(`the model file has format ${format}; this page reads ${FORMAT}`);
  if (!Array.isArray(layers) || layers.length > MOST_LAYERS) throw damaged("it lists no layers, or too many");
  return { layers: layers.map((entry) => readLayer(entry, content, start)), settings: isRecord(settings) ? settings : {} };
};

const damaged = (why: string): ModelFileError => new ModelFileError(`the model file is damaged: ${why}`);

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const readLayer = (entry: unknown, content: ArrayBuffer, start: number): Layer => {
  if (!isRecord(entry) || typeof entry["kind"] !== "string") throw damaged("a layer has no kind");
  const { kind, weight, scale, bias, ...options } = entry as { kind: string } & Record<string, unknown>;
  if (!Object.values(options).every((value) => isNumber(value) || (Array.isArray(value) && value.every(isNumber))))
    throw damaged(`an option of a layer of kind ${kind} is no number`);
  const found = weight === undefined ? null : readArray(weight, content, start);
  if (found && scale !== undefined) {
    const scales = readArray(scale, content, start).values;
    const each = found.values.length / scales.length;
    if (!Number.isInteger(each)) throw damaged("a layer's scales are not those of its weights");
    for (let o = 0, i = 0; o < scales.length; o++) for (const end = i + each; i < end; i++) found.values[i] *= scales[o];
  }
  return {
    kind,
    options: options as Record<string, number | number[]>,
    weight: found?.values ?? null,
    shape: found?.shape ?? [],
    bias: bias === undefined ? null : readArray(bias, content, start).values,
  };
};

const isNumber = (value: unknown): value is number => typeof value === "number";

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

const readArray = (place: unknown, content: ArrayBuffer, start: number): { values: Float32Array; shape: number[] } => {
  if (!isRecord(place)) throw damaged("it does not say where an array lies");
  const { offset, shape, type } = place;
  const sound = Array.isArray(shape) && shape.length <= 4 && shape.every((length) => isCount(length) && length > 0);
  if (!isCount(offset) || !sound) throw damaged("an array has no shape, or lies nowhere");
  const count = shape.reduce((a, b) => a * b, 1);
  const [, kind, digits] = /^(int|float)(\d+)$/.exec(String(type)) ?? [];
  const bits = Number(digits);
  const known = kind === "int" ? bits >= 2 && bits <= 8 : bits === 16 || bits === 32;
  if (!known) throw damaged(`an array holds ${type}`);
  const bytes = Math.ceil((count * bits) / 8);
  if (start + offset + bytes > content.byteLength) throw new ModelFileError("the model file is cut short");
  // Every machine with a browser is little-endian, as the file is.
  const part = content.slice(start + offset, start + offset + bytes);
  if (kind === "int") return { values: unpack(new Uint8Array(part), count, bits), shape };
  return { values: bits === 32 ? new Float32Array(part) : Float32Array.from(new Uint16Array(part), half), shape };
};

// Whole numbers as two's complement of so many bits, one after another, the lowest bit first.
const unpack = (bytes: Uint8Array, count: number, bits: number): Float32Array => {
  const values = new Float32Array(count);
  for (let i = 0, at = 0; i < count; i++, at += bits) {
    const pair = bytes[at >> 3] | (bytes[(at >> 3) + 1] << 8);
    values[i] = ((pair >> (at & 7)) << (32 - bits)) >> (32 - bits);
  }
  return values;
};

// IEEE 754 half precision.
const half = (bits: number): number => {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
};
