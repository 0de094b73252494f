"""A small untrained line network and what it reads in synthetic lines: lines.10fd and lines.json of the golden files.

Nothing here is anybody's handwriting.
"""

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pages import packed, rounded, written
from PIL import Image, ImageDraw

from tenfold.exporters.inference_graph import InferenceLayer, log_softmax
from tenfold.exporters.onnx_graph import write_onnx
from tenfold.exporters.web import read_web, write_web
from tenfold.reading.decode import log_likelihoods, places, spellings
from tenfold.reading.line_reader import LineReader, LineReading, implausibility
from tenfold.reading.model_file import LineModelFile
from tenfold.reading.reader import Reader
from tenfold.reading.symbols import BLANK, SYMBOLS

TEXTS = ("407", "1958-26,71", "3")
# Inputs and outputs, the kernel's rows and columns, padding, stride and groups: every form that a line network has.
CONVOLUTIONS: tuple[tuple[int, int, int, int, Any, Any, int], ...] = (
    (4, 8, 3, 3, 1, [2, 1], 1),
    (8, 8, 3, 3, 1, 1, 1),
    (8, 8, 3, 3, [1, 1], [2, 1], 8),
    (8, 12, 2, 3, [0, 1], 1, 1),
    (12, 12, 1, 5, [0, 2], [1, 1], 1),
    (12, 24, 1, 3, [0, 1], 1, 1),
)


def write_lines(folder: Path, classifier: Reader) -> None:
    write_web(line_network(), folder / "lines.10fd", {})
    with tempfile.TemporaryDirectory() as made:
        path = write_onnx(read_web(folder / "lines.10fd")[0], Path(made) / "lines.onnx", {})
        reader, model = LineReader(path), LineModelFile(path)
    classify = classifier.probabilities
    generator = np.random.Generator(np.random.PCG64(17))
    strips = {text: line_strip(text, generator) for text in TEXTS} | {"no ink": np.zeros((32, 21), np.uint8)}
    cases = []
    for name, strip in strips.items():
        case = {"name": name, "width": strip.shape[1], "strip": packed(strip)}
        case |= decoded(model.log_probabilities([strip])[0])
        cases.append(case | {"reading": expected(reader.read(strip, classify))})
    columns = [decoded(columns_of(text, generator)) for text in ("1100", "12/05/2024", "")]
    texts = ("", "12", "/4463", ")3", "(1)2", "((5", "1.,2", "?7", "12/05/2024", "1.200,-", "×3")
    marks = [[text, implausibility(text)] for text in texts]
    document = {"symbols": SYMBOLS, "lines": cases, "columns": columns, "implausibility": marks}
    content = json.dumps(document, separators=(",", ":"))
    (folder / "lines.json").write_text(content + "\n")


def line_network() -> list[InferenceLayer]:
    generator = np.random.Generator(np.random.PCG64(5))
    layers = [InferenceLayer("strips", {"patch": 2, "mean": 0.1, "spread": 0.4})]
    for inputs, outputs, rows, columns, padding, stride, groups in CONVOLUTIONS:
        shape = (outputs, inputs // groups, rows, columns)
        weight = generator.normal(0, (2 / np.prod(shape[1:])) ** 0.5, shape).astype(np.float32)
        bias = generator.normal(0, 0.1, outputs).astype(np.float32)
        options = {"padding": padding, "stride": stride, "groups": groups}
        layers += [InferenceLayer("convolution", options, weight, bias), InferenceLayer("relu")]
    # As sure of itself as a trained network is, and most columns are blank.
    last = layers[-2]
    assert last.weight is not None
    assert last.bias is not None
    last.bias[BLANK] = 14
    layers[-2:] = [InferenceLayer(last.kind, last.options, 6 * last.weight, last.bias)]
    layers.insert(5, InferenceLayer("pool", {"size": [2, 1]}))
    return layers


def line_strip(text: str, generator: np.random.Generator) -> NDArray[np.uint8]:
    """uint8[32,W], 0 paper to 255 ink."""
    strokes = [22 * stroke + 5 for stroke in written(text, generator, 0.15)]
    width = int(np.concatenate(strokes)[:, 0].max()) + 6
    canvas = Image.new("L", (4 * width, 128), 0)
    for stroke in strokes:
        ImageDraw.Draw(canvas).line(
            [tuple(place) for place in (4 * stroke).tolist()], fill=255, width=10, joint="curve"
        )
    return np.asarray(canvas.resize((width, 32), Image.Resampling.BOX))


def columns_of(text: str, generator: np.random.Generator) -> NDArray[np.float32]:
    """Log probabilities float32[T,24] as a trained network gives them, with doubts."""
    logits = generator.normal(0, 1, (8 * len(text) + 4, BLANK + 1))
    logits[:, BLANK] += 8
    for index, symbol in enumerate(text):
        at = slice(8 * index + 3, 8 * index + 5)
        logits[at] += generator.normal(0, 3, (2, BLANK + 1))
        logits[at, SYMBOLS.index(symbol)] += 10
        logits[at, BLANK] -= 3
    return log_softmax(logits)


def decoded(columns: NDArray[np.float32]) -> dict[str, Any]:
    texts = spellings(columns)
    return {
        "log_probabilities": packed(columns),
        "spellings": [[text, round(log, 6)] for text, log in texts],
        "likelihoods": log_likelihoods([columns], [text for text, _ in texts])[0].round(6).tolist(),
        "places": places(columns, texts[0][0]),
    }


def expected(reading: LineReading) -> dict[str, Any]:
    return {
        "text": reading.text,
        "boxes": [cut.box for cut in reading.cuts],
        "probabilities": [rounded(row) for row in reading.probabilities],
        "pixels": packed(reading.pixels),
        **{name: round(float(getattr(reading, name)), 5) for name in ("score", "share", "agreement")},
    }
