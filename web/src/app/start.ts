// Connects the app's buttons, dropped and pasted files, settings, and the server if there is one.

import { createApp, type View } from "./app.js";
import { $ } from "./elements.js";
import type { LearnView } from "../learn/view.js";
import { createFeedback } from "./feedback.js";
import { recall, remember } from "./memory.js";
import { keepOffline } from "./offline.js";
import { servedModels, takeToken } from "./server.js";
import { toast } from "./toast.js";

// What the first reading does not need starts after it, or after this time.
const IDLE_MS = 4000;

type App = ReturnType<typeof createApp>;

export const startApp = () => {
  takeToken();
  const app = createApp((view) => void turned(view));
  connectViews(app);
  $("copy").onclick = () => void copy(app.text());
  acceptFiles(app);
  connectSettings(app);
  void Promise.race([app.firstRead, new Promise((resolve) => setTimeout(resolve, IDLE_MS))]).then(() => {
    void keepOffline();
    void connectServer(app);
  });
};

// The Learn view has addresses, such as #learn/4.
const isLearn = () => location.hash.startsWith("#learn");

let learn: LearnView | null = null;

// Loads the Learn view when it is first opened, and leaves it for another view, also where a photo was pasted into it.
const turned = async (view: View) => {
  if (view !== "learn") {
    if (isLearn()) history.pushState(null, "", location.pathname + location.search);
    return learn?.hide();
  }
  try {
    learn ??= (await import("../learn/view.js")).createLearnView($("learn"));
    if (!$("learn").hidden) learn.show(location.hash);
  } catch {
    toast("The Learn view could not be loaded: check the network and try again.");
  }
};

const connectViews = (app: App) => {
  const follow = () => {
    if (isLearn() && !$("learn").hidden) void turned("learn");
    else if (isLearn()) app.turnTo("learn");
    else if (!$("learn").hidden) app.turnTo("draw");
  };
  for (const button of document.querySelectorAll<HTMLElement>("nav button"))
    button.onclick = () => {
      const view = button.dataset["view"] as View;
      if (view === "learn" && !isLearn()) history.pushState(null, "", "#learn");
      app.turnTo(view);
    };
  window.addEventListener("popstate", follow);
  follow();
};

const copy = async (text: string) => {
  try {
    await navigator.clipboard.writeText(text);
    toast(`Copied ${text.replaceAll("\n", ", ")}`);
  } catch {
    toast(`The clipboard is not available here. Text: ${text.replaceAll("\n", ", ")}`);
  }
};

const acceptFiles = (app: App) => {
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

const connectSettings = (app: App) => {
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

const connectServer = async (app: App) => {
  // Once a server has answered, feedback is also accepted offline: it is sent later.
  let sync: ReturnType<typeof createFeedback> | null = null;
  const allow = () => {
    sync ??= createFeedback(app.chosen);
    app.allowFeedback();
    void sync();
  };
  if (recall("server")) allow();
  const served = await servedModels();
  if (!served) return;
  remember("server", "yes");
  allow();
  await app.models.addServed(served);
};
