// The service worker keeps the page on the device. A new version waits until its user wants it.

import { toast } from "./toast.js";

export const keepOffline = async () => {
  if (!("serviceWorker" in navigator) || import.meta.env.DEV) return;
  try {
    const registration = await navigator.serviceWorker.register("sw.js");
    const offer = () => {
      const next = registration.waiting;
      // The first one has no page to replace.
      if (!next || !navigator.serviceWorker.controller) return;
      toast("A new version of this page is ready.", {
        label: "Reload",
        run: () => {
          navigator.serviceWorker.addEventListener("controllerchange", () => location.reload(), { once: true });
          next.postMessage({ type: "SKIP_WAITING" });
        },
      });
    };
    offer();
    registration.addEventListener("updatefound", () => registration.installing?.addEventListener("statechange", offer));
  } catch {
    // Private windows and plain http have none: the page works, but not offline.
  }
};
