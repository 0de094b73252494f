"""The box "Ask the model" of a report: if it held another network than the run's, its answers would be believed."""

import base64
import hashlib
import re
import shutil

import numpy as np
import pytest

from tenfold import Dataset, Recipe, Run, train
from tenfold.exporters.inference_graph import evaluate_layers, softmax
from tenfold.exporters.web import read_web
from tenfold.report import ask_box
from tenfold.report.run_report import write_report

pytestmark = pytest.mark.usefixtures("without_drawing")
SCRIPT = "addEventListener('load', () => {});\n"


@pytest.fixture(autouse=True)
def built(monkeypatch, tmp_path):
    """Whether the web app is built or not: a script of no importance."""
    script = tmp_path / "ask.js"
    script.write_text(SCRIPT)
    monkeypatch.setattr(ask_box, "SCRIPT", script)
    return script


def section(run):
    """What the report says of the box."""
    text = write_report(run).read_text()
    return re.search(r'<section id="ask">(.*?)</section>', text, re.DOTALL)[1]


def network(report, folder):
    (folder / "model.10fd").write_bytes(base64.b64decode(re.search(r'id="ask-model">([^<]*)<', report)[1]))
    return read_web(folder / "model.10fd")


def test_the_box_holds_the_runs_network(run, small, tmp_path):
    layers, settings = network(section(run), tmp_path)
    found = softmax(evaluate_layers(layers, small.test_images))
    assert np.abs(found - run.predict(small.test_images)).max() < 0.02  # int8 weights: 0.011 was measured.
    assert settings == {}


def test_a_calibrated_run_gives_its_threshold(run, small, tmp_path):
    copy = Run.load(shutil.copytree(run.path, tmp_path / "run"))
    copy._write_document("calibration", {"temperature": 1.5, "unsure_below": 0.8125})
    report = section(copy)
    layers, settings = network(report, tmp_path)
    assert settings == {"unsure_below": 0.8125}
    assert "81.2 %" in report
    logits = np.log(run.predict(small.test_images))
    assert np.abs(softmax(evaluate_layers(layers, small.test_images)) - softmax(logits / 1.5)).max() < 0.02


def test_nothing_but_the_script_of_the_box_may_run(run):
    text = write_report(run).read_text()
    digest = base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'\"" in text
    assert f"<script>{SCRIPT}</script>" in text
    assert text.count("<script") == 2


def test_a_clone_without_the_web_app_says_how_to_build_it(run, built):
    built.unlink()
    report = section(run)
    assert "make web-app" in report
    assert f"tenfold report {run.path}" in report
    assert "<script" not in write_report(run).read_text()


def test_a_network_that_is_too_large_is_served_instead(quick, tmp_path):
    run = train(quick.replace(hidden=(256,), epochs=1), folder=tmp_path)
    report = section(run)
    assert "With 206 kB" in report
    assert f"tenfold serve --model {run.path}" in report
    assert "<script" not in report


def test_an_ensemble_does_not_run_in_a_browser(brief, tmp_path):
    run = train(brief.replace(ensemble_size=2), folder=tmp_path)
    report = section(run)
    assert f"tenfold predict {run.path} photo.png" in report
    assert "<script" not in report


def test_classes_that_are_no_digits_have_their_names(small, tmp_path):
    few = small.train_labels < 3
    names = np.array(["zero", "one", "<two>"])
    data = Dataset.from_arrays(small.train_images[few], names[small.train_labels[few]], name="three")
    run = train(Recipe.load("tutorial").replace(epochs=2), data, folder=tmp_path)
    report = section(run)
    assert network(report, tmp_path)[1] == {"class_names": list(run.class_names)}
    assert "Draw one of the classes" in report
    assert "digit" not in report
    assert "<two>" not in report
