import { createHash } from "node:crypto";
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { defineConfig, type Plugin } from "vite";
import { VitePWA } from "vite-plugin-pwa";
import { assemblyScript } from "./assemblyscript.js";

// `tenfold serve` serves the web app from the Python package.
const OUTPUT = "../src/tenfold/serve/web_app";
const shipped = (name: string) => readFileSync(new URL(`../src/tenfold/reading/shipped/${name}`, import.meta.url));
const model = shipped("reader.10fd");
const sets: { name: string; right: number }[] = JSON.parse(shipped("reader.json").toString()).sets;

// The model takes the longest to load: the preload starts it before any script asks for it. That of lines is loaded when it is
// first needed.
const preload: Plugin = {
  name: "preload",
  transformIndexHtml: {
    order: "post",
    handler: (_, { bundle }) =>
      Object.keys(bundle ?? {})
        .filter((name) => /\breader\b.*\.10fd$/.test(name))
        .map((name) => ({ tag: "link", injectTo: "head-prepend", attrs: { rel: "preload", as: "fetch", crossorigin: "", href: `./${name}` } })),
  },
};

// Compressed once, at the highest level, rather than by the server for each request.
const compress: Plugin = {
  name: "compress",
  apply: "build",
  closeBundle: {
    order: "post",
    sequential: true,
    handler: () => {
      const folder = new URL(OUTPUT, import.meta.url).pathname;
      for (const name of readdirSync(folder, { recursive: true }) as string[]) {
        if (!/\.(html|js|css|svg|webmanifest|10fd)$/.test(name)) continue;
        const content = readFileSync(join(folder, name));
        writeFileSync(join(folder, `${name}.br`), brotliCompressSync(content));
        writeFileSync(join(folder, `${name}.gz`), gzipSync(content, { level: 9 }));
      }
    },
  },
};

export default defineConfig({
  // Relative URLs: any static host, in any folder.
  base: "./",
  build: { target: "es2022", modulePreload: false, assetsInlineLimit: 0, outDir: OUTPUT, emptyOutDir: true },
  worker: { format: "es", plugins: () => [assemblyScript] },
  server: { fs: { allow: [".."] } },
  define: {
    SHIPPED: JSON.stringify({
      digest: createHash("sha256").update(model).digest("hex"),
      sizeBytes: model.length,
      accuracy: sets.find(({ name }) => name === "MNIST test")!.right,
    }),
  },
  assetsInclude: ["**/*.10fd"],
  plugins: [
    assemblyScript,
    preload,
    VitePWA({
      // An open app never updates on its own: it asks first (app/offline.ts).
      registerType: "prompt",
      injectRegister: false,
      workbox: {
        globPatterns: ["**/*.{html,js,css,svg,png,10fd}"],
        navigateFallbackDenylist: [/^\/v1\//, /^\/models\//, /^\/(healthz|readyz|metrics|openapi)/, /\.crt$/],
        inlineWorkboxRuntime: true,
        cleanupOutdatedCaches: true,
        // What the Learn view fetches, for the next time without a network.
        runtimeCaching: [{ urlPattern: /\/learn\/.*\.bin$/, handler: "StaleWhileRevalidate", options: { cacheName: "learn" } }],
        clientsClaim: true,
      },
      manifest: {
        name: "Tenfold: reads handwritten digits",
        short_name: "Tenfold",
        description: "Draw or photograph digits and have them read instantly, on your own device.",
        id: "./",
        start_url: "./",
        scope: "./",
        display: "standalone",
        background_color: "#ffffff",
        theme_color: "#2563c9",
        categories: ["utilities", "education"],
        icons: [
          { src: "icon.svg", sizes: "any", type: "image/svg+xml" },
          { src: "icon-192.png", sizes: "192x192", type: "image/png" },
          { src: "icon-512.png", sizes: "512x512", type: "image/png" },
          { src: "icon-maskable-512.png", sizes: "512x512", type: "image/png", purpose: "maskable" },
        ],
      },
    }),
    compress,
  ],
});
