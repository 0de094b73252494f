"""The web app in Chromium: bytes, time to the first digit, milliseconds per digit, memory, real pens, Lighthouse.

    make web-app && python -m lab.benchmarks.web_app [PART ...] [--ink ../shared/ink] [--out lab/results]

Parts: wire, first, inference, number, memory, pens, lighthouse; all by default. Prints each and writes `page.json`,
part by part. Run it on a quiet machine. `--ink` holds pendigits.jsonl.gz, whose strokes are replayed as pointer events.
"""

import argparse
import gzip
import io
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from PIL import Image, ImageDraw
from playwright.sync_api import CDPSession, Page, sync_playwright

from lab import RESULTS, ROOT
from lab.benchmarks.local_server import served
from lab.benchmarks.slow_network import SLOW_4G, Network, through
from lab.handwriting import write_number, write_on_pad
from tenfold import Reader
from tenfold.machine import describe_environment

WEB_APP = ROOT / "src/tenfold/serve/web_app"
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--ink", type=Path, default=ROOT.parent / "shared" / "ink")
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    path = options.out / "page.json"
    result = json.loads(path.read_text()) if path.is_file() else {}
    with served() as url:
        for part in options.parts or PARTS:
            result[part] = {**PARTS[part](url, options), "environment": describe_environment()}
            shown = {key: value for key, value in result[part].items() if key != "environment"}
            print(part, json.dumps(shown, indent=1))
            options.out.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(result, indent=1) + "\n")


def wire(url: str, _: argparse.Namespace) -> dict[str, object]:
    """Bytes that come over the wire until the first digit is read, heads of answers included; the scripts by gzip."""
    network = Network()
    with through(urlsplit(url).port or 80, network) as near, browser() as page:
        page.goto(near, wait_until="commit")
        first_digit(page)
        received = network.received
        names = page.evaluate("performance.getEntriesByType('resource').map((entry) => entry.name)")
    files = sorted(name.removeprefix(near) for name in names)
    return {"bytes": received, "files": files, "javascript_gzip_bytes": gzip_bytes(set(files))}


def number(url: str, _: argparse.Namespace, times: int = 7) -> dict[str, object]:
    """What the first number needs: bytes over the wire after the first digit; and milliseconds to read a number drawn
    on the pad, and a photo of ten digits, 1,600 x 1,200 pixels."""
    network, photo_ms = Network(), []
    photo = {"name": "photo.png", "mimeType": "image/png", "buffer": photo_of_ten_digits()}
    time_ms = "parseFloat(document.getElementById('time').textContent)"
    with through(urlsplit(url).port or 80, network) as near, browser(service_workers="block") as page:
        page.goto(near)
        first_digit(page)
        page.wait_for_timeout(500)
        before = network.received
        page.click("#clear")
        write_on_pad(page, "407")
        page.wait_for_function("() => document.body.dataset.read === '407'")
        received = network.received - before
        page.click("#clear")
        write_on_pad(page, "958")
        page.wait_for_function("() => document.body.dataset.read === '958'")
        strokes_ms = page.evaluate(time_ms)
        for _ in range(times):
            page.click("nav [data-view=draw]")
            page.click("nav [data-view=photo]")
            page.set_input_files("#file", photo)
            page.wait_for_function("() => document.body.dataset.read?.length > 9")
            photo_ms.append(page.evaluate(time_ms))
    return {
        "bytes": received,
        "javascript_gzip_bytes": gzip_bytes({f"assets/{path.name}" for path in WEB_APP.glob("assets/numbers-*.js")}),
        "strokes_ms": strokes_ms,
        "first_photo_ms": photo_ms[0],
        "photo_ms_median": statistics.median(photo_ms[1:]),
    }


def photo_of_ten_digits() -> bytes:
    """Two lines on shaded paper, with the grain of a camera: a PNG file."""
    generator = np.random.default_rng(0)
    light = np.linspace(235, 160, 1600)[None, :] + generator.normal(0, 2.5, (1200, 1600))
    picture = Image.fromarray(np.clip(light, 0, 255).astype(np.uint8)).convert("RGB")
    pen = ImageDraw.Draw(picture)
    for text, top in (("40729", 100), ("15386", 650)):
        for stroke in write_number(text, {"x": 150, "y": top, "width": 1300, "height": 450}):
            pen.line([tuple(place) for place in stroke.tolist()], fill=(40, 45, 80), width=16, joint="curve")
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def gzip_bytes(names: set[str]) -> int:
    return sum((WEB_APP / f"{name}.gz").stat().st_size for name in names if name.endswith(".js"))


