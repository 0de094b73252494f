"""A comparison that times what is not the same, or that one broken framework stops, tells nothing."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from tenfold.cli import main
from tenfold.compare.frameworks import comparison, measure, reference, registry, terminal
from tenfold.compare.frameworks.comparison import Comparison, Plan, accuracies_agree
from tenfold.compare.frameworks.on_numpy import NumPy
from tenfold.compare.frameworks.page import write_page
from tenfold.compare.frameworks.registry import FRAMEWORKS, Entry, installed_bytes
from tenfold.compare.frameworks.task import TASKS, Digits, load_weights, save_weights
from tenfold.compare.worker import run_worker
from tenfold.errors import RunError, WorkerError
from tenfold.evaluation.statistics import spread

SETUPS = [(name, network) for name, entry in FRAMEWORKS.items() for network in entry.networks]
# Frameworks that go wrong, each in its own way, and one that does everything right.
ODD = """
import os, time, sys
import numpy as np
from tenfold.compare.frameworks.on_numpy import NumPy as Right

class Crashes(Right):
    def train(self, order):
        os.abort()

class Raises(Right):
    def train(self, order):
        raise RuntimeError("out of ideas")

class Hangs(Right):
    def train(self, order):
        time.sleep(600)

class Hoards(Right):
    def train(self, order):
        self.pile = [np.ones(2**26) for _ in range(64)]

class Quicker(Right):
    def __init__(self, task, weights, threads):
        super().__init__(task, weights, threads)
        from dataclasses import replace
        self.task = replace(task, learning_rate=1.01 * task.learning_rate)

class Shuffles(Right):
    def train(self, order):
        return super().train(order[::-1])

class Skews(Right):
    def gradients(self, images, labels):
        return [1.002 * gradient for gradient in super().gradients(images, labels)]

class Blurs(Right):
    def predict(self, images):
        return super().predict(images) + np.linspace(0, 3e-4, 10, dtype=np.float32)

class Nans(Right):
    def weights(self):
        return [weight * np.nan for weight in super().weights()]

class Strays(Right):
    def gradients(self, images, labels):
        *rest, last = super().gradients(images, labels)
        return [*rest, last * np.nan]
