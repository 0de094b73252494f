import { defineConfig } from "vite";

// What a run's report draws and answers with: one classic script, which Python writes into the file.
export default defineConfig({
  publicDir: false,
  build: {
    target: "es2022",
    modulePreload: false,
    outDir: "../src/tenfold/report",
    emptyOutDir: false,
    rollupOptions: { input: "src/ask.ts", output: { format: "iife", entryFileNames: "ask.js" } },
  },
});
