// A part of the Learn view: its element, and what ends its listening when the view turns to another step.

import { make } from "../app/elements.js";

export interface Panel {
  readonly element: HTMLElement;
  readonly hide: () => void;
}

type Create = (container: HTMLElement) => { hide(): void };

// A part that is loaded when it comes into sight.
export const later = (title: string, text: string, load: () => Promise<Create>): Panel => {
  const body = make("div");
  const element = make("section", { className: "later" }, make("h3", {}, title), make("p", {}, text), body);
  let made: { hide(): void } | null = null;
  let hidden = false;
  const show = async () => {
    try {
      const create = await load();
      if (!hidden) made = create(body);
    } catch {
      body.replaceChildren(make("p", { className: "status failed" }, "This part could not be loaded: check the network and reload the page."));
    }
  };
  const observer = new IntersectionObserver(([{ isIntersecting }]) => {
    if (!isIntersecting) return;
    observer.disconnect();
    void show();
  });
  observer.observe(element);
  const hide = () => {
    hidden = true;
    observer.disconnect();
    made?.hide();
  };
  return { element, hide };
};
