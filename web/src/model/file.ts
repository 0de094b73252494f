// A model file, as tenfold/export/web.py writes it.

export interface Layer {
  readonly kind: string;
  readonly options: Readonly<Record<string, number>>;
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

interface Place {
  offset: number;
  shape: number[];
  type: "int8" | "float16" | "float32";
}

const MAGIC = "10FD";
const FORMAT = 1;
const BYTES = { int8: 1, float16: 2, float32: 4 };

export const readModelFile = (content: ArrayBuffer): ModelFile => {
  const bytes = new Uint8Array(content);
  const magic = String.fromCharCode(...bytes.subarray(0, 4));
  if (bytes.length < 8 || magic !== MAGIC) throw new ModelFileError("this is not a Tenfold model file");
  const start = 8 + new DataView(content).getUint32(4, true);
  if (start > bytes.length) throw new ModelFileError("the model file is cut short");
  let header: { format: number; settings: Record<string, unknown>; layers: Record<string, unknown>[] };
  try {
    header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, start)));
  } catch {
    throw new ModelFileError("the model file is damaged: its header is not JSON");
  }
  if (header.format !== FORMAT)
    throw new ModelFileError(`the model file has format ${header.format}; this page reads ${FORMAT}`);
  return { layers: header.layers.map((entry) => readLayer(entry, content, start)), settings: header.settings };
};

const readLayer = (entry: Record<string, unknown>, content: ArrayBuffer, start: number): Layer => {
  const { kind, weight, scale, bias, ...options } = entry as {
    kind: string;
    weight?: Place;
    scale?: Place;
    bias?: Place;
  } & Record<string, number>;
  const values = weight ? readArray(weight, content, start) : null;
  if (values && scale) {
    const scales = readArray(scale, content, start);
    const each = values.length / scales.length;
    for (let i = 0; i < values.length; i++) values[i] *= scales[Math.floor(i / each)];
  }
  const numbers = options as Record<string, number>;
  return {
    kind,
    options: numbers,
    weight: values,
    shape: weight?.shape ?? [],
    bias: bias ? readArray(bias, content, start) : null,
  };
};

const readArray = ({ offset, shape, type }: Place, content: ArrayBuffer, start: number): Float32Array => {
  const count = shape.reduce((a, b) => a * b, 1);
  if (!(type in BYTES) || start + offset + count * BYTES[type] > content.byteLength)
    throw new ModelFileError("the model file is cut short");
  const view = new DataView(content, start + offset);
  const read = {
    int8: (i: number) => view.getInt8(i),
    float16: (i: number) => half(view.getUint16(2 * i, true)),
    float32: (i: number) => view.getFloat32(4 * i, true),
  }[type];
  return Float32Array.from({ length: count }, (_, i) => read(i));
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
