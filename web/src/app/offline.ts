// The service worker caches the app for offline use. A new version waits until the user accepts it.

import { toast } from "./toast.js";

export const keepOffline = async () => {
  if (!("serviceWorker" in navigator) || import.meta.env.DEV) return;
  try {
    const registration = await navigator.serviceWorker.register("sw.js");
    const offer = () => {
      const next = registration.waiting;
      // The first version replaces nothing.
      if (!next || !navigator.serviceWorker.controller) return;
      toast("A new version is available.", {
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
    // Private windows and plain http have no service workers: the app works, but not offline.
  }
};
