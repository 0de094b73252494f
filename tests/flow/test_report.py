"""The report is what most people see: it must be self-contained, correct, and readable on a phone."""

import io
import re
import shutil
from functools import partial
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from tenfold.errors import ExportError, RunError
from tenfold.exporters.onnx import export_onnx
from tenfold.models import build_model
from tenfold.report.figures.data_figures import labeled_grid
from tenfold.report.figures.evaluation_figures import predictions
from tenfold.report.figures.figure_style import to_png
from tenfold.report.run_report import write_report
from tenfold.runs.evaluate import evaluate
from tenfold.runs.run import Run


@pytest.fixture(scope="session")
def report(run):
    return write_report(run)


def test_the_report_is_self_contained(report):
    text = report.read_text()
    assert not re.search(r'(?:src|href)="(?!#|data:)', text.replace("xlink:href", "href"))
    assert "@import" not in text
    assert "<script src" not in text
    assert "default-src 'none'" in text  # The browser refuses what else there might be.


def test_the_report_is_well_formed(report):
    class Checker(HTMLParser):
        open_tags: list[str]

        def handle_starttag(self, tag, attrs):
            if tag not in ("meta", "br", "link"):
                self.open_tags.append(tag)

        def handle_startendtag(self, tag, attrs):
            pass

        def handle_endtag(self, tag):
            assert self.open_tags.pop() == tag

    checker = Checker()
    checker.open_tags = []
    checker.feed(report.read_text())
    assert checker.open_tags == []
    ids = re.findall(r'\bid="([^"]+)"', report.read_text())
    assert len(ids) == len(set(ids))


def test_the_report_shows_what_was_measured(report, run):
    text = report.read_text()
    assert f"{100 * run.test.accuracy:.2f}\u202f%" in text
    assert f"{run.training.parameters:,}" in text
    assert text.count("<section") == 9
    assert text.count("<svg") == len(list((run.path / "figures").iterdir())) + 1  # and the flowchart


def test_every_figure_is_saved_as_png_too(report, run):
    names = {path.name for path in (run.path / "figures").iterdir()}
    assert {"samples.png", "distribution.png", "preprocessing.png", "network.png", "curves.png", "confusion.png",
            "mistakes.png", "predictions.png"} <= names  # fmt: skip
    for path in (run.path / "figures").iterdir():
        with Image.open(path) as picture:
            assert min(picture.size) > 100
            assert len(picture.convert("L").getcolors() or range(300)) > 10  # not one flat color


def test_svg_colors_follow_the_theme(report):
    svgs = re.findall(r"<svg.*?</svg>", report.read_text(), re.DOTALL)
    for svg in svgs:
        left = set(re.findall(r"#[0-9a-fA-F]{6}\b", svg)) - {"#000000"}
        assert not left, left


def test_html_in_a_recipe_is_text(run, tmp_path, without_drawing):
    copy = shutil.copytree(run.path, tmp_path / "run")
    recipe = copy / "recipe.toml"
    recipe.write_text(re.sub(r'description = ".*"', 'description = "<script>alert(1)</script>"', recipe.read_text()))
    assert "<script>alert" not in write_report(Run.load(copy)).read_text()


def test_the_report_of_an_unfinished_run_is_refused(tmp_path, quick):
    (tmp_path / "recipe.toml").write_text(quick.to_toml())
    with pytest.raises(RunError, match="not finished"):
        write_report(Run.load(tmp_path))
    assert not (tmp_path / "report.html").exists()


def test_the_exported_model_agrees_with_torch(run, small):
    import torch

    from tenfold.training.trainer import predict_logits

    expected = predict_logits(run.model(), torch.from_numpy(small.test_images)).softmax(1).numpy()
    assert abs(run.predict(small.test_images) - expected).max() < 1e-4
    assert run.training.onnx_difference < 1e-4
    assert (run.path / "model.onnx").stat().st_size < 600_000


def test_an_export_that_differs_is_not_kept(quick, small, tmp_path, monkeypatch):
    from tenfold.exporters import onnx

    layers = onnx.inference_layers(build_model(quick.model))
    monkeypatch.setattr(onnx, "inference_layers", lambda model, temperature: layers)
    with pytest.raises(ExportError, match="differs"):
        export_onnx(build_model(quick.model), tmp_path / "model.onnx", small.test_images)
    assert not list(tmp_path.iterdir())


def test_any_batch_size_is_taken(run, small):
    rows = [run.predict(small.test_images[:count]) for count in (0, 1, 3)]
    assert [row.shape for row in rows] == [(0, 10), (1, 10), (3, 10)]
    assert evaluate(run).images == 500


@pytest.mark.parametrize("count", [0, 1, 5])
def test_grids_of_images_take_any_number_and_names_of_any_length(count):
    images = np.zeros((count, 28, 28), np.uint8)
    names = ("a", "$x_1$", 30 * "long ")
    probabilities = np.full((count, 3), 1 / 3, np.float32)
    labels = np.full(count, 2)
    for draw in (
        partial(labeled_grid, images, [names[2]] * count),
        partial(predictions, images, probabilities, names, labels=labels),
    ):
        wide, tall = Image.open(io.BytesIO(to_png(draw))).size
        assert 900 < wide < 1300
        assert tall < 900
