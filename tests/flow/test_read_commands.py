"""What a person types to read a picture, and what they get when they mistype it."""

import json

import numpy as np
import pytest
from PIL import Image

from tenfold import cli
from tenfold.reading.explain import evidence, explain, nearest_images
from tenfold.reading.reader import Reader
from tenfold.runs.evaluate import calibrate
from tenfold.runs.export import export
from tenfold.runs.train import train


@pytest.fixture
def seven(mnist, tmp_path):
    path = tmp_path / "seven.png"
    Image.fromarray(255 - mnist.test_images[0]).resize((280, 280)).save(path)
    return path


def test_read_reports_digit_confidence_and_doubt(tenfold_json, seven):
    (reading,) = tenfold_json("read", seven)["readings"]
    assert reading["digit"] == 7
    assert not reading["unsure"]
    assert reading["confidence"] == pytest.approx(max(reading["probabilities"]), abs=1e-5)


def test_read_number_reads_several(tenfold_json, mnist, tmp_path):
    page = np.zeros((200, 500), np.uint8)
    for place, index in enumerate((0, 1, 2)):  # 7, 2, 1
        digit = np.asarray(Image.fromarray(mnist.test_images[index]).resize((120, 120)))
        page[40:160, 60 + 130 * place : 180 + 130 * place] = digit
    Image.fromarray(255 - page).save(tmp_path / "number.png")
    (number,) = tenfold_json("read", "--number", tmp_path / "number.png")["numbers"]
    assert number["text"] == "721"
    assert len(number["digits"][0]["box"]) == 4


def test_read_explains_in_a_picture_beside_the_input(tenfold_json, seven):
    tenfold_json("read", "--explain", seven)
    with Image.open(seven.with_name("seven-explained.png")) as picture:
        assert picture.width > 2 * picture.height


@pytest.mark.parametrize(
    ("words", "code", "expected"),
    [
        (["read"], 2, "no image given"),
        (["read", "gone.png"], 1, "no such file"),
        (["read", "--number", "--explain", "x.png"], 2, "--explain"),
        (["read", "x.png", "--model", "gone.onnx"], 1, "no such file"),
    ],
)
def test_mistakes_are_reported_in_a_line(words, code, expected, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stopped:
        cli.main(words)
    assert stopped.value.code == code
    error = capsys.readouterr().err
    assert expected in error
    assert error.count("\n") == 1


def test_evidence_lies_on_the_ink_and_speaks_for_the_digit(mnist):
    reader = Reader()
    found = explain(mnist.test_images[0], 7, reader.probabilities)
    assert not found.evidence[mnist.test_images[0] == 0].any()
    assert found.evidence.sum() > 0
    assert (found.neighbor_labels == 7).mean() >= 0.5
    assert not evidence(np.zeros((28, 28), np.uint8), 3, reader.probabilities).any()


def test_the_nearest_of_an_image_is_itself(mnist):
    assert nearest_images(mnist.train_images[5], mnist.train_images[:3000], 3)[0] == 5


def test_a_run_with_synthetic_ink_is_trained_calibrated_and_exported(quick, tmp_path, monkeypatch):
    monkeypatch.setattr("tenfold.runs.evaluate.NON_DIGITS", 500)
    run = train(quick.replace(synthetic=200, non_digits=150, epochs=2), folder=tmp_path)
    assert 0 <= run.metrics["training"]["train_accuracy"] <= 1
    assert run.metrics["training"]["train_images"] == 1600
    made = calibrate(run)
    assert made.error_after <= made.error_before + 0.01
    assert made.answered >= 0.99
    for to in ("onnx", "onnx-int8"):
        opened = Reader(export(run, to, tmp_path / f"{to}.onnx").path)
        assert opened.unsure_below == pytest.approx(made.unsure_below)
    assert json.loads((run.path / "calibration.json").read_text())["images"] == 400


def test_synthetic_ink_is_the_same_for_the_same_seed(quick, tmp_path):
    import torch

    recipe = quick.replace(synthetic=50, non_digits=50, epochs=1)
    first, second = (train(recipe, folder=tmp_path / name).model().state_dict() for name in "ab")
    assert all(torch.equal(first[key], second[key]) for key in first)
