"""Python and the browser read the same ink the same way: both are held to the files of tests/golden."""

import base64
import json
import zlib
from pathlib import Path

import numpy as np
import pytest

from tenfold import Reader
from tenfold.exporters.inference_graph import evaluate_layers, log_softmax, softmax
from tenfold.exporters.web import read_web
from tenfold.reading.explain import evidence
from tenfold.reading.line_reader import shipped_line_model
from tenfold.reading.model_file import LineModelFile
from tenfold.reading.reader import shipped_model

GOLDEN = Path(__file__).parents[1] / "golden"
CASES = json.loads((GOLDEN / "golden.json").read_text())
# Of architectures that the shipped model is not.
MODELS = json.loads((GOLDEN / "models.json").read_text())
NUMBERS = json.loads((GOLDEN / "numbers.json").read_text())


def decoded(text: str, *shape: int) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), np.uint8).reshape(shape)


def unpacked(text: str, *shape: int) -> np.ndarray:
    return np.frombuffer(zlib.decompress(base64.b64decode(text)), np.uint8).reshape(shape)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_golden_ink_is_read_as_it_was(reader, case):
    if "strokes" in case:
        reading = reader.read_strokes(case["strokes"])
    else:
        reading = reader.read(decoded(case["gray"], case["height"], case["width"]))
    pixels = decoded(case["pixels"], 28, 28)
    # Other builds of NumPy and SciPy may round the last bit otherwise.
    assert np.abs(reading.pixels.astype(int) - pixels).max() <= 2
    assert reading.probabilities == pytest.approx(case["probabilities"], abs=0.01)
    assert reading.unsure == case["unsure"]


def test_the_shipped_web_file_holds_the_weights_of_the_shipped_onnx():
    pixels = np.stack([decoded(case["pixels"], 28, 28) for case in CASES])
    layers, settings = read_web(shipped_model().with_suffix(".10fd"))
    assert settings == Reader()._model.settings
    assert softmax(evaluate_layers(layers, pixels)) == pytest.approx(Reader().probabilities(pixels), abs=1e-4)


def test_the_shipped_web_file_of_lines_holds_the_weights_of_the_shipped_onnx():
    path = shipped_line_model()
    strip = np.random.default_rng(0).integers(0, 256, (32, 96)).astype(np.uint8)
    layers, settings = read_web(path.with_suffix(".10fd"))
    model = LineModelFile(path)
    assert settings == model.settings
    assert log_softmax(evaluate_layers(layers, strip[None]))[0] == pytest.approx(
        model.log_probabilities([strip])[0], abs=1e-3
    )


@pytest.mark.parametrize("name", MODELS)
def test_golden_models_say_what_they_said(name):
    layers, _ = read_web(GOLDEN / f"{name}.10fd")
    pixels = decoded(CASES[0]["pixels"], 1, 28, 28)
    assert softmax(evaluate_layers(layers, pixels))[0] == pytest.approx(MODELS[name], abs=1e-4)


@pytest.mark.parametrize("case", NUMBERS["pages"] + NUMBERS["strokes"], ids=lambda case: case["name"])
def test_golden_numbers_are_read_as_they_were(reader, case):
    if "strokes" in case:
        number = reader.read_stroke_number(case["strokes"])
    else:
        number = reader.read_number(unpacked(case["gray"], case["height"], case["width"]))
    assert (number.text, number.written, number.unsure) == (case["text"], case["written"], case["unsure"])
    assert number.confidence == pytest.approx(case["confidence"], abs=0.01)
    assert [digit.unsure for digit in number.digits] == case["unsures"]
    pixels = unpacked(case["pixels"], len(number.digits), 28, 28)
    for index, digit in enumerate(number.digits):
        assert digit.box == pytest.approx(case["boxes"][index], abs=1)
        assert np.abs(digit.pixels.astype(int) - pixels[index]).max() <= 2
        assert digit.probabilities == pytest.approx(case["probabilities"][index], abs=0.02)


@pytest.mark.parametrize("case", NUMBERS["small"], ids=lambda case: case["name"])
def test_golden_pictures_of_28x28_are_read_as_they_were(reader, case):
    reading = reader.read_many(unpacked(case["gray"], 1, 28, 28))[0]
    assert np.abs(reading.pixels.astype(int) - unpacked(case["pixels"], 28, 28)).max() <= 2
    assert reading.probabilities == pytest.approx(case["probabilities"], abs=0.01)
    assert reading.unsure == case["unsure"]


def test_the_golden_digit_is_explained_as_it_was(reader):
    digit = int(np.argmax(CASES[0]["probabilities"]))
    found = evidence(decoded(CASES[0]["pixels"], 28, 28), digit, reader.probabilities)
    assert found.ravel() == pytest.approx(NUMBERS["evidence"], abs=1e-3)
