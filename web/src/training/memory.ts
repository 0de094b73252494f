// The memory that training works in, and the kernels that work there.

import relaxed from "./kernels.as.ts?relaxed-wasm";
import plain from "./kernels.as.ts?wasm";

// A place in the memory, in bytes.
export type Address = number;

type Call = (...values: number[]) => void;

export interface Kernels {
  readonly product: (m: number, n: number, k: number, a: Address, aRow: number, aColumn: number, rows: Address, c: Address, cRow: number) => void;
  readonly dots: (m: number, n: number, k: number, a: Address, aRow: number, rows: Address, c: Address, cRow: number) => void;
  readonly adam: Call;
  readonly moments: Call;
  readonly scaleRelu: Call;
  readonly reluGradient: Call;
  readonly normGradient: Call;
  readonly accumulate: Call;
  readonly pool: Call;
  readonly poolGradient: Call;
}

const bytesOf = (base64: string) => Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));

const compile = (): WebAssembly.Module => {
  try {
    const fast = bytesOf(relaxed);
    return new WebAssembly.Module(WebAssembly.validate(fast) ? fast : bytesOf(plain));
  } catch (error) {
    throw new Error(`Training needs WebAssembly with SIMD, which is not to be had here: ${(error as Error).message}`);
  }
};

// Layers say first what they need; then the memory is made, once, and filled.
export class Memory {
  #used = 16;
  #buffer: ArrayBuffer | null = null;
  readonly #fill: (() => void)[] = [];
  kernels!: Kernels;

  // Takes memory for so many numbers of four bytes, and for some before and after them. All are zero at first.
  take(count: number, margin = 8): Address {
    const address = this.#used + 4 * Math.ceil(margin / 4) * 4;
    this.#used = address + 16 * Math.ceil((count + margin) / 4);
    return address;
  }

  // A list of addresses, for the kernels that read rows.
  list(addresses: readonly Address[]): Address {
    const at = this.take(addresses.length);
    this.#fill.push(() => new Uint32Array(this.#buffer!, at, addresses.length).set(addresses));
    return at;
  }

  // `fill` is called when the memory is made.
  onOpen(fill: () => void): void {
    this.#fill.push(fill);
  }

  open(): void {
    const memory = new WebAssembly.Memory({ initial: Math.ceil(this.#used / 65_536) });
    this.kernels = new WebAssembly.Instance(compile(), { env: { memory } }).exports as unknown as Kernels;
    this.#buffer = memory.buffer;
    for (const fill of this.#fill) fill();
  }

  // The numbers at an address.
  floats(at: Address, count: number): Float32Array {
    return new Float32Array(this.#buffer!, at, count);
  }

  doubles(at: Address, count: number): Float64Array {
    return new Float64Array(this.#buffer!, at, count);
  }
}
