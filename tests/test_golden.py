"""Python and the browser read the same ink the same way: both are held to tests/golden/golden.json."""

import base64
import json
from pathlib import Path

import numpy as np
import pytest

from tenfold import Reader
from tenfold.export.evaluate_plain import evaluate_plain, softmax
from tenfold.export.web import read_web
from tenfold.reader import shipped_model

GOLDEN = Path(__file__).parent / "golden"
CASES = json.loads((GOLDEN / "golden.json").read_text())
# Of architectures that the shipped model is not.
MODELS = json.loads((GOLDEN / "models.json").read_text())


def decoded(text: str, *shape: int) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), np.uint8).reshape(shape)


@pytest.fixture(scope="module")
def reader() -> Reader:
    return Reader()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_golden_ink_is_read_as_it_was(reader, case):
    if "strokes" in case:
        reading = reader.read_strokes(case["strokes"])
    else:
        reading = reader.read(decoded(case["grey"], case["height"], case["width"]))
    pixels = decoded(case["pixels"], 28, 28)
    # Other builds of NumPy and SciPy may round the last bit otherwise.
    assert np.abs(reading.pixels.astype(int) - pixels).max() <= 2
    assert reading.probabilities == pytest.approx(case["probabilities"], abs=0.01)
    assert reading.unsure == case["unsure"]


def test_the_shipped_web_file_holds_the_weights_of_the_shipped_onnx():
    pixels = np.stack([decoded(case["pixels"], 28, 28) for case in CASES])
    layers, settings = read_web(shipped_model().with_suffix(".10fd"))
    assert settings == Reader()._model.settings
    assert softmax(evaluate_plain(layers, pixels)) == pytest.approx(Reader().probabilities(pixels), abs=1e-4)


@pytest.mark.parametrize("name", MODELS)
def test_golden_models_say_what_they_said(name):
    layers, _ = read_web(GOLDEN / f"{name}.10fd")
    pixels = decoded(CASES[0]["pixels"], 1, 28, 28)
    assert softmax(evaluate_plain(layers, pixels))[0] == pytest.approx(MODELS[name], abs=1e-4)
