// Compiles AssemblyScript: `import binary from "./kernels.as.ts?wasm"` gives WebAssembly in base64; with `?relaxed-wasm`, for
// engines that have relaxed SIMD.

import { readFileSync } from "node:fs";
import { basename } from "node:path";
import asc from "assemblyscript/asc";
import type { Plugin } from "vite";

const OPTIONS = ["--optimizeLevel", "3", "--enable", "simd", "--runtime", "stub", "--importMemory", "--noExportMemory"];

export const assemblyScript: Plugin = {
  name: "assemblyscript",
  enforce: "pre",
  load: async (id) => {
    const [path, query] = id.split("?");
    if (!path.endsWith(".as.ts") || !query) return null;
    const features = query === "relaxed-wasm" ? ["--enable", "relaxed-simd"] : [];
    let binary: Uint8Array | null = null;
    const { error, stderr } = await asc.main([basename(path), "--outFile", "out.wasm", ...OPTIONS, ...features], {
      readFile: (name) => (name === basename(path) ? readFileSync(path, "utf8") : null),
      writeFile: (_, content) => void (binary = content as Uint8Array),
      listFiles: () => [],
    });
    if (error || !binary) throw new Error(`${path} can't be compiled: ${stderr.toString()}`);
    return `export default ${JSON.stringify(Buffer.from(binary).toString("base64"))}`;
  },
};
