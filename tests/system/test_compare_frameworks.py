"""A comparison that one broken framework stops, or that calls chance a difference, says nothing."""

import json
import time

import pytest

from lab.frameworks import framework_comparison as comparison
from lab.frameworks import framework_tables as terminal
from lab.frameworks.__main__ import app
from lab.frameworks.framework_comparison import FrameworkComparison, FrameworkPlan, accuracies_agree
from lab.frameworks.framework_registry import FRAMEWORKS
from lab.frameworks.framework_report import write_framework_report
from lab.frameworks.framework_task import TASKS
from tenfold.cli import main
from tenfold.errors import RunError
from tenfold.evaluation.statistics import spread

pytestmark = pytest.mark.usefixtures("own_core")


def test_one_framework_that_goes_wrong_does_not_stop_the_rest(tmp_path, odd_framework):
    for name in ("crashes", "raises", "swells", "quicker"):
        odd_framework(name)
    odd_framework("broken", target="broken:Broken")
    odd_framework("absent", distributions=("numpy", "no-such-distribution"))
    odd_framework("right")
    names = ("crashes", "raises", "swells", "quicker", "broken", "absent", "right")
    plan = FrameworkPlan(frameworks=names, seeds=1, seconds=300, memory_gb=3)
    said: list[str] = []
    study = FrameworkComparison.create(plan, tmp_path)
    rows = {row.framework: row for row in study.run(said.append)}
    assert {name: row.status for name, row in rows.items()} == {
        "crashes": "crashed", "raises": "crashed", "swells": "memory", "quicker": "failed",
        "broken": "broken", "absent": "missing", "right": "measured",
    }  # fmt: skip
    assert "SIGABRT" in rows["crashes"].reason
    assert rows["raises"].reason == "RuntimeError: out of ideas"
    assert "3 GB" in rows["swells"].reason
    assert rows["broken"].reason == "ModuleNotFoundError: No module named 'no_such_library'"
    assert "pip install --group frameworks" in rows["absent"].reason
    assert "\n" not in "".join(row.reason for row in rows.values())
    page = write_framework_report(study, list(rows.values())).read_text()
    assert all(name.title() in page for name in names)
    ((_, columns, table),) = terminal.tables(list(rows.values()))
    assert all(len(cells) == len(columns) for cells in table)


@pytest.mark.parametrize(("name", "tool"), [("pytorch-compiled", "g++"), ("tinygrad", "clang")])
def test_without_a_compiler_those_that_need_one_say_which(tmp_path, monkeypatch, needs, name, tool):
    needs(", ".join(FRAMEWORKS[name].missing))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    study = FrameworkComparison.create(FrameworkPlan(frameworks=(name,)), tmp_path)
    (row,) = study.run(lambda line: None)
    assert row.status == "crashed"
    assert row.reason.endswith(
        f"which is not installed: apt install {tool}" + (", or set CXX" if tool == "g++" else "")
    )


def test_a_framework_that_hangs_is_ended_at_its_limit(tmp_path, odd_framework):
    odd_framework("hangs")
    study = FrameworkComparison.create(FrameworkPlan(frameworks=("hangs",), seconds=12), tmp_path)
    started = time.monotonic()
    (row,) = study.run(lambda line: None)
    assert (row.status, row.reason) == ("hung", "no result within 12 s")
    assert time.monotonic() - started < 25


def test_an_interrupted_comparison_resumes_without_repeating_anything(tmp_path, odd_framework):
    odd_framework("right")
    plan = FrameworkPlan(frameworks=("right",), seeds=2, seconds=300)
    study = FrameworkComparison.create(plan, tmp_path)

    def stop(line):
        if "/0:" in line:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt, match="--resume"):
        study.run(stop)
    lines: list[str] = []
    again = FrameworkComparison.load(study.path)
    (row,) = again.run(lines.append)
    assert [line.split(":")[0] for line in lines] == ["mlp/1/right/1"]
    assert row.figures["training_s"].n == 2
    document = json.loads((study.path / "frameworks.json").read_text())
    assert document["cells"]["mlp/1/right/0"]["test_accuracy"] > 0.96
    assert len(document["cells"]["mlp/1/right/0"]["epochs_s"]) == TASKS["mlp"].epochs


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--frameworks", "pytroch"], "there is no framework 'pytroch'; did you mean 'pytorch'?"),
        (["--network", "resnet"], "there is no network 'resnet'; known: cnn, mlp"),
        (["--threads", "100000"], "--threads 100000: this machine supports 1 to"),
        (["--threads", "0"], "--threads 0: this machine supports 1 to"),
        (["--threads", "two"], "--threads takes whole numbers separated by commas, not 'two'"),
        (["--seeds", "0"], "--seeds must be at least 1, not 0"),
        (["--limit-seconds", "0"], "the limits of time and memory must be above 0"),
        (["--frameworks", "numpy", "--network", "cnn"], "numpy can't run cnn: nothing to compare"),
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


def test_resuming_takes_the_plan_as_it_was(tmp_path, capsys):
    with pytest.raises(SystemExit) as left:
        main(["--resume", str(tmp_path), "--seeds", "3"], app)
    assert left.value.code == 2
    with pytest.raises(RunError, match=r"frameworks\.json can't be read"):
        FrameworkComparison.load(tmp_path)
    (tmp_path / "frameworks.json").write_text('{"format": 99}')
    with pytest.raises(RunError, match="format 99; this version reads 1"):
        FrameworkComparison.load(tmp_path)


def test_no_report_is_written_when_nothing_was_measured(tmp_path, odd_framework):
    odd_framework("absent", distributions=("no-such-distribution",))
    study = FrameworkComparison.create(FrameworkPlan(frameworks=("absent",)), tmp_path)
    with pytest.raises(RunError, match="no framework was measured"):
        write_framework_report(study, study.run(lambda line: None))


def test_a_place_is_lost_only_to_what_is_faster_beyond_chance():
    rows = [_row("a", [10.0, 10.1, 10.2]), _row("b", [10.1, 10.2, 10.3]), _row("c", [20.0, 20.5, 21.0])]
    assert [comparison._ahead(row, rows) for row in rows] == [0, 0, 2]
    alone = [_row("a", [10.0]), _row("b", [20.0])]
    assert [comparison._ahead(row, alone) for row in alone] == [None, None]


def test_accuracies_beyond_the_spread_are_pointed_at():
    rows = [_row(name, [1.0] * 5, [0.974, 0.975, 0.976, 0.975, 0.975]) for name in "abcdefg"]
    off = _row("off", [1.0] * 5, [0.971, 0.972, 0.973, 0.972, 0.972])
    everyone = [*rows, off]
    assert [accuracies_agree(row, everyone) for row in everyone] == [True] * 7 + [False]
    assert accuracies_agree(_row("a", [1.0], [0.97]), [_row("a", [1.0], [0.97])]) is None


def _row(name, seconds, accuracies=()):
    figures = {"training_s": spread(seconds), "test_accuracy": spread(accuracies or [0.97] * len(seconds))}
    return comparison.FrameworkResult(
        framework=name, network="mlp", threads=1, status="measured", reason="", gate={}, versions={}, installed_bytes=0,
        figures=figures,
    )  # fmt: skip
