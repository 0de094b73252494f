// The Learn view: nine steps, one at a time, by the address: #learn/4.

import { make } from "../app/elements.js";
import { GLOSSARY, type Term } from "./glossary.js";
import "./learn.css";
import type { Panel } from "./panel.js";
import { STEPS, panelOf, type Step } from "./steps.js";
import { FEW_IMAGES, OVERFITTING, createTraining } from "./current-training.js";

export interface LearnView {
  // The step of an address; the last one shown where that has none.
  readonly show: (hash: string) => void;
  // Pauses training.
  readonly hide: () => void;
}

const addressOf = (step: number): string => `${location.pathname}${location.search}#learn/${step}`;

export const createLearnView = (container: HTMLElement): LearnView => {
  const [training, overfitting] = [createTraining(), createTraining(OVERFITTING, FEW_IMAGES)];
  let panel: Panel | null = null;
  let number = 1;
  const links = STEPS.map(({ title }, i) => make("a", { href: addressOf(i + 1) }, make("span", {}, String(i + 1)), make("span", {}, title)));
  const list = make("nav", { className: "steps" }, make("ol", {}, ...links.map((link) => make("li", {}, link))));
  list.setAttribute("aria-label", "Steps");
  const body = make("div", { className: "step" });
  container.append(list, body);

  const show = (hash: string) => {
    const wanted = Number(/^#learn\/([1-9])$/.exec(hash)?.[1] ?? number);
    history.replaceState(null, "", addressOf(wanted));
    if (!panel || wanted !== number) open(wanted);
  };
  const open = (wanted: number) => {
    const turned = panel !== null && wanted !== number;
    panel?.hide();
    number = wanted;
    const step = STEPS[number - 1];
    panel = panelOf(step, training, overfitting);
    links.forEach((link, i) => (i + 1 === number ? link.setAttribute("aria-current", "step") : link.removeAttribute("aria-current")));
    body.replaceChildren(...contentOf(step, number, panel));
    if (!turned) return;
    window.scrollTo(0, 0);
    // Where a keyboard or a screen reader continues.
    body.querySelector("h2")!.focus({ preventScroll: true });
  };
  // Canvases keep the colors that they were drawn in.
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => panel && open(number));
  const hide = () => {
    training.pause();
    overfitting.pause();
    panel?.hide();
    panel = null;
  };
  return { show, hide };
};

const contentOf = (step: Step, number: number, panel: Panel): HTMLElement[] => {
  const heading = make("h2", { tabIndex: -1 }, `${number}. ${step.title}`);
  const [previous, next] = [-1, 1].map((by) => {
    const other = STEPS[number - 1 + by];
    return other ? make("a", { href: addressOf(number + by), className: "button" }, by < 0 ? `← ${other.title}` : `${other.title} →`) : make("span");
  });
  const code = make("details", {}, make("summary", {}, "In Python"), make("pre", {}, make("code", {}, step.python.trimEnd())));
  return [
    heading,
    make("p", {}, ...wordsOf(step.text)),
    make("p", { className: "do" }, make("b", {}, "Do"), " ", ...wordsOf(step.todo)),
    make("p", { className: "see" }, make("b", {}, "See"), " ", ...wordsOf(step.tosee)),
    panel.element,
    code,
    make("p", { className: "turn" }, previous, next),
  ];
};

// Text in which [term] and [text|term] are buttons that explain the term.
const wordsOf = (text: string): (Node | string)[] =>
  text.split(/(\[[^\]]+\][.,:;]?)/).map((part) => {
    const [, words, end] = /^\[(.+)\](.?)$/.exec(part) ?? [];
    if (!words) return part;
    const [shown, term = shown] = words.split("|");
    return termOf(shown, term as Term, end);
  });

// No line starts with the comma that ends a term.
const termOf = (text: string, term: Term, end: string): HTMLElement => {
  const note = make("span", { className: "note", popover: "auto" }, make("b", {}, term), ` ${GLOSSARY[term]}`);
  const button = make("button", { type: "button", className: "term" }, text);
  button.popoverTargetElement = note;
  return make("span", { className: "unbroken" }, button, note, end);
};
