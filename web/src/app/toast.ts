// A message at the bottom for a few seconds, with at most one action.

import { $, make } from "./elements.js";

let timer = 0;

export const toast = (words: string, action?: { label: string; run: () => void }) => {
  const line = $("toast");
  const button = action && make("button", { type: "button", onclick: () => (hide(), action.run()) }, action.label);
  line.replaceChildren(words, ...(button ? [button] : []));
  line.hidden = false;
  clearTimeout(timer);
  // A message with an action stays.
  if (!action) timer = window.setTimeout(hide, 2500 + 45 * words.length);
};

const hide = () => {
  $("toast").hidden = true;
};
