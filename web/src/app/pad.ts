// The drawing pad: strokes from a pointer or the keyboard, stored as vectors and rendered at any size.

import type { Stroke } from "../ink/strokes.js";
import { BLANK, cleared, undone, withStroke, type History } from "./history.js";

// The pen's pressure, 0 to 1, is a third number, which readers ignore.
type Place = readonly [x: number, y: number, pressure: number];

export interface Pad {
  readonly strokes: () => readonly Stroke[];
  readonly canUndo: () => boolean;
  readonly undo: () => void;
  readonly clear: () => void;
}

interface View {
  scale: number;
  left: number;
  top: number;
}

const STEP = 10;
const NIBS = { thin: 0.6, thick: 0.8 };

// `inked` is called on every change; `lifted`: whether the pen is up.
export const createPad = (canvas: HTMLCanvasElement, inked: (lifted: boolean) => void): Pad => {
  const context = canvas.getContext("2d", { desynchronized: true })!;
  let history: History = BLANK;
  let stroke: Place[] = [];
  let pointer: number | null = null;
  // Strokes are in pixels of the pad's size when they were drawn, and scaled to the current size.
  let paper = { width: 0, height: 0 };
  let pen: { x: number; y: number; down: boolean } | null = null;
  let waiting = false;

  const strokes = (): readonly Stroke[] => (stroke.length ? [...history.now, stroke as unknown as Stroke] : history.now);

  const view = (): View => {
    const scale = Math.min(canvas.clientWidth / paper.width, canvas.clientHeight / paper.height) || 1;
    const left = (canvas.clientWidth - paper.width * scale) / 2;
    return { scale, left, top: (canvas.clientHeight - paper.height * scale) / 2 };
  };

  const render = () => {
    waiting = false;
    const { scale, left, top } = view();
    const style = getComputedStyle(canvas);
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, canvas.width, canvas.height);
    const dots = canvas.width / Math.max(1, canvas.clientWidth);
    context.setTransform(scale * dots, 0, 0, scale * dots, left * dots, top * dots);
    context.strokeStyle = context.fillStyle = style.getPropertyValue("--ink");
    context.lineCap = context.lineJoin = "round";
    const nib = Math.min(16, Math.max(7, 0.03 * Math.min(paper.width, paper.height)));
    for (const line of strokes()) drawLine(context, line as unknown as Place[], nib);
    if (pen) drawPen(context, pen, style.getPropertyValue("--accent"));
  };
  const renderSoon = () => {
    if (!waiting) requestAnimationFrame(render);
    waiting = true;
  };

  const report = (lifted: boolean) => {
    renderSoon();
    inked(lifted);
  };
  const finish = () => {
    if (stroke.length) history = withStroke(history, stroke as unknown as Stroke);
    stroke = [];
    pointer = null;
    report(true);
  };
  const begin = () => {
    if (!strokes().length) paper = { width: canvas.clientWidth, height: canvas.clientHeight };
  };
  const place = (event: PointerEvent): Place => {
    const box = canvas.getBoundingClientRect();
    const { scale, left, top } = view();
    const pressure = event.pointerType === "pen" ? event.pressure : 0.5;
    return [(event.clientX - box.left - left) / scale, (event.clientY - box.top - top) / scale, pressure];
  };

  canvas.addEventListener("pointerdown", (event) => {
    if (pointer !== null || event.button !== 0 || pen?.down) return;
    begin();
    pen = null;
    pointer = event.pointerId;
    canvas.setPointerCapture(pointer);
    stroke = [place(event)];
    report(false);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (event.pointerId !== pointer) return;
    const all = event.getCoalescedEvents?.() ?? [];
    for (const one of all.length ? all : [event]) stroke.push(place(one));
    report(false);
  });
  const lift = (event: PointerEvent) => {
    if (event.pointerId === pointer) finish();
  };
  canvas.addEventListener("pointerup", lift);
  canvas.addEventListener("lostpointercapture", lift);
  // The system took over the pointer: discard the stroke.
  canvas.addEventListener("pointercancel", (event) => {
    if (event.pointerId !== pointer) return;
    stroke = [];
    finish();
  });
  canvas.addEventListener("contextmenu", (event) => event.preventDefault());

  const undo = () => {
    if (pointer !== null) return;
    if (stroke.length) stroke = [];
    else history = undone(history);
    if (pen) pen.down = false;
    report(true);
  };
  const clear = () => {
    if (pointer !== null) return;
    stroke = [];
    if (pen) pen.down = false;
    history = cleared(history);
    report(true);
  };

  canvas.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey ? event.key.toLowerCase() !== "z" : event.altKey) return;
    const move = MOVES[event.key];
    if (move) {
      begin();
      pen ??= { x: paper.width / 2, y: paper.height / 2, down: false };
      pen.x = Math.min(Math.max(pen.x + move[0] * STEP, 0), paper.width);
      pen.y = Math.min(Math.max(pen.y + move[1] * STEP, 0), paper.height);
      if (pen.down) stroke.push([pen.x, pen.y, 0.5]);
      report(!pen.down);
    } else if (event.key === " " || event.key === "Enter") {
      begin();
      pen ??= { x: paper.width / 2, y: paper.height / 2, down: false };
      pen.down = !pen.down;
      if (pen.down) stroke = [[pen.x, pen.y, 0.5]];
      if (pen.down) report(false);
      else finish();
    } else if (event.key === "Backspace" || event.key.toLowerCase() === "z") undo();
    else if (event.key === "Escape" || event.key === "Delete") clear();
    else return;
    event.preventDefault();
  });
  canvas.addEventListener("blur", () => {
    if (pen?.down) finish();
    pen = null;
    renderSoon();
  });

  new ResizeObserver(() => {
    canvas.width = Math.round(canvas.clientWidth * devicePixelRatio);
    canvas.height = Math.round(canvas.clientHeight * devicePixelRatio);
    if (!strokes().length) paper = { width: canvas.clientWidth, height: canvas.clientHeight };
    render();
  }).observe(canvas);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", renderSoon);

  return { strokes, canUndo: () => history.before !== null || stroke.length > 0, undo, clear };
};

const MOVES: Record<string, readonly [number, number]> = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

// Quadratic curves through midpoints smooth the corners of fast strokes.
const drawLine = (context: CanvasRenderingContext2D, line: readonly Place[], nib: number) => {
  if (!line.length) return;
  const [x, y, pressure] = line[0];
  if (line.length === 1) {
    context.beginPath();
    context.arc(x, y, (nib * width(pressure)) / 2, 0, 2 * Math.PI);
    context.fill();
    return;
  }
  let [u, v] = [x, y];
  for (let i = 1; i < line.length; i++) {
    const [a, b] = [line[i - 1], line[i]];
    const last = i === line.length - 1;
    const [m, n] = last ? [b[0], b[1]] : [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2];
    context.lineWidth = nib * width((a[2] + b[2]) / 2);
    context.beginPath();
    context.moveTo(u, v);
    context.quadraticCurveTo(a[0], a[1], m, n);
    context.stroke();
    [u, v] = [m, n];
  }
};

const width = (pressure: number): number => NIBS.thin + NIBS.thick * pressure;

const drawPen = (context: CanvasRenderingContext2D, pen: { x: number; y: number; down: boolean }, color: string) => {
  context.strokeStyle = context.fillStyle = color;
  context.lineWidth = 2;
  context.beginPath();
  context.arc(pen.x, pen.y, 7, 0, 2 * Math.PI);
  if (pen.down) context.fill();
  context.stroke();
};
