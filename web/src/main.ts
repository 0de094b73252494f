// One file is the page and the worker that reads for it: the worker is there as soon as the page is, from the cache.

import { beginPage } from "./page/begin.js";
import { workersFrom } from "./page/reading.js";
import { beginReading } from "./worker.js";

if (typeof document === "undefined") beginReading();
else {
  workersFrom(import.meta.url);
  beginPage();
}