def first(url: str, _: argparse.Namespace, times: int = 11) -> dict[str, object]:
    """Seconds from navigation to the first digit read: slow 4G, and a main thread four times slower."""
    taken = []
    for _ in range(times):
        network = Network(**SLOW_4G)
        with through(urlsplit(url).port or 80, network) as near, browser() as page:
            page.context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": 4})
            page.add_init_script(
                "document.addEventListener('DOMContentLoaded', () => new MutationObserver(() => {"
                "  if (document.body.dataset.read) window.firstRead ??= performance.now();"
                "}).observe(document.body, { attributes: true }));"
            )
            page.goto(near, wait_until="commit")
            first_digit(page)
            taken.append(page.evaluate("window.firstRead") / 1000)
    return {"seconds_median": statistics.median(taken), "seconds_worst": max(taken), "n": times, "seconds": taken}


def inference(url: str, _: argparse.Namespace) -> dict[str, object]:
    """Milliseconds for the model alone, and from strokes to the answer, in a worker as the web app's own."""
    with browser() as page:
        page.goto(url)
        first_digit(page)
        taken = page.evaluate(
            """async () => {
              const names = performance.getEntriesByType("resource").map((entry) => entry.name);
              const model = await (await fetch(names.find((name) => name.endsWith(".10fd")))).arrayBuffer();
              const script = names.find((name) => /index-.*\\.js$/.test(name));
              const worker = new Worker(script, { type: "module" });
              const ask = (ask) => new Promise((resolve) => {
                worker.onmessage = ({ data }) => resolve(data.answer);
                worker.postMessage({ id: 1, ask });
              });
              const strokes = [[[0, 0], [60, 0], [62, 4], [30, 60], [22, 100]]];
              const model_ms = [], strokes_ms = [], round_trip_ms = [];
              const open = { kind: "open", model: "a", content: model };
              await ask(open);
              for (let i = 0; i < 30; i++) model_ms.push(await ask({ kind: "time", model: "a" }));
              for (let i = 0; i < 300; i++) {
                // Another drawing each time: nothing may be remembered.
                const moved = strokes.map((stroke) => stroke.map(([x, y]) => [x + (i * x) / 900, y]));
                const start = performance.now();
                const one = { kind: "strokes", models: ["a"], strokes: moved, lifted: true };
                strokes_ms.push((await ask(one)).elapsedMs);
                round_trip_ms.push(performance.now() - start);
              }
              const warm = (values) => values.slice(50);
              return { model_ms: model_ms.slice(5), strokes_ms: warm(strokes_ms), round_trip_ms: warm(round_trip_ms) };
            }"""
        )
    return {
        f"{name}_{share}": float(np.percentile(values, percentile))
        for name, values in taken.items()
        for share, percentile in (("median", 50), ("p95", 95))
    }


def memory(url: str, _: argparse.Namespace, drawings: int = 500) -> dict[str, object]:
    """JavaScript's heap and the renderers' own memory over many drawings, each explained, with garbage collected."""
    with browser("--js-flags=--expose-gc") as page:
        page.goto(url)
        samples = []
        for drawing in range(drawings + 1):
            if drawing % 100 == 0:
                page.wait_for_timeout(1500)
                for realm in (page, *page.workers):
                    realm.evaluate("gc()")
                heap = page.evaluate("performance.memory.usedJSHeapSize")
                samples.append({"drawings": drawing, "heap_mb": heap / 1e6, "renderers_mb": renderers_mb()})
            scribble(page, drawing)
    return {"over": samples}


def pens(url: str, options: argparse.Namespace, count: int = 300) -> dict[str, object]:
    """Strokes of all writers of pendigits, replayed as pointer events: read right, and read as Python reads them."""
    with gzip.open(options.ink / "pendigits.jsonl.gz", "rt") as file:
        rows = [json.loads(line) for line in file]
    chosen = of_all_writers(rows, count)
    reader = Reader()
    right, same, unsure_same, missed = 0, 0, 0, []
    with browser() as page:
        page.goto(url)
        devtools = page.context.new_cdp_session(page)
        box = page.locator("#ink").bounding_box()
        assert box
        for row in chosen:
            page.click("#clear", force=True)
            page.wait_for_function("() => !document.body.dataset.read")
            strokes = fitted(row["strokes"], box)
            for stroke in strokes:
                press(devtools, stroke)
            page.wait_for_function("() => document.body.dataset.read")
            read = page.evaluate("document.body.dataset.read")
            unsure = page.locator("#verdict.unsure").count() == 1
            python = reader.read_strokes([np.asarray(stroke) for stroke in row["strokes"]])
            right += read == row["text"]
            same += read == str(python.digit)
            unsure_same += unsure == python.unsure
            if read != row["text"] or read != str(python.digit):
                missed.append({"text": row["text"], "page": read, "python": python.digit})
    return {
        "n": len(chosen),
        "writers": len({row["writer"] for row in chosen}),
        "right": right / len(chosen),
        "same_as_python": same / len(chosen),
        "unsure_as_python": unsure_same / len(chosen),
        "missed": missed,
    }


