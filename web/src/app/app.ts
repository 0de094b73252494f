// The state of the app: the current view, its ink or image, and how it was read.

import type { Read } from "../protocol.js";
import type { Box, Stroke } from "../reader.js";
import { drawBoxes } from "./boxes.js";
import { $ } from "./elements.js";
import type { Misreading } from "./feedback.js";
import { createModels } from "./models.js";
import { createPad } from "./pad.js";
import { createPanel } from "./panel.js";
import { createPhoto, type Picture } from "./photo.js";
import { newest } from "./reading.js";
import { toast } from "./toast.js";

export type View = "draw" | "photo" | "learn";

const HINTS = { draw: "Write one digit, or a number such as 12.50.", photo: "A photo of one number, or of several lines.", learn: "" };

// turned: called when another view is shown.
export const createApp = (turned: (view: View) => void) => {
  let view: View = "draw";
  let picture: Picture | null = null;
  let read: Read | null = null;
  // The ink that `read` is the answer to.
  let drawn: readonly Stroke[] = [];
  let canSendFeedback = false;
  let haveRead: () => void;
  const firstRead = new Promise<void>((resolve) => (haveRead = resolve));

  const panel = createPanel((index) => showBoxes(index));
  const models = createModels(() => again());
  const inUse = () => models.inUse().map(({ id }) => id);
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

  const show = (found: Read | null, final: boolean) => {
    read = found;
    delete document.body.dataset["read"];
    panel.show(read, models.inUse(), final);
    showTime(final);
    $("wrong").hidden = !canSendFeedback || !panel.chosen() || !final;
    showBoxes((read?.numbers[0].digits.length ?? 0) - 1);
  };
  // When the pen is lifted the same ink is read again, from a cache: that time would be misleading.
  const showTime = (final: boolean) => {
    const again = final && view === "draw" && $("time").textContent;
    if (!read) $("time").textContent = "";
    else if (!again) $("time").textContent = `${read.elapsedMs < 10 ? read.elapsedMs.toFixed(1) : Math.round(read.elapsedMs)} ms`;
  };
  const showBoxes = (chosen: number) => {
    if (view !== "photo") return;
    drawBoxes(read?.numbers[0] ?? null, picture?.width ?? 1, picture?.height ?? 1, chosen, panel.choose);
    $("copy").hidden = !picture || picture.live || !read?.numbers[0].digits.length;
  };

  const ask = newest<{ view: View; final: boolean; strokes: readonly Stroke[] }>(
    (found, about) => {
      // The pad was cleared, or the other view chosen, in the meantime.
      if (about.view !== view || (view === "draw" ? !pad.strokes().length : !picture)) return;
      // The start of a digit may be none: the digits before it stay.
      if (view === "draw" && !about.final && !found.numbers[0].digits.length) return;
      drawn = about.strokes;
      show(found, about.final);
      if (!about.final) return;
      haveRead();
      const { text, digits } = found.numbers[0];
      // Set while the answer is that to all of the ink.
      if (view === "photo" || about.strokes === pad.strokes()) document.body.dataset["read"] = text;
      if (view === "photo" && !digits.length) toast("No digits found: move closer, or add light.");
    },
    (error) => toast(error.message),
  );
  const readInk = (final: boolean) => {
    const strokes = pad.strokes();
    if (!strokes.length) show(null, true);
    else if (inUse().length) ask({ kind: "strokes", models: inUse(), strokes, lifted: final }, { view: "draw", final, strokes });
  };
  const readPicture = () => {
    if (!picture || !inUse().length) return;
    const { width, height, rgba, live } = picture;
    ask({ kind: "picture", models: inUse(), width, height, rgba }, { view: "photo", final: !live, strokes: [] });
  };
  const again = () => {
    if (view === "draw") readInk(true);
    else if (view === "photo") readPicture();
  };

  const turnTo = (wanted: View) => {
    if (wanted === view) return;
    if (view === "photo") photo.close();
    view = wanted;
    document.querySelector("main")!.hidden = view === "learn";
    $("learn").hidden = view !== "learn";
    for (const element of document.querySelectorAll<HTMLElement>("main [data-view]")) element.hidden = element.dataset["view"] !== view;
    for (const button of document.querySelectorAll<HTMLElement>("nav button"))
      if (button.dataset["view"] === view) button.setAttribute("aria-current", "page");
      else button.removeAttribute("aria-current");
    $("hint").textContent = HINTS[view];
    show(null, true);
    again();
    turned(view);
  };

  // Those that lie in a box, for the most part: it is drawn around the ink, and digits may touch.
  const strokesOf = ([left, top, right, bottom]: Box): Stroke[] =>
    drawn.filter((stroke) => 2 * stroke.filter(([x, y]) => x >= left && x <= right && y >= top && y <= bottom).length > stroke.length);

  $("undo").onclick = pad.undo;
  $("clear").onclick = pad.clear;
  return {
    firstRead,
    models,
    turnTo,
    text: () => read?.numbers[0].written ?? "",
    openPhoto: (file: File) => {
      turnTo("photo");
      void photo.open(file);
    },
    // The selected digit, for feedback.
    chosen: (): Misreading | null => {
      const reading = panel.chosen();
      const strokes = view === "draw" && reading?.box ? strokesOf(reading.box) : null;
      return reading && { reading, strokes, source: view as "draw" | "photo", model: inUse()[0] };
    },
    allowFeedback: () => {
      canSendFeedback = true;
      $("wrong").hidden = !panel.chosen();
    },
  };
};
