// Photos of real handwriting, read as Python reads them. tests/system/test_web_photos.py decodes them, and hands over the folder
// that holds them; they stand beside the project where it is made, and nowhere else.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "vitest";
import { plane } from "../src/ink/plane.js";
import { createNumberReader } from "../src/numbers.js";
import { createReader } from "../src/reader.js";
import { shipped, shippedLines } from "./files.js";
import { expectAsInPython, type ExpectedNumber } from "./expected.js";

const folder = process.env["TENFOLD_PHOTOS"];

if (folder) {
  const photos: ({ file: string; width: number; height: number } & ExpectedNumber)[] = JSON.parse(readFileSync(join(folder, "photos.json"), "utf8"));
  const reader = createReader(shipped());
  const numbers = createNumberReader(shippedLines());
  test.each(photos)("$file", (photo) => {
    const gray = Float32Array.from(readFileSync(join(folder, photo.file)), (value) => value / 255);
    expectAsInPython(numbers.readNumber(reader, plane(photo.width, photo.height, gray)), photo);
  }, 60_000);
} else test.skip("photos: pytest tests/system/test_web_photos.py reads them where they are", () => {});
