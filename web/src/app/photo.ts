// Images of digits: from a file, the clipboard, drag and drop, or the camera.

import { $ } from "./elements.js";
import { toast } from "./toast.js";

export interface Picture {
  readonly width: number;
  readonly height: number;
  readonly rgba: Uint8ClampedArray;
  // True for frames of the live camera.
  readonly live: boolean;
}

export interface Photo {
  readonly open: (file: File) => Promise<void>;
  // Returns to the start and turns the camera off.
  readonly close: () => void;
}

// As in tenfold/ink/image.py.
const MOST_PIXELS = 64e6;
// Larger images are scaled down: at a quarter of this size, digits of a full page are as large as MNIST's.
const LONGEST = 4096;
const PAUSE_MS = 120;

// `taken` is called with each image, `closed` when there is none any more.
export const createPhoto = (taken: (picture: Picture) => void, closed: () => void): Photo => {
  const video = $<HTMLVideoElement>("live");
  const image = $<HTMLImageElement>("picture");
  let stream: MediaStream | null = null;
  let timer = 0;
  // Counts requests: results of superseded ones are discarded.
  let turn = 0;

  const show = (what: "choose" | "live" | "picture") => {
    $("choose").hidden = what !== "choose";
    $("frame").hidden = what === "choose";
    video.hidden = what !== "live";
    image.hidden = what !== "picture";
    $("shutter").hidden = what !== "live";
    $("another").hidden = what === "choose";
    $("copy").hidden = true;
  };
  const stop = () => {
    turn++;
    clearTimeout(timer);
    stream?.getTracks().forEach((track) => track.stop());
    stream = video.srcObject = null;
  };
  const close = () => {
    stop();
    forgetPicture();
    show("choose");
    closed();
  };
  const forgetPicture = () => {
    if (image.src) URL.revokeObjectURL(image.src);
    image.removeAttribute("src");
  };

  const open = async (file: File) => {
    stop();
    const mine = turn;
    let bitmap: ImageBitmap;
    try {
      bitmap = await createImageBitmap(file, { imageOrientation: "from-image" });
    } catch {
      toast(`This browser can't open ${file.name || "that file"} as an image: try PNG or JPEG.`);
      return;
    }
    if (mine !== turn) {
      bitmap.close();
      return;
    }
    if (bitmap.width * bitmap.height > MOST_PIXELS) {
      bitmap.close();
      toast("The image has more than 64 megapixels: make it smaller.");
      return;
    }
    forgetPicture();
    image.src = URL.createObjectURL(file);
    show("picture");
    taken({ ...pixelsOf(bitmap, bitmap.width, bitmap.height), live: false });
    bitmap.close();
  };

  const film = async () => {
    if (!navigator.mediaDevices?.getUserMedia) {
      $<HTMLInputElement>("capture").click();
      return;
    }
    stop();
    const mine = turn;
    let found: MediaStream;
    try {
      found = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment", width: { ideal: 1280 } } });
    } catch (error) {
      toast(refusals[(error as Error).name] ?? `The camera can't be opened: ${(error as Error).message}`);
      return;
    }
    if (mine !== turn) {
      found.getTracks().forEach((track) => track.stop());
      return;
    }
    stream = found;
    stream.getVideoTracks()[0].addEventListener("ended", close);
    video.srcObject = stream;
    show("live");
    await video.play().catch(() => undefined);
    look();
  };
  const look = () => {
    if (!stream) return;
    if (video.videoWidth) taken({ ...pixelsOf(video, video.videoWidth, video.videoHeight), live: true });
    timer = window.setTimeout(look, PAUSE_MS);
  };
  const shoot = () => {
    const canvas = Object.assign(document.createElement("canvas"), { width: video.videoWidth, height: video.videoHeight });
    if (!canvas.width) return;
    canvas.getContext("2d")!.drawImage(video, 0, 0);
    canvas.toBlob((blob) => blob && void open(new File([blob], "photo.png", { type: blob.type })));
  };

  $("camera").onclick = () => void film();
  $("shutter").onclick = shoot;
  $("another").onclick = close;
  $("pick").onclick = () => $("file").click();
  for (const id of ["file", "capture"])
    $<HTMLInputElement>(id).onchange = (event) => {
      const input = event.target as HTMLInputElement;
      if (input.files?.[0]) void open(input.files[0]);
      // The same file may be chosen again.
      input.value = "";
    };
  document.addEventListener("visibilitychange", () => document.hidden && stream && close());
  show("choose");
  return { open, close };
};

const refusals: Record<string, string> = {
  NotAllowedError: "Camera access was denied: allow it in the browser's settings, or choose an image.",
  NotFoundError: "No camera found: choose an image.",
  NotReadableError: "The camera is in use by another program: close it there, or choose an image.",
};

const pixelsOf = (source: CanvasImageSource, width: number, height: number) => {
  const scale = Math.min(1, LONGEST / Math.max(width, height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(width * scale));
  canvas.height = Math.max(1, Math.round(height * scale));
  const context = canvas.getContext("2d", { willReadFrequently: true })!;
  context.imageSmoothingQuality = "high";
  context.drawImage(source, 0, 0, canvas.width, canvas.height);
  const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
  return { width: canvas.width, height: canvas.height, rgba: data };
};
