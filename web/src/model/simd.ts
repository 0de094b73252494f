// The inner loop of a product of matrices as WebAssembly, two numbers at a time: three to four times as fast. It is assembled
// here, as no compiler for it is among the packages.

import type { Allocate } from "./forward.js";
import { kernels, type Kernel } from "./product.js";

// Memory for so many numbers, whose products the kernel multiplies. Undefined where WebAssembly is missing or not allowed.
export const createArena = (count: number): Allocate | undefined => {
  try {
    const memory = new WebAssembly.Memory({ initial: Math.ceil((8 * count) / 65_536) });
    const { exports } = new WebAssembly.Instance((compiled ??= new WebAssembly.Module(assembled())), { m: { m: memory } });
    kernels.set(memory.buffer, exports["f"] as Kernel);
    let used = 0;
    return (more) => {
      used += more;
      return used > count ? new Float64Array(more) : new Float64Array(memory.buffer, 8 * (used - more), more);
    };
  } catch {
    return undefined;
  }
};

let compiled: WebAssembly.Module | null = null;

// Types, and instructions, by their names in the WebAssembly specification.
const [I32, V128, FUNC, EMPTY] = [0x7f, 0x7b, 0x60, 0x40];
const [LOOP, END, BR_IF, GET, SET, CONST, LESS, ADD, MUL, SHL] = [0x03, 0x0b, 0x0d, 0x20, 0x21, 0x41, 0x49, 0x6a, 0x6c, 0x74];
const LOAD = [0xfd, 0x00];
const LOAD_SPLAT = [0xfd, 0x0a];
const STORE = [0xfd, 0x0b];
const F64X2_ADD = [0xfd, 0xf0, 0x01];
const F64X2_MUL = [0xfd, 0xf2, 0x01];
const ZERO = [0xfd, 0x0c, ...new Array<number>(16).fill(0)];

// The parameters of a `Kernel`, and locals: places in bytes, where the sums of a row and column end, and the sums.
const PARAMETERS = ["count", "rows", "inner", "columns", "weights", "values", "result"] as const;
const PLACES = ["row", "column", "a", "b", "end"] as const;
const SUMS = ["value", "s0", "s1", "s2", "s3"] as const;
const LOCALS = [...PARAMETERS, ...PLACES, ...SUMS];
type Local = (typeof LOCALS)[number];

const get = (local: Local): number[] => [GET, LOCALS.indexOf(local)];
const set = (local: Local, ...value: readonly number[]): number[] => [...value, SET, LOCALS.indexOf(local)];
const constant = (value: number): number[] => [CONST, value];
const sum = (a: readonly number[], b: readonly number[]): number[] => [...a, ...b, ADD];
const product = (a: readonly number[], b: readonly number[]): number[] => [...a, ...b, MUL];
const times8 = (value: readonly number[]): number[] => [...value, ...constant(3), SHL];
const step = (local: Local, by: readonly number[]): number[] => set(local, ...sum(get(local), by));
// At a place and some bytes on; places are multiples of eight.
const at = (operation: readonly number[], bytes = 0): number[] => [...operation, 3, bytes];
// Does it again while one local is below another.
const loop = (body: readonly number[], local: Local, end: Local): number[] => [
  ...[LOOP, EMPTY, ...body, ...get(local), ...get(end), LESS, BR_IF, 0, END],
];

// `multiply` of product.ts: four rows and two columns at a time.
const kernel = (): number[] => {
  const sums = SUMS.slice(1);
  const multiplied = sums.flatMap((s, i) =>
    set(s, ...get(s), ...get("value"), ...get("a"), ...at(LOAD_SPLAT, 8 * i), ...F64X2_MUL, ...F64X2_ADD),
  );
  const inner = [
    ...set("value", ...get("b"), ...at(LOAD)),
    ...multiplied,
    ...step("a", constant(32)),
    ...step("b", constant(16)),
  ];
  const cell = [
    ...set("a", ...sum(get("weights"), times8(product(get("row"), get("inner"))))),
    ...set("b", ...sum(get("values"), times8(product(get("column"), get("inner"))))),
    ...set("end", ...sum(get("a"), times8(product(constant(4), get("inner"))))),
    ...sums.flatMap((s) => set(s, ...ZERO)),
    ...loop(inner, "a", "end"),
    ...set("a", ...sum(get("result"), times8(sum(product(get("row"), get("columns")), get("column"))))),
    ...sums.flatMap((s) => [...get("a"), ...get(s), ...at(STORE), ...step("a", times8(get("columns")))]),
    ...step("column", constant(2)),
  ];
  const rows = [...set("column", ...constant(0)), ...loop(cell, "column", "columns"), ...step("row", constant(4))];
  const pair = [
    ...set("row", ...constant(0)),
    ...loop(rows, "row", "rows"),
    ...step("weights", times8(product(get("rows"), get("inner")))),
    ...step("values", times8(product(get("columns"), get("inner")))),
    ...step("result", times8(product(get("rows"), get("columns")))),
    // Minus one.
    ...step("count", constant(0x7f)),
  ];
  return [LOOP, EMPTY, ...pair, ...get("count"), BR_IF, 0, END];
};

// Lengths that take more than seven bits are written in groups of seven, the lowest first.
const length = (value: number): number[] => (value < 128 ? [value] : [(value & 127) | 128, ...length(value >> 7)]);
const sized = (content: readonly number[]): number[] => [...length(content.length), ...content];

const assembled = (): Uint8Array<ArrayBuffer> => {
  const types = [1, FUNC, PARAMETERS.length, ...PARAMETERS.map(() => I32), 0];
  const memory = [1, 1, 0x6d, 1, 0x6d, 2, 0, 0];
  const functions = [1, 0];
  const exports = [1, 1, 0x66, 0, 0];
  const locals = [2, PLACES.length, I32, SUMS.length, V128];
  const code = [1, ...sized([...locals, ...kernel(), END])];
  const sections: [number, number[]][] = [[1, types], [2, memory], [3, functions], [7, exports], [10, code]];
  return Uint8Array.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, ...sections.flatMap(([id, content]) => [id, ...sized(content)])]);
};