"""


@pytest.fixture
def odd(tmp_path, monkeypatch):
    """Puts a framework of the module above among those that there are."""
    (tmp_path / "odd.py").write_text(ODD)
    (tmp_path / "broken.py").write_text("import no_such_library\n")

    def put(name, target="", **fields):
        entry = Entry(
            title=name.title(), target=target or f"odd:{name.title()}", distributions=("numpy",), networks=("mlp",),
            environment={"PYTHONPATH": str(tmp_path)},
        )  # fmt: skip
        monkeypatch.setitem(FRAMEWORKS, name, dataclasses.replace(entry, **fields))

    return put


@pytest.fixture
def needs_installed():
    """Skips where a distribution is not installed; in CI that is a failure."""

    def check(*distributions):
        if missing := [name for name in distributions if not registry._is_installed(name)]:
            reason = f"needs {', '.join(missing)}: {registry.INSTALL}"
            (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)

    return check


@pytest.fixture
def brief(monkeypatch):
    """An mlp that is trained for two short epochs; in this process, where workers are not needed."""
    task = dataclasses.replace(TASKS["mlp"], epochs=2)
    monkeypatch.setitem(TASKS, "mlp", task)
    return task


@pytest.mark.parametrize("network", ["mlp", "cnn"])
def test_the_references_gradients_are_the_slopes_of_its_loss(network):
    task = dataclasses.replace(TASKS[network], batch_size=8)
    images, labels = (part[:8] for part in Digits().test)
    weights = [weight.astype(np.float64) for weight in task.first_weights(1)]
    _, gradients = reference.loss_and_gradients(weights, images, labels)
    rng = np.random.default_rng(0)
    for weight, gradient in zip(weights, gradients, strict=True):
        direction = rng.standard_normal(weight.shape)
        original, reach = weight.copy(), 1e-6
        losses = []
        for sign in (1, -1):
            weight[...] = original + sign * reach * direction
            losses.append(reference.loss_and_gradients(weights, images, labels)[0])
        weight[...] = original
        assert (losses[0] - losses[1]) / (2 * reach) == pytest.approx(float((gradient * direction).sum()), rel=1e-4)


def test_the_references_loss_is_that_of_its_logits():
    task = TASKS["cnn"]
    images, labels = (part[:16] for part in Digits().test)
    weights = [weight.astype(np.float64) for weight in task.first_weights(0)]
    scores = reference.logits(weights, images)
    by_hand = np.log(np.exp(scores).sum(1)) - scores[np.arange(16), labels]
    assert reference.loss_and_gradients(weights, images, labels)[0] == pytest.approx(by_hand.mean())


def test_the_task_counts_its_arithmetic_and_draws_whole_epochs():
    task = TASKS["mlp"]
    assert task.flops == 2 * (2 * 784 * 128 + 3 * (128 * 64 + 64 * 10))
    order = task.order(0, 3, 48_001)
    assert len(order) == 48_000
    assert len(set(order.tolist())) == 48_000
    assert not np.array_equal(order, task.order(0, 4, 48_001))
    assert [weight.shape for weight in task.first_weights(0)] == list(task.shapes)


def test_the_weights_file_gives_back_what_was_put_in(tmp_path):
    weights = TASKS["cnn"].first_weights(5)
    back = load_weights(save_weights(tmp_path / "w.npz", weights))
    assert all(np.array_equal(a, b) for a, b in zip(weights, back, strict=True))


@pytest.mark.slow
@pytest.mark.parametrize(("name", "network"), SETUPS)
def test_every_framework_passes_the_gate(tmp_path, name, network, needs_installed):
    entry = FRAMEWORKS[name]
    needs_installed(*entry.distributions)
    gate = _worked("gate", entry, tmp_path, network)
    assert gate["status"] == "passed", gate
    assert gate["first_step_s"] > 0


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("quicker", "movement"),
        ("shuffles", "movement"),
        ("skews", "gradients"),
        ("blurs", "logits"),
        ("nans", "movement"),
        ("strays", "gradients"),
    ],
)
def test_what_does_other_arithmetic_does_not_pass(tmp_path, odd, name, what):
    odd(name)
    gate = _worked("gate", FRAMEWORKS[name], tmp_path, "mlp")
    assert gate["status"] == "failed"
    limit = {"logits": measure.LOGITS, "gradients": measure.GRADIENTS, "movement": measure.MOVEMENT}[what]
    assert gate[what] is None if name in ("nans", "strays") else gate[what] > limit


def test_the_usual_epsilon_would_not_pass_where_it_is_added_to_the_uncorrected_root():
    task = dataclasses.replace(TASKS["mlp"], epsilon=1e-8)
    digits, order = Digits(), TASKS["mlp"].order(0, 0, 48_000)[: 20 * 32]
    images, labels = (part[order] for part in digits.train)
    weights = task.first_weights(0)
    paper, other = reference.Adam(task, weights), _Uncorrected(task, weights)
    for start in range(0, len(images), 32):
        for way in (paper, other):
            way.step(images[start : start + 32], labels[start : start + 32])
    apart = np.concatenate([np.abs(a - b).ravel() for a, b in zip(paper.weights, other.weights, strict=True)])
    assert np.percentile(apart, 90) / task.learning_rate > 10 * measure.MOVEMENT


class _Uncorrected(reference.Adam):
    """The form at the end of section 2 of the paper."""

    def step(self, images, labels):
        task, self.steps = self.task, self.steps + 1
        loss, gradients = reference.loss_and_gradients(self.weights, images, labels)
        rate = task.learning_rate * (1 - task.beta2**self.steps) ** 0.5 / (1 - task.beta1**self.steps)
        for weight, slope, first, second in zip(self.weights, gradients, self.first, self.second, strict=True):
            first += (1 - task.beta1) * (slope - first)
            second += (1 - task.beta2) * (slope**2 - second)
            weight -= rate * first / (np.sqrt(second) + task.epsilon)
        return loss


@pytest.mark.slow
def test_one_framework_that_goes_wrong_does_not_stop_the_rest(tmp_path, odd):
    for name in ("crashes", "raises", "hoards", "quicker"):
        odd(name)
    odd("broken", target="broken:Broken")
    odd("absent", distributions=("numpy", "no-such-distribution"))
    odd("right")
    names = ("crashes", "raises", "hoards", "quicker", "broken", "absent", "right")
    plan = Plan(frameworks=names, seeds=1, seconds=300, memory_gb=3)
    said: list[str] = []
    study = Comparison.begin(plan, tmp_path)
    rows = {row.framework: row for row in study.run(said.append)}
    assert {name: row.status for name, row in rows.items()} == {
        "crashes": "crashed", "raises": "crashed", "hoards": "memory", "quicker": "failed",
        "broken": "broken", "absent": "missing", "right": "measured",
    }  # fmt: skip
    assert "SIGABRT" in rows["crashes"].told
    assert rows["raises"].told == "RuntimeError: out of ideas"
    assert "3 GB" in rows["hoards"].told
    assert rows["broken"].told == "ModuleNotFoundError: No module named 'no_such_library'"
    assert "pip install 'tenfold[compare]'" in rows["absent"].told
    assert "\n" not in "".join(row.told for row in rows.values())
    page = write_page(study, list(rows.values())).read_text()
    assert all(name.title() in page for name in names)
    ((_, columns, table),) = terminal.tables(list(rows.values()))
    assert all(len(cells) == len(columns) for cells in table)


@pytest.mark.parametrize(("name", "tool"), [("pytorch-compiled", "g++"), ("tinygrad", "clang")])
def test_without_a_compiler_those_that_need_one_say_which(tmp_path, monkeypatch, needs_installed, name, tool):
    needs_installed(*FRAMEWORKS[name].distributions)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    study = Comparison.begin(Plan(frameworks=(name,)), tmp_path)
    (row,) = study.run(lambda line: None)
    assert row.status == "crashed"
    assert row.told.endswith(f"which is not installed: apt install {tool}" + (", or set CXX" if tool == "g++" else ""))


def test_a_framework_that_hangs_is_ended_at_its_limit(tmp_path, odd):
    odd("hangs")
    study = Comparison.begin(Plan(frameworks=("hangs",), seconds=12), tmp_path)
    started = time.monotonic()
    (row,) = study.run(lambda line: None)
    assert (row.status, row.told) == ("hung", "no result within 12 s")
    assert time.monotonic() - started < 25


@pytest.mark.slow
def test_a_stopped_comparison_goes_on_and_repeats_nothing(tmp_path, odd):
    odd("right")
    plan = Plan(frameworks=("right",), seeds=2, seconds=300)
    study = Comparison.begin(plan, tmp_path)

    def stop(line):
        if "/0:" in line:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt, match="--resume"):
        study.run(stop)
    told: list[str] = []
    again = Comparison.load(study.path)
    (row,) = again.run(told.append)
    assert [line.split(":")[0] for line in told] == ["mlp/1/right/1"]
    assert row.figures["training_s"].n == 2
    document = json.loads((study.path / "frameworks.json").read_text())
    assert document["cells"]["mlp/1/right/0"]["test_accuracy"] > 0.96
    assert len(document["cells"]["mlp/1/right/0"]["epochs_s"]) == TASKS["mlp"].epochs


def test_a_worker_does_not_outlive_a_parent_that_is_killed(tmp_path):
    if sys.platform != "linux":
        pytest.skip("only Linux ends a child with its parent")
    (tmp_path / "naps.py").write_text(
        "import os, pathlib, time\n"
        "def nap(spec):\n"
        "    pathlib.Path(spec['file']).write_text(str(os.getpid()))\n"
        "    time.sleep(600)\n"
    )
    script = (
        "from tenfold.compare.worker import run_worker\n"
        f"run_worker('naps:nap', {{'file': {str(tmp_path / 'pid')!r}}}, cores=[{min(os.sched_getaffinity(0))}],"
        " seconds=600, memory_gb=1)"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], env={**os.environ, "PYTHONPATH": str(tmp_path)})
    try:
        _until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text().strip())
        worker = int((tmp_path / "pid").read_text())
    finally:
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    _until(lambda: not Path(f"/proc/{worker}").exists() or "\nState:\tZ" in Path(f"/proc/{worker}/status").read_text())


def test_a_workers_children_end_with_it(tmp_path):
    (tmp_path / "brood.py").write_text(
        "import subprocess, time\n"
        "def brood(spec):\n"
        "    child = subprocess.Popen(['sleep', '600'])\n"
        "    open(spec['file'], 'w').write(str(child.pid))\n"
        "    time.sleep(600)\n"
    )
    with pytest.raises(WorkerError, match="no result within 3 s") as failed:
        run_worker(
            "brood:brood", {"file": str(tmp_path / "pid")}, cores=sorted(os.sched_getaffinity(0))[:1], seconds=3,
            memory_gb=1, environment={"PYTHONPATH": str(tmp_path)},
        )  # fmt: skip
    assert failed.value.kind == "hung"
    child = int((tmp_path / "pid").read_text())
    _until(lambda: not Path(f"/proc/{child}").exists() or "\nState:\tZ" in Path(f"/proc/{child}/status").read_text())


def test_a_worker_is_pinned_and_told_its_threads(tmp_path):
    (tmp_path / "look.py").write_text(
        "import os\n"
        "def look(spec):\n"
        "    return {'cores': sorted(os.sched_getaffinity(0)), 'threads': os.environ['OMP_NUM_THREADS']}\n"
    )
    cores = sorted(os.sched_getaffinity(0))[-1:]
    seen = run_worker("look:look", {}, cores=cores, seconds=30, memory_gb=1, environment={"PYTHONPATH": str(tmp_path)})
    assert seen == {"cores": cores, "threads": "1"}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--frameworks", "pytroch"], "there is no framework 'pytroch'; did you mean 'pytorch'?"),
        (["--network", "resnet"], "there is no network 'resnet'; known: cnn, mlp"),
        (["--threads", "100000"], "--threads 100000: this machine has 1 to"),
        (["--threads", "0"], "--threads 0: this machine has 1 to"),
        (["--threads", "two"], "--threads takes whole numbers with commas between, not 'two'"),
        (["--seeds", "0"], "--seeds is 1 or more, not 0"),
        (["--limit-seconds", "0"], "the limits of time and memory are above 0"),
        (["--frameworks", "numpy", "--network", "cnn"], "numpy can't express cnn: nothing to compare"),
    ],
)
def test_what_makes_no_sense_is_told_before_anything_is_made(tmp_path, capsys, words, told):
    with pytest.raises(SystemExit) as left:
        main(["compare", "frameworks", "--out", str(tmp_path / "new"), *words])
    assert left.value.code == 2
    error = capsys.readouterr().err
    assert told in error
    assert len(error.strip().splitlines()) == 1
    assert not (tmp_path / "new").exists()


def test_resuming_takes_the_plan_as_it_was(tmp_path, capsys):
    with pytest.raises(SystemExit) as left:
        main(["compare", "frameworks", "--resume", str(tmp_path), "--seeds", "3"])
    assert left.value.code == 2
    with pytest.raises(RunError, match=r"frameworks\.json can't be read"):
        Comparison.load(tmp_path)
    (tmp_path / "frameworks.json").write_text('{"format": 99}')
    with pytest.raises(RunError, match="format 99; this version reads 1"):
        Comparison.load(tmp_path)


def test_where_nothing_was_measured_no_page_pretends_so(tmp_path, odd):
    odd("absent", distributions=("no-such-distribution",))
    study = Comparison.begin(Plan(frameworks=("absent",)), tmp_path)
    with pytest.raises(RunError, match="no framework was measured"):
        write_page(study, study.run(lambda line: None))


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


def test_the_size_of_an_installation_counts_what_it_requires():
    alone = installed_bytes(("numpy",))
    assert alone > 10e6
    assert installed_bytes(("scipy",)) > alone
    assert installed_bytes(("scipy", "numpy")) == installed_bytes(("scipy",))
    assert installed_bytes(("no-such-distribution",)) == 0


def test_numbers_are_written_to_three_digits():
    written = [terminal.significant(value) for value in (123456, 59.96, 1.0, 0.03714, 0)]
    assert written == ["123,000", "60.0", "1.00", "0.0371", "0"]


def test_numpy_learns(brief):
    digits = Digits()
    framework = NumPy(brief, brief.first_weights(0), 1)
    framework.hold(*digits.train)
    losses = [framework.train(brief.order(0, epoch, 48_000)) for epoch in range(2)]
    assert losses[1] < 0.5 * losses[0]
    assert measure._accuracy(framework, *digits.validation) > 0.94


def _row(name, seconds, accuracies=()):
    figures = {"training_s": spread(seconds), "test_accuracy": spread(accuracies or [0.97] * len(seconds))}
    return comparison.Row(
        framework=name, network="mlp", threads=1, status="measured", told="", gate={}, versions={}, installed_bytes=0,
        figures=figures,
    )  # fmt: skip


def _worked(what, entry, folder, network):
    weights = save_weights(folder / "weights.npz", TASKS[network].first_weights(0))
    spec = {"target": entry.target, "network": network, "weights": str(weights), "seed": 0, "threads": 1}
    return run_worker(
        f"tenfold.compare.frameworks.measure:{what}", spec, cores=sorted(os.sched_getaffinity(0))[:1], seconds=300,
        memory_gb=8, environment=entry.environment,
    )  # fmt: skip


def _until(holds):
    end = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)
