// One script is both the app and its reading worker, so that the worker starts from the cache as soon as the app does.

import { workersFrom } from "./app/reading.js";
import { startApp } from "./app/start.js";
import { beginReading } from "./worker.js";

if (typeof document === "undefined") beginReading();
else {
  workersFrom(import.meta.url);
  startApp();
}
