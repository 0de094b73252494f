// Wires the page: its buttons, files that come to it, its settings, and the server where there is one.

import { createApp, type View } from "./app.js";
import { $ } from "./elements.js";
import { createFeedback } from "./feedback.js";
import { recall, remember } from "./memory.js";
import { keepOffline } from "./offline.js";
import { servedModels, takeToken } from "./server.js";
import { toast } from "./toast.js";

// What the first digit does not need comes after it, or after a while.
const PATIENCE_MS = 4000;

type App = ReturnType<typeof createApp>;

export const beginPage = () => {
  takeToken();
  const app = createApp();
  for (const button of document.querySelectorAll<HTMLElement>("nav button")) button.onclick = () => app.turnTo(button.dataset["view"] as View);
  $("copy").onclick = () => void copy(app.text());
  takeFiles(app);
  beginSettings(app);
  void Promise.race([app.firstRead, new Promise((resolve) => setTimeout(resolve, PATIENCE_MS))]).then(() => {
    void keepOffline();
    void meetServer(app);
  });
};

const copy = async (text: string) => {
  try {
    await navigator.clipboard.writeText(text);
    toast(`Copied ${text.replaceAll("\n", ", ")}`);
  } catch {
    toast(`The clipboard can't be used here. The text: ${text.replaceAll("\n", ", ")}`);
  }
};

const takeFiles = (app: App) => {
  const take = (files: FileList | undefined) => {
    const file = files?.[0];
    if (file?.name.endsWith(".10fd")) void app.models.addFile(file);
    else if (file) app.openPhoto(file);
  };
  window.addEventListener("paste", (event) => take(event.clipboardData?.files));
  window.addEventListener("dragover", (event) => {
    event.preventDefault();
    document.body.classList.add("dropping");
  });
  window.addEventListener("dragleave", (event) => event.relatedTarget ?? document.body.classList.remove("dropping"));
  window.addEventListener("drop", (event) => {
    event.preventDefault();
    document.body.classList.remove("dropping");
    take(event.dataTransfer?.files);
  });
  const input = $<HTMLInputElement>("model-file");
  $("add-model").onclick = () => input.click();
  input.onchange = () => {
    take(input.files ?? undefined);
    // The same file may be chosen again.
    input.value = "";
  };
};

const beginSettings = (app: App) => {
  $("open-settings").onclick = () => {
    $<HTMLDialogElement>("settings").showModal();
    void app.models.time();
  };
  for (const sheet of document.querySelectorAll("dialog"))
    sheet.addEventListener("click", (event) => event.target === sheet && sheet.close());
  const hand = $<HTMLInputElement>("left-handed");
  const turn = () => document.querySelector("main")!.classList.toggle("left", hand.checked);
  hand.checked = recall("hand") === "left";
  hand.onchange = () => {
    remember("hand", hand.checked ? "left" : "right");
    turn();
  };
  turn();
};

const meetServer = async (app: App) => {
  // Where a server has answered once, corrections can be made without it too: they wait for it.
  let sync: ReturnType<typeof createFeedback> | null = null;
  const allow = () => {
    sync ??= createFeedback(app.chosen);
    app.allowCorrections();
    void sync();
  };
  if (recall("server")) allow();
  const served = await servedModels();
  if (!served) return;
  remember("server", "yes");
  allow();
  await app.models.addServed(served);
};
