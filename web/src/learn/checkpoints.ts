// How the recipe `tiny` learned: lab/replay.py describes the file.

import { readModelFile, type ModelFile } from "../model/file.js";
import { unpackOnce } from "./data.js";

export interface Checkpoint {
  // For images that `deskew` straightened.
  readonly model: ModelFile;
  readonly images: number;
  readonly epochs: number;
  readonly trainingLoss: number;
  // Of 2,000 validation images.
  readonly loss: number;
  readonly accuracy: number;
}

// content: that of replay.bin, unpacked. Throws a ModelFileError where it is damaged.
export const readCheckpoints = (content: ArrayBuffer): Checkpoint[] => {
  const checkpoints: Checkpoint[] = [];
  for (let at = 0; at < content.byteLength; ) {
    const start = at + 4;
    at = start + new DataView(content).getUint32(at, true);
    const model = readModelFile(content.slice(start, at));
    const [images, epochs, trainingLoss, loss, accuracy] = ["images", "epochs", "training_loss", "loss", "accuracy"].map((name) =>
      Number(model.settings[name]),
    );
    checkpoints.push({ model, images, epochs, trainingLoss, loss, accuracy });
  }
  return checkpoints;
};

export const fetchCheckpoints = unpackOnce("replay.bin", (content) => readCheckpoints(content.buffer));
