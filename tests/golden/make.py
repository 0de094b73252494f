"""Makes the golden files that bind Python and the browser: python tests/golden/make.py

golden.json holds cases: an image (gray, uint8, base64, row by row) or pen strokes; the 28x28 that they become; the ten
probabilities; and whether the reading is unsure. Nothing in them is anybody's handwriting: all of it is drawn.
NAME.10fd are small untrained models of other architectures, and models.json what they make of the first case.

numbers.json holds pages of several numbers, numbers that a pen wrote, pictures of 28x28 that lack MNIST's form, and
colors; what each was read as; and which ink of the first case of golden.json spoke for its digit. Bytes in it are
compressed (zlib, base64).

lines.10fd is a small untrained line network, and lines.json what it gives for some lines: log probabilities, the texts
that they spell, and how each line was read with the shipped classifier.

training.json holds the losses of 50 training steps of three small networks on some of MNIST's images.
"""

import base64
import json
from pathlib import Path

import numpy as np
import torch
from lines import write_lines
from pages import color_case, page_cases, small_cases, stroke_cases
from PIL import Image, ImageDraw
from training import write_training

from tenfold.exporters.from_torch import inference_layers
from tenfold.exporters.inference_graph import evaluate_layers, softmax
from tenfold.exporters.web import read_web, write_web
from tenfold.ink.strokes import draw_strokes
from tenfold.models import build_model
from tenfold.reading.explain import evidence
from tenfold.reading.reader import Reader
from tenfold.synthesis.drawing import WriterStyle, pen_path
from tenfold.synthesis.skeletons import DIGITS, SIGNS
from tenfold.training.recipe import Recipe

HERE = Path(__file__).parent


def main() -> None:
    reader = Reader()
    generator = np.random.Generator(np.random.PCG64(7))
    cases = []
    for way in [*DIGITS[::2], *SIGNS[::6]]:
        strokes = [np.round(stroke, 2) for stroke in pen_path(way.path, generator, WriterStyle())]
        reading = reader.read_strokes(strokes)
        cases.append(
            {
                "name": f"{way.character}, {way.name}",
                "strokes": [s.tolist() for s in strokes],
                **expected_reading(reading),
            }
        )
    for number, way in enumerate(DIGITS[::4]):
        gray = picture(pen_path(way.path, generator, WriterStyle()), number, generator)
        case = {"width": gray.shape[1], "height": gray.shape[0], "gray": base64.b64encode(gray.tobytes()).decode()}
        cases.append({"name": f"{way.character}, {way.name}", **case, **expected_reading(reader.read(gray))})
    for way in DIGITS[::20]:
        gray = foggy(pen_path(way.path, generator, WriterStyle()), generator)
        case = {"width": 30, "height": 30, "gray": base64.b64encode(gray.tobytes()).decode()}
        cases.append({"name": f"{way.character}, {way.name}, in fog", **case, **expected_reading(reader.read(gray))})
    write_models(reader.read_strokes(cases[0]["strokes"]).pixels)
    text = ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases)
    (HERE / "golden.json").write_text(f"[\n{text}\n]\n")
    write_numbers(reader, cases[0]["strokes"])
    write_lines(HERE, reader)
    write_training(HERE / "training.json")


def write_numbers(reader: Reader, strokes) -> None:  # type: ignore[no-untyped-def]
    generator = np.random.Generator(np.random.PCG64(11))
    first = reader.read_strokes(strokes)
    spoke = evidence(first.pixels, first.digit, reader.probabilities)
    numbers = {
        "pages": page_cases(reader, generator),
        "strokes": stroke_cases(reader, generator),
        "small": small_cases(reader, generator),
        "colors": color_case(generator),
        "evidence": [round(float(value), 4) for value in spoke.ravel()],
    }
    (HERE / "numbers.json").write_text(json.dumps(numbers, separators=(",", ":")) + "\n")


MODELS = {
    "mlp": {"hidden": (12,), "batch_norm": True, "activation": "gelu"},
    "dash": {"width": 4, "activation": "silu"},
    "resnet": {"width": 4},
    "separable": {"width": 8, "activation": "elu"},
    "small": {"width": 8, "weight_bits": 3},
}


def write_models(pixels: np.ndarray) -> None:
    said = {}
    for name, changes in MODELS.items():
        torch.manual_seed(0)
        config = Recipe.load(name).replace(**changes).model
        layers = inference_layers(build_model(config).eval())
        write_web(layers, HERE / f"{name}.10fd", {"unsure_below": 0.5}, f"int{config.weight_bits or 8}")
        kept, _ = read_web(HERE / f"{name}.10fd")
        said[name] = [round(float(p), 6) for p in softmax(evaluate_layers(kept, pixels[None]))[0]]
    (HERE / "models.json").write_text(json.dumps(said, indent=1) + "\n")


def expected_reading(reading) -> dict:  # type: ignore[no-untyped-def]
    return {
        "pixels": base64.b64encode(reading.pixels.tobytes()).decode(),
        "probabilities": [round(float(p), 6) for p in reading.probabilities],
        "unsure": reading.unsure,
    }


def picture(strokes, number: int, generator: np.random.Generator) -> np.ndarray:  # type: ignore[no-untyped-def]
    """A small photo: dark or bright ink, even or uneven light, squares, noise, any size."""
    side = (32, 48, 90, 140, 220)[number % 5]
    canvas = Image.new("L", (side * 2, side * 2), 0)
    points = np.concatenate(strokes)
    low, size = points.min(0), np.ptp(points, 0).max()
    for stroke in strokes:
        line = [tuple(place) for place in ((stroke - low) / size * side * 1.3 + side * 0.3).tolist()]
        ImageDraw.Draw(canvas).line(line, fill=255, width=max(2, side // 8), joint="curve")
    ink = np.asarray(canvas.resize((side, side), Image.Resampling.BOX), np.float32) / 255
    light = 0.95 - 0.4 * np.linspace(0, 1, side)[None, :] * (number % 3 == 1) * np.ones((side, 1))
    gray = light * (1 - 0.75 * ink) + generator.normal(0, 0.01 * (number % 2), ink.shape)
    if number % 4 == 3:
        gray[:: side // 6] -= 0.15
    return np.rint(np.clip(1 - gray if number % 5 == 2 else gray, 0, 1) * 255).astype(np.uint8)


def foggy(strokes, generator: np.random.Generator) -> np.ndarray:  # type: ignore[no-untyped-def]
    """30x30, bright ink on clouds."""
    field = np.pad(draw_strokes(strokes), 1) / 255
    clouds = np.asarray(
        Image.fromarray(generator.uniform(0, 1, (4, 4)).astype(np.float32)).resize((30, 30), Image.Resampling.BICUBIC)
    )
    return np.rint(np.clip(0.1 + 0.5 * clouds + 0.4 * field, 0, 1) * 255).astype(np.uint8)


if __name__ == "__main__":
    main()