def lighthouse(url: str, _: argparse.Namespace) -> dict[str, object]:
    """Lighthouse's scores in its mobile mode, and what it finds wanting."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command = [
            "node", str(ROOT / "web/node_modules/lighthouse/cli/index.js"), url, "--quiet", "--output=json",
            f"--output-path={report}", "--only-categories=performance,accessibility,best-practices",
            f"--chrome-flags={' '.join(FLAGS)} --user-data-dir={folder}/profile",
        ]  # fmt: skip
        environment = {**os.environ, "CHROME_PATH": str(shutil.which("chromium"))}
        environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
        subprocess.run(command, env=environment, check=True)
        found = json.loads(report.read_text())
    wanting = [a["id"] for a in found["audits"].values() if a["score"] is not None and a["score"] < 0.9]
    scores = {name: category["score"] for name, category in found["categories"].items()}
    return {**scores, "wanting": wanting, "version": found["lighthouseVersion"]}


PARTS: dict[str, Callable[[str, argparse.Namespace], dict[str, object]]] = {
    "wire": wire,
    "first": first,
    "inference": inference,
    "number": number,
    "memory": memory,
    "pens": pens,
    "lighthouse": lighthouse,
}


@contextmanager
def browser(*flags: str, **options: Any) -> Iterator[Page]:
    """A fresh Chromium with a fresh profile, as large as a phone."""
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as profile:
        context = playwright.chromium.launch_persistent_context(
            profile,
            executable_path=shutil.which("chromium"),
            args=[*FLAGS, *flags],
            viewport={"width": 412, "height": 915},
            **options,
        )
        yield context.pages[0]
        context.close()


def first_digit(page: Page) -> None:
    """Draws a 1 as soon as there is a pad, and waits until it is read."""
    page.wait_for_function("() => document.getElementById('ink')?.width > 300")
    box = page.locator("#ink").bounding_box()
    assert box
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] * 0.25
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x, y + 0.5 * box["height"], steps=5)
    page.mouse.up()
    page.wait_for_function("() => document.body.dataset.read")


def scribble(page: Page, seed: int) -> None:
    generator = np.random.default_rng(seed)
    box = page.locator("#ink").bounding_box()
    assert box
    places = generator.uniform(0.2, 0.8, (6, 2)) * [box["width"], box["height"]] + [box["x"], box["y"]]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=3)
    page.mouse.up()
    page.wait_for_function("() => document.body.dataset.read !== undefined")
    page.click("#clear")


def renderers_mb() -> float:
    """What every Chromium renderer on this machine has for itself alone."""
    total = 0
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if b"--type=renderer" in (process / "cmdline").read_bytes():
                lines = (process / "smaps_rollup").read_text().splitlines()
                total += next(int(line.split()[1]) for line in lines if line.startswith("Pss_Anon:"))
        except OSError:
            continue
    return total / 1024


def of_all_writers(rows: list[dict[str, object]], count: int) -> list[dict[str, object]]:
    """As many of each writer, chosen by chance with a fixed seed."""
    generator = np.random.default_rng(0)
    by_writer: dict[object, list[dict[str, object]]] = {}
    for index in generator.permutation(len(rows)):
        by_writer.setdefault(rows[index]["writer"], []).append(rows[index])
    chosen: list[dict[str, object]] = []
    while len(chosen) < count:
        chosen += [others.pop() for others in by_writer.values() if others]
    return chosen[:count]


def fitted(strokes: list[list[list[float]]], box: dict[str, float]) -> list[np.ndarray]:
    """The strokes as large as people draw on this pad, in CSS pixels."""
    points = np.concatenate([np.asarray(stroke, float) for stroke in strokes])
    low, size = points.min(0), np.maximum(np.ptp(points, 0), 1e-6)
    factor = 0.7 * min(box["width"] / size[0], box["height"] / size[1])
    middle = np.array([box["x"] + box["width"] / 2, box["y"] + box["height"] / 2])
    return [(np.asarray(stroke, float) - low - size / 2) * factor + middle for stroke in strokes]


def press(devtools: CDPSession, stroke: np.ndarray) -> None:
    for index, (x, y) in enumerate(stroke.tolist()):
        kind = "mouseMoved" if index else "mousePressed"
        devtools.send(
            "Input.dispatchMouseEvent", {"type": kind, "x": x, "y": y, "button": "left", "buttons": 1, "clickCount": 1}
        )
    x, y = stroke[-1].tolist()
    devtools.send("Input.dispatchMouseEvent", {"type": "mouseReleased", "x": x, "y": y, "button": "left"})


if __name__ == "__main__":
    main()
