// The answer: digits, ten probability bars, the model's input, and the ink that supports the answer.

import type { Read } from "../protocol.js";
import type { NumberReading, Reading } from "../reader.js";
import { $, make, percent } from "./elements.js";
import { explain } from "./reading.js";

const BLUE = [37, 99, 201] as const;
const ORANGE = [212, 85, 15] as const;

export interface Panel {
  // `final`: the pen is up, so the answer can be explained.
  readonly show: (read: Read | null, models: readonly { id: string; title: string }[], final: boolean) => void;
  readonly chosen: () => Reading | null;
  readonly choose: (index: number) => void;
}

// `chose` is called with the index of the selected digit.
export const createPanel = (chose: (index: number) => void): Panel => {
  let read: Read | null = null;
  let models: readonly { id: string; title: string }[] = [];
  let index = 0;
  let explained: Uint8Array | null = null;
  const bars = Array.from({ length: 10 }, (_, digit) => {
    const track = make("div", { className: "track" }, make("i"));
    const words = make("span", { className: "unseen" });
    const bar = make("li", {}, track, String(digit), words);
    $("bars").append(bar);
    return { bar, track, words };
  });

  const chosen = (): Reading | null => read?.numbers[0]?.digits[index] ?? null;

  const showDigits = () => {
    const digits = read?.numbers[0]?.digits ?? [];
    const lines = (read?.numbers[0]?.written ?? "").split("\n");
    let at = 0;
    const rows = lines.map((line) =>
      make(
        "div",
        {},
        ...[...line].map((character) => {
          if (!/\d/.test(character)) return make("span", {}, character === " " ? "\u2002" : character);
          const [place, reading] = [at, digits[at++]];
          const button = make("button", { type: "button", className: reading.unsure ? "unsure" : "", onclick: () => choose(place) }, character);
          button.setAttribute("aria-pressed", String(place === index));
          button.setAttribute("aria-label", `${character}, ${percent(reading.confidence)}${reading.unsure ? ", not sure" : ""}`);
          return button;
        }),
      ),
    );
    const shown = $("digits");
    shown.replaceChildren(...rows);
    shown.style.setProperty("--count", String(Math.max(1, ...lines.map((line) => line.length))));
    shown.style.setProperty("--lines", String(lines.length));
    shown.toggleAttribute("data-several", digits.length > 1);
    $("hint").hidden = digits.length > 0;
  };

  const showVerdict = () => {
    const reading = chosen();
    const verdict = $("verdict");
    const number = read?.numbers[0];
    verdict.classList.toggle("unsure", !!reading?.unsure || !!(reading && number?.unsure));
    verdict.textContent = !reading || !number ? "" : number.digits.length > 1 ? spokenOf(number, reading) : spoken(reading);
    const second = read?.numbers[1];
    $("second").hidden = !second;
    if (second) $("second").replaceChildren(`${models[1]?.title}: `, make("b", {}, second.written.replaceAll("\n", " ") || "nothing"), said(second.digits[index]));
  };

  const showBars = () => {
    const rows = read?.numbers.map((number) => number.digits[index]?.probabilities) ?? [];
    const top = chosen()?.digit;
    bars.forEach(({ bar, track, words }, digit) => {
      bar.classList.toggle("top", digit === top);
      while (track.children.length < Math.max(1, rows.length)) track.append(make("i"));
      while (track.children.length > Math.max(1, rows.length)) track.lastChild!.remove();
      for (const [i, fill] of [...track.children].entries()) (fill as HTMLElement).style.setProperty("--p", String(rows[i]?.[digit] ?? 0));
      words.textContent = rows[0] ? `: ${percent(rows[0][digit])}` : "";
    });
  };

  const showLooks = (final: boolean) => {
    const reading = chosen();
    paint($("seen"), reading?.pixels ?? null, null);
    if (!reading || reading.pixels !== explained) paint($("why"), null, null);
    $("why-words").textContent = `Why: blue for ${reading?.digit ?? "it"}, orange against`;
    if (reading && final) void showWhy(reading);
  };

  const showWhy = async (reading: Reading) => {
    const evidence = await explain(models[0].id, reading.pixels, reading.digit);
    if (chosen()?.pixels !== reading.pixels) return;
    explained = reading.pixels;
    paint($("why"), reading.pixels, evidence);
  };

  // For screen readers: once per stroke, not per frame.
  const announce = () => {
    const number = read?.numbers[0];
    $("spoken").textContent = number?.digits.length ? `${number.written.replaceAll("\n", ", ")}. ${$("verdict").textContent}` : "";
  };

  const render = (final: boolean) => {
    showDigits();
    showVerdict();
    showBars();
    showLooks(final);
    if (final) announce();
  };
  const choose = (place: number) => {
    index = place;
    render(true);
    ($("digits").querySelectorAll("button")[place] as HTMLElement | undefined)?.focus();
    chose(place);
  };

  return {
    chosen,
    choose,
    show: (found, opened, final) => {
      read = found;
      models = opened;
      index = Math.max(0, (found?.numbers[0]?.digits.length ?? 0) - 1);
      render(final);
    },
  };
};

// Of a whole number, and of its selected digit. On one line, also on a small phone: the pad must not move under the pen.
const spokenOf = (number: NumberReading, reading: Reading): string => {
  if (reading.unsure) return spoken(reading);
  const sure = percent(number.confidence);
  return number.unsure ? `Not sure overall: ${sure}` : `${sure} sure; the ${reading.digit}: ${percent(reading.confidence)}`;
};

const spoken = (reading: Reading): string => {
  const sure = percent(reading.confidence);
  if (!reading.unsure) return `${sure} sure`;
  const other = [...reading.probabilities.keys()].filter((digit) => digit !== reading.digit).sort((a, b) => reading.probabilities[b] - reading.probabilities[a])[0];
  return reading.probabilities[other] > 0.15 ? `Not sure: ${reading.digit} or ${other}?` : `Not sure: is it a digit? (${reading.digit}: ${sure})`;
};

const said = (reading: Reading | undefined): string => (reading ? `, ${percent(reading.confidence)} sure${reading.unsure ? ", unsure" : ""}` : "");

// Colors as in tenfold/reading/explain.py; gray where ink makes no difference.
const paint = (canvas: Element, pixels: Uint8Array | null, evidence: Float32Array | null) => {
  const context = (canvas as HTMLCanvasElement).getContext("2d")!;
  context.clearRect(0, 0, 28, 28);
  if (!pixels) return;
  const image = context.createImageData(28, 28);
  const most = Math.max(1e-6, ...(evidence?.map(Math.abs) ?? []));
  pixels.forEach((ink, i) => {
    const strength = evidence ? evidence[i] / most : 0;
    const color = strength >= 0 ? BLUE : ORANGE;
    const shade = Math.sqrt(Math.abs(strength));
    for (const c of [0, 1, 2]) image.data[4 * i + c] = evidence ? 150 + (color[c] - 150) * shade : ink;
    // What the model sees is bright ink on black, in light and dark mode alike.
    image.data[4 * i + 3] = evidence ? ink : 255;
  });
  context.putImageData(image, 0, 0);
};
