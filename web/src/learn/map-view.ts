// The canvas of the map: points colored by class, rings around errors, and the images that are pointed at.

import type { DigitMap, Placed } from "./digit-map.js";
import { colorOf, showPixels } from "./pixels.js";

// An image that is shown at its place, with lines to its neighbors.
export interface Shown extends Placed {
  readonly pixels: Uint8Array;
  readonly own: boolean;
  // Whether it is the one that is looked at.
  readonly main: boolean;
}

export interface MapView {
  readonly show: (shown: readonly Shown[]) => void;
  // Moves there if the place lies outside the part that is shown.
  readonly reveal: (place: { readonly x: number; readonly y: number }) => void;
  readonly zoom: (factor: number) => void;
}

export interface MapEvents {
  // The point under the mouse, or null.
  readonly pointed: (index: number | null) => void;
  readonly chosen: (index: number) => void;
  readonly zoomed: (scale: number) => void;
}

const CLASSES = 10;
export const LARGEST_SCALE = 12;
// Of the canvas, so that points at the edge are not cut.
const MARGIN = 0.03;
// CSS pixels: what a finger hits, and what is a tap rather than a drag.
const REACH = 22;
const STILL = 8;

export const createMapView = (
  canvas: HTMLCanvasElement, map: DigitMap, labels: Uint8Array, errors: readonly number[], events: MapEvents, ended: AbortSignal,
): MapView => {
  const context = canvas.getContext("2d")!;
  const image = document.createElement("canvas");
  const wrong = new Set(errors);
  // The middle of what is shown, and how much it is enlarged.
  const view = { x: 0.5, y: 0.5, scale: 1 };
  let shown: readonly Shown[] = [];
  // In CSS pixels: asking the canvas ten thousand times takes long.
  let side = 1;
  let points: ImageData | null = null;
  // What `points` was drawn for.
  let [pointsOf, waiting] = ["", false];

  const members: number[][] = Array.from({ length: CLASSES }, () => []);
  labels.forEach((label, i) => members[label].push(i));
  const middle = (indices: readonly number[], values: Float32Array) => indices.map((i) => values[i]).sort((a, b) => a - b)[indices.length >> 1];
  const centers = members.map((indices) => ({ x: middle(indices, map.x), y: middle(indices, map.y) }));

  const color = (name: string) => getComputedStyle(canvas).getPropertyValue(name).trim();
  const spread = () => side * view.scale * (1 - 2 * MARGIN);
  const place = ({ x, y }: { x: number; y: number }) => [(x - view.x) * spread() + side / 2, (y - view.y) * spread() + side / 2] as const;
  const placeOf = (index: number) => place({ x: map.x[index], y: map.y[index] });

  // Pixel by pixel: ten thousand calls of `fillRect` take longer than a frame.
  const drawPoints = (dots: number) => {
    points = context.createImageData(canvas.width, canvas.height);
    const { width, height } = points;
    const data = new Uint32Array(points.data.buffer);
    const size = Math.max(2, Math.round(dotSize() * dots));
    const [scale, left, top] = [spread() * dots, ...place({ x: 0, y: 0 }).map((pixel) => pixel * dots - size / 2)];
    members.forEach((indices, label) => {
      const [red, green, blue] = colorOf(`--class-${label}`);
      // Little-endian, as every machine with a browser is.
      const dot = ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0;
      for (const i of indices) {
        const [u, v] = [Math.round(left + map.x[i] * scale), Math.round(top + map.y[i] * scale)];
        if (u < 0 || v < 0 || u + size > width || v + size > height) continue;
        for (let y = 0; y < size; y++) {
          // Without corners, as far as there are enough pixels for a disk.
          const cut = size > 3 && (y === 0 || y === size - 1) ? 1 : 0;
          const start = (v + y) * width + u;
          data.fill(dot, start + cut, start + size - cut);
        }
      }
    });
  };
  const dotSize = () => Math.min(6, Math.max(1.6, side / 240) * view.scale ** 0.6);

  const draw = () => {
    waiting = false;
    const dots = canvas.width / side;
    const key = [view.x, view.y, view.scale, canvas.width, color("--page")].join();
    if (key !== pointsOf) drawPoints(dots);
    pointsOf = key;
    context.putImageData(points!, 0, 0);
    context.setTransform(dots, 0, 0, dots, 0, 0);
    drawErrors();
    drawLabels();
    for (const { own, main, pixels, neighbors, ...at } of shown) {
      const [[u, v], accent] = [place(at), color(own ? "--contrast" : "--accent")];
      const ends = main ? neighbors.map(placeOf) : [];
      context.strokeStyle = accent;
      context.lineWidth = 1.2;
      context.beginPath();
      for (const end of ends) {
        context.moveTo(u, v);
        context.lineTo(...end);
      }
      context.stroke();
      for (const end of ends) ring(context, ...end, 3, accent);
      disc(context, u, v, 4.5, accent);
      drawImage(u, v, main ? Math.min(56, Math.max(42, side / 9)) : 28, pixels, accent);
    }
  };

  const drawErrors = () => {
    const radius = dotSize() / 2;
    context.lineWidth = 1.6;
    for (const index of errors) {
      const [u, v] = placeOf(index);
      disc(context, u, v, radius + 2, color("--page"));
      disc(context, u, v, radius + 0.75, color(`--class-${labels[index]}`));
      ring(context, u, v, radius + 2.5, color("--text"));
    }
  };

  const drawLabels = () => {
    context.font = `700 ${Math.round(Math.min(28, Math.max(18, side / 22)))}px system-ui, sans-serif`;
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.lineJoin = "round";
    context.lineWidth = 5;
    context.strokeStyle = color("--page");
    context.fillStyle = color("--text");
    centers.forEach((center, label) => {
      context.strokeText(String(label), ...place(center));
      context.fillText(String(label), ...place(center));
    });
  };
  const drawSoon = () => {
    if (!waiting && !ended.aborted) requestAnimationFrame(draw);
    waiting = true;
  };

  // Above the point, or below it where there is no space.
  const drawImage = (u: number, v: number, size: number, pixels: Uint8Array, accent: string) => {
    const left = Math.min(Math.max(u - size / 2, 2), side - size - 2);
    const top = v > size + 14 ? v - size - 12 : v + 12;
    if (u < 0 || v < 0 || u > side || v > side) return;
    context.fillStyle = color("--page");
    context.strokeStyle = accent;
    context.lineWidth = 2;
    context.beginPath();
    context.roundRect(left, top, size, size, 6);
    context.fill();
    context.stroke();
    showPixels(image, pixels);
    context.imageSmoothingEnabled = false;
    context.drawImage(image, left, top, size, size);
  };

  const nearest = (u: number, v: number): number | null => {
    let [best, least] = [null as number | null, REACH];
    const [scale, left, top] = [spread(), ...place({ x: 0, y: 0 })];
    for (let i = 0; i < labels.length; i++) {
      // An error is easier to hit than the points around it.
      const distance = Math.hypot(left + map.x[i] * scale - u, top + map.y[i] * scale - v) * (wrong.has(i) ? 0.4 : 1);
      if (distance < least) [best, least] = [i, distance];
    }
    return best;
  };

  const moveTo = (x: number, y: number) => {
    const half = 0.5 / view.scale;
    view.x = Math.min(Math.max(x, half), 1 - half);
    view.y = Math.min(Math.max(y, half), 1 - half);
    drawSoon();
  };
  // What is at (u, v) stays there.
  const zoomAt = (factor: number, u: number, v: number) => {
    const before = spread();
    const [x, y] = [view.x + (u - side / 2) / before, view.y + (v - side / 2) / before];
    view.scale = Math.min(LARGEST_SCALE, Math.max(1, view.scale * factor));
    moveTo(x - (u - side / 2) / spread(), y - (v - side / 2) / spread());
    // One finger scrolls the page until there is something to drag.
    canvas.style.touchAction = view.scale > 1 ? "none" : "pan-y";
    events.zoomed(view.scale);
  };

  const fingers = new Map<number, readonly [number, number]>();
  let travelled = 0;
  const at = (event: MouseEvent) => {
    const box = canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top] as const;
  };
  const listen = <K extends keyof HTMLElementEventMap>(name: K, heard: (event: HTMLElementEventMap[K]) => void) =>
    canvas.addEventListener(name, heard, { signal: ended, passive: false });
  listen("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    if (!fingers.size) travelled = 0;
    fingers.set(event.pointerId, at(event));
  });
  listen("pointermove", (event) => {
    const [before, now] = [fingers.get(event.pointerId), at(event)];
    if (!before) return events.pointed(nearest(...now));
    fingers.set(event.pointerId, now);
    const other = [...fingers].find(([id]) => id !== event.pointerId)?.[1];
    travelled += Math.hypot(now[0] - before[0], now[1] - before[1]);
    if (other) zoomAt(Math.hypot(now[0] - other[0], now[1] - other[1]) / Math.hypot(before[0] - other[0], before[1] - other[1]), ...other);
    else if (travelled > STILL) moveTo(view.x - (now[0] - before[0]) / spread(), view.y - (now[1] - before[1]) / spread());
  });
  listen("pointerup", (event) => {
    if (fingers.size > 1) travelled = Infinity;
    fingers.delete(event.pointerId);
    const index = travelled > STILL ? null : nearest(...at(event));
    if (index !== null) events.chosen(index);
  });
  listen("pointercancel", (event) => fingers.delete(event.pointerId));
  listen("pointerleave", () => events.pointed(null));
  listen("touchstart", (event) => event.touches.length > 1 && event.preventDefault());
  // With Control, as a pinch on a trackpad comes: the wheel alone scrolls the page.
  listen("wheel", (event) => {
    if (!event.ctrlKey) return;
    event.preventDefault();
    zoomAt(Math.exp(-0.01 * event.deltaY), ...at(event));
  });

  const sized = new ResizeObserver(() => {
    side = canvas.clientWidth || 1;
    canvas.width = canvas.height = Math.round(side * devicePixelRatio);
    drawSoon();
  });
  sized.observe(canvas);
  ended.addEventListener("abort", () => sized.disconnect());
  canvas.style.touchAction = "pan-y";

  return {
    zoom: (factor) => {
      // What is looked at stays where it is.
      const main = shown.find((one) => one.main);
      const [u, v] = main ? place(main) : [side / 2, side / 2];
      zoomAt(factor, u, v);
    },
    show: (next) => {
      shown = next;
      drawSoon();
    },
    reveal: (point) => {
      if (place(point).some((pixel) => pixel < 0 || pixel > side)) moveTo(point.x, point.y);
    },
  };
};

const disc = (context: CanvasRenderingContext2D, x: number, y: number, radius: number, color: string) => {
  context.fillStyle = color;
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.fill();
};

const ring = (context: CanvasRenderingContext2D, x: number, y: number, radius: number, color: string) => {
  context.strokeStyle = color;
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.stroke();
};
