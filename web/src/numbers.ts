// Reads whole numbers on the device: `read_number` and `read_stroke_number` of tenfold/reading/reader.py, with the same
// answers.

import { findWriting, quarterTurned, type WrittenLine } from "./document/document-page.js";
import { product, type Homography } from "./document/homography.js";
import { cutStrip } from "./document/strips.js";
import { BOX } from "./ink/fit.js";
import type { Plane } from "./ink/plane.js";
import { reduce, reduction } from "./ink/resize.js";
import { drawStrokeLine } from "./ink/stroke-line.js";
import { PEN_WIDTH, type Stroke } from "./ink/strokes.js";
import type { ModelFile } from "./model/file.js";
import type { Reader } from "./reader.js";
import { createLineReader } from "./reading/lines.js";
import { joinLines, UNSURE_BELOW } from "./reading/number.js";
import type { NumberReading } from "./reading/reading.js";

// Pixels a side that a page is read at, and that a line of pen strokes is drawn high.
const PAGE = 1600;
const STROKES_HEIGHT = 32;
// A page whose number has less confidence, or is a column of digits, is read turned, too, at this many pixels a side, if its
// lines have so many at most; and so it is taken where the reader is sure, and a digit among these says which way is up.
const TURNED_BELOW = 0.7;
const TURNED_PAGE = 800;
const TURNED_WIDTH = 3000;
const TELLING = /[347]/;

export interface NumberReader {
  // All numbers in a photo, scan or form. scale: of the picture that `gray` was reduced from; boxes are in its pixels.
  readNumber(reader: Reader, gray: Plane, scale?: number): NumberReading;
  // Several digits that a pen wrote on one line; boxes are in the pen's unit. Throws as `Reader.readStrokes` does.
  readStrokeNumber(reader: Reader, strokes: readonly Stroke[]): NumberReading;
}

// model: a line network's. Throws a ModelFileError for one that can't be run.
export const createNumberReader = (model: ModelFile): NumberReader => {
  const lines = createLineReader(model);
  return {
    readNumber: ({ classify, unsureBelow }, gray, scale = 1) => {
      const scaled = (side: number): { page: Plane; toPicture: Homography } => {
        const block = reduction(gray, side);
        const size = scale * block;
        return { page: reduce(gray, block), toPicture: [size, 0, 0, 0, size, 0, 0, 0, 1] };
      };
      const joined = (written: readonly WrittenLine[], map: Homography): NumberReading => {
        const read = written.map(({ strip, width, toPicture }) => ({
          line: lines.read(strip, width, classify),
          toPicture: product(map, toPicture),
        }));
        return joinLines(read, unsureBelow);
      };
      const whole = scaled(PAGE);
      const written = findWriting(whole.page);
      const number = joined(written, whole.toPicture);
      // The digits of a number that lies on its side are a column.
      const column = written.length > 1 && number.text.split("\n").every((line) => line.length === 1);
      const width = written.reduce((sum, line) => sum + line.width, 0);
      if (width === 0 || width > TURNED_WIDTH || (number.confidence >= TURNED_BELOW && !column)) return number;
      const small = scaled(TURNED_PAGE);
      let { confidence } = number;
      for (const turns of [2, 1, 3]) {
        const { gray: turned, back } = quarterTurned(small.page, turns);
        const other = joined(findWriting(turned), product(small.toPicture, back));
        if (!other.unsure && TELLING.test(other.text)) return other;
        // Both can't be right.
        if (column) confidence = Math.min(confidence, 1 - other.confidence);
      }
      return { ...number, confidence, unsure: confidence < UNSURE_BELOW };
    },
    readStrokeNumber: ({ classify, unsureBelow }, strokes) => {
      const pen = (PEN_WIDTH * STROKES_HEIGHT) / BOX;
      const drawn = drawStrokeLine(strokes, STROKES_HEIGHT, pen);
      if (!drawn) return joinLines([], unsureBelow);
      const { ink, scale, origin } = drawn;
      const strip = cutStrip({ box: [0, 0, ink.width, ink.height], ink, height: ink.height }, pen);
      const toPicture = product([1 / scale, 0, origin[0], 0, 1 / scale, origin[1], 0, 0, 1], strip.toPage);
      return joinLines([{ line: lines.read(strip.pixels, strip.width, classify), toPicture }], unsureBelow);
    },
  };
};
