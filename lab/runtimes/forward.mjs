// The web app's forward pass in Node, as lab/runtimes/runtime_measurement.py does for the others:
//
//     node forward.mjs convert SOURCES FOLDER        the web app's TypeScript as JavaScript
//     node forward.mjs answers|load|clock SPEC       SPEC: JSON; prints one JSON document

import { closeSync, fstatSync, mkdirSync, openSync, readdirSync, readFileSync, readSync, writeFileSync } from "node:fs";
import * as node from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const SIDE = 28 * 28;

const convert = (sources, folder) => {
  if (!node.stripTypeScriptTypes) throw new Error(`Node ${process.version} can't read TypeScript: 22.13 or newer can`);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, "package.json"), '{"type": "module"}\n');
  for (const name of readdirSync(sources)) {
    const source = readFileSync(join(sources, name), "utf8");
    writeFileSync(join(folder, name.replace(/ts$/, "js")), node.stripTypeScriptTypes(source));
  }
  return { node: process.version.slice(1) };
};

const open = async ({ page, file }) => {
  const started = performance.now();
  const [{ readModelFile }, { prepare }] = await Promise.all(
    ["file.js", "forward.js"].map((name) => import(pathToFileURL(join(page, name)))),
  );
  const imported = performance.now();
  const content = readFileSync(file);
  const run = prepare(readModelFile(content.buffer.slice(content.byteOffset, content.byteOffset + content.length)));
  return { run, started, imported, opened: performance.now() };
};

// The first images of a .npy file: uint8[N,28,28] in C order, as NumPy's format 1.0 has it.
const imagesOf = (path, most = Infinity) => {
  const descriptor = openSync(path);
  const head = Buffer.alloc(10);
  readSync(descriptor, head, 0, 10, 0);
  const from = 10 + head.readUInt16LE(8);
  const count = Math.min(most, (fstatSync(descriptor).size - from) / SIDE);
  const content = new Uint8Array(count * SIDE);
  readSync(descriptor, content, 0, content.length, from);
  closeSync(descriptor);
  return Array.from({ length: count }, (_, i) => content.subarray(i * SIDE, (i + 1) * SIDE));
};

const answers = async (spec) => {
  const { run } = await open(spec);
  const rows = imagesOf(spec.images).flatMap((image) => Array.from(run(image)));
  writeFileSync(spec.rows, new Uint8Array(Float32Array.from(rows).buffer));
  return { status: "answered" };
};

const load = async (spec) => {
  const images = imagesOf(spec.images, 50);
  const bare = peakBytes();
  const { run, started, imported, opened } = await open(spec);
  run(images[0]);
  const answered = performance.now();
  for (const image of images.slice(1)) run(image);
  return {
    status: "measured",
    import_s: (imported - started) / 1e3,
    open_s: (opened - imported) / 1e3,
    first_s: (answered - opened) / 1e3,
    load_s: (answered - started) / 1e3,
    peak_bytes: peakBytes(),
    bare_bytes: bare,
  };
};

const clock = async (spec) => {
  const images = imagesOf(spec.images);
  const { run } = await open(spec);
  calls(run, images, 1e3 * spec.warm_seconds, spec.warm_calls);
  const taken = calls(run, images, 500 * spec.seconds, spec.fewest_calls);
  const sorted = taken.toSorted((a, b) => a - b);
  // As NumPy's: between the two nearest.
  const percentile = (share) => {
    const place = share * (sorted.length - 1);
    const below = Math.floor(place);
    const above = Math.min(below + 1, sorted.length - 1);
    return sorted[below] + (place - below) * (sorted[above] - sorted[below]);
  };
  const more = calls(run, images, 500 * spec.seconds, spec.fewest_calls);
  return {
    status: "measured",
    latency_ms: percentile(0.5),
    latency_p99_ms: percentile(0.99),
    calls: taken.length,
    // It takes one image at a time.
    images_per_s: { 1: (1e3 * more.length) / more.reduce((sum, ms) => sum + ms, 0) },
    peak_bytes: peakBytes(),
  };
};

const calls = (run, images, milliseconds, fewest) => {
  const taken = [];
  const end = performance.now() + milliseconds;
  for (let i = 0; taken.length < fewest || performance.now() < end; i = (i + 1) % images.length) {
    const started = performance.now();
    run(images[i]);
    taken.push(performance.now() - started);
  }
  return taken;
};

const peakBytes = () => {
  try {
    return 1024 * Number(/VmHWM:\s+(\d+)/.exec(readFileSync("/proc/self/status", "utf8"))[1]);
  } catch {
    return 1024 * process.resourceUsage().maxRSS;
  }
};

const [what, ...words] = process.argv.slice(2);
const answer = what === "convert" ? convert(...words) : await { answers, load, clock }[what](JSON.parse(words[0]));
process.stdout.write(JSON.stringify(answer));
