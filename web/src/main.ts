// Draw or photograph digits; they are read as they come.

import { drawBoxes } from "./page/boxes.js";
import { $ } from "./page/elements.js";
import { createFeedback } from "./page/feedback.js";
import { createModels } from "./page/models.js";
import { keepOffline } from "./page/offline.js";
import { createPad } from "./page/pad.js";
import { createPanel } from "./page/panel.js";
import { createPhoto, type Picture } from "./page/photo.js";
import { newest } from "./page/reading.js";
import { servedModels, takeToken } from "./page/server.js";
import { toast } from "./page/toast.js";
import type { Read } from "./protocol.js";
import type { Box, Stroke } from "./reader.js";

type View = "draw" | "photo";

takeToken();
let view: View = "draw";
let picture: Picture | null = null;
let drawn: readonly Stroke[] = [];
let lastRead: Read | null = null;
let sync: ReturnType<typeof createFeedback> | null = null;

const panel = createPanel((index) => showBoxes(index));
const models = createModels(() => again());
const pad = createPad($<HTMLCanvasElement>("ink"), (lifted) => {
  $<HTMLButtonElement>("clear").disabled = !pad.strokes().length;
  $<HTMLButtonElement>("undo").disabled = !pad.canUndo();
  readInk(lifted);
});
const photo = createPhoto(
  (taken) => {
    picture = taken;
    readPicture();
  },
  () => {
    picture = null;
    show(null, true);
  },
);

const show = (read: Read | null, settled: boolean) => {
  lastRead = read;
  delete document.body.dataset["read"];
  panel.show(read, models.inUse(), settled);
  $("time").textContent = read ? `${read.elapsedMs < 10 ? read.elapsedMs.toFixed(1) : Math.round(read.elapsedMs)} ms` : "";
  $("wrong").hidden = !sync || !panel.chosen() || !settled;
  if (view === "photo") showBoxes((read?.numbers[0].digits.length ?? 0) - 1);
};
const showBoxes = (chosen: number) => {
  if (view !== "photo") return;
  drawBoxes(lastRead?.numbers[0] ?? null, picture?.width ?? 1, picture?.height ?? 1, chosen, panel.choose);
  $("copy").hidden = !picture || picture.live || !lastRead?.numbers[0].digits.length;
};

const ask = newest<{ view: View; settled: boolean; strokes: readonly Stroke[] }>(
  (read, about) => {
    // The pad was cleared, or the other view chosen, in the meantime.
    if (about.view !== view || (view === "draw" ? !pad.strokes().length : !picture)) return;
    drawn = about.strokes;
    show(read, about.settled);
    // Set while the answer is that to all of the ink.
    if (about.settled && (view === "photo" || about.strokes === pad.strokes())) document.body.dataset["read"] = read.numbers[0].text;
    if (about.view === "photo" && about.settled && !read.numbers[0].digits.length) toast("No digits were found: come closer, with more light.");
  },
  (error) => toast(error.message),
);
const inUse = () => models.inUse().map(({ id }) => id);

const readInk = (settled: boolean) => {
  const strokes = pad.strokes();
  if (!strokes.length) show(null, true);
  else if (inUse().length) ask({ kind: "strokes", models: inUse(), strokes }, { view: "draw", settled, strokes });
};
const readPicture = () => {
  if (!picture || !inUse().length) return;
  const { width, height, rgba, live } = picture;
  ask({ kind: "picture", models: inUse(), width, height, rgba }, { view: "photo", settled: !live, strokes: [] });
};
const again = () => (view === "draw" ? readInk(true) : readPicture());

const turnTo = (wanted: View) => {
  if (wanted === view) return;
  if (view === "photo") photo.close();
  view = wanted;
  for (const element of document.querySelectorAll<HTMLElement>("main [data-view]")) element.hidden = element.dataset["view"] !== view;
  for (const button of document.querySelectorAll("nav button"))
    if ((button as HTMLElement).dataset["view"] === view) button.setAttribute("aria-current", "page");
    else button.removeAttribute("aria-current");
  $("hint").textContent = view === "draw" ? "Write one digit, or several side by side." : "A photo of one number, or a page of them.";
  show(null, true);
  again();
};
for (const button of document.querySelectorAll<HTMLElement>("nav button")) button.onclick = () => turnTo(button.dataset["view"] as View);
$("undo").onclick = pad.undo;
$("clear").onclick = pad.clear;
$("copy").onclick = async () => {
  const text = lastRead?.numbers[0].text ?? "";
  try {
    await navigator.clipboard.writeText(text);
    toast(`Copied ${text.replaceAll("\n", ", ")}`);
  } catch {
    toast(`The clipboard can't be used here. The text: ${text.replaceAll("\n", ", ")}`);
  }
};

const openFile = (file: File | undefined) => {
  if (!file) return;
  if (file.name.endsWith(".10fd")) void models.addFile(file);
  else {
    turnTo("photo");
    void photo.open(file);
  }
};
window.addEventListener("paste", (event) => openFile([...(event.clipboardData?.files ?? [])][0]));
window.addEventListener("dragover", (event) => {
  event.preventDefault();
  document.body.classList.add("dropping");
});
window.addEventListener("dragleave", (event) => event.relatedTarget ?? document.body.classList.remove("dropping"));
window.addEventListener("drop", (event) => {
  event.preventDefault();
  document.body.classList.remove("dropping");
  openFile(event.dataTransfer?.files[0]);
});
$("open-settings").onclick = () => $<HTMLDialogElement>("settings").showModal();
$("add-model").onclick = () => $("model-file").click();
$<HTMLInputElement>("model-file").onchange = (event) => {
  openFile((event.target as HTMLInputElement).files?.[0]);
  (event.target as HTMLInputElement).value = "";
};
for (const sheet of document.querySelectorAll("dialog"))
  sheet.addEventListener("click", (event) => event.target === sheet && sheet.close());

const hand = $<HTMLInputElement>("left-handed");
const remembered = (key: string, value?: string): string | null => {
  try {
    if (value !== undefined) localStorage.setItem(key, value);
    return localStorage.getItem(key);
  } catch {
    return null;
  }
};
const turnHand = () => document.querySelector("main")!.classList.toggle("left", hand.checked);
hand.checked = remembered("tenfold-hand") === "left";
hand.onchange = () => {
  remembered("tenfold-hand", hand.checked ? "left" : "right");
  turnHand();
};
turnHand();

const strokesOf = ([left, top, right, bottom]: Box): Stroke[] =>
  drawn.filter((stroke) => stroke.every(([x, y]) => x >= left && x <= right && y >= top && y <= bottom));
// Where a server has answered once, corrections can be made without it too: they wait for it.
const allowFeedback = () => {
  sync ??= createFeedback(() => {
    const reading = panel.chosen();
    const strokes = view === "draw" && reading?.box ? strokesOf(reading.box) : null;
    return reading && { reading, strokes, source: view, model: inUse()[0] };
  });
  void sync();
};

// All that the first digit does not need comes after the page is there.
window.addEventListener("load", async () => {
  void keepOffline();
  if (remembered("tenfold-server")) allowFeedback();
  const served = await servedModels();
  if (!served) return;
  remembered("tenfold-server", "yes");
  allowFeedback();
  await models.addServed(served);
});
