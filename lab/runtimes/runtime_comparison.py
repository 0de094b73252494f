"""A comparison of runtimes: every file, every gate, every round, in one folder."""

import dataclasses
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from lab.comparison_folder import check_limits, document
from lab.installed import installed_bytes
from lab.runtimes.runtime_network import Answers, Network, load_network, size_bytes, write
from lab.runtimes.runtime_registry import RUNTIMES, RuntimeEntry, chosen
from lab.worker import WorkerError, run_worker
from tenfold import files
from tenfold.data import Dataset, load_dataset
from tenfold.errors import UsageError
from tenfold.exporters.onnx import TOLERANCE
from tenfold.machine import Environment, describe_environment, usable_cores
from tenfold.runs.export import CHANGED
from tenfold.runs.resumable import new_folder

FILE = "runtimes.json"


@dataclass(frozen=True, kw_only=True)
class RuntimePlan:
    """What to compare. model: see `runtime_network.load_network`. seconds: measuring time per runtime and round.
    limit_seconds, limit_gb: limits of one process."""

    runtimes: tuple[str, ...]
    model: str | None = None
    threads: int = 1
    rounds: int = 5
    seconds: float = 4.0
    limit_seconds: float = 300.0
    limit_gb: float = 4.0


@dataclass(frozen=True, kw_only=True)
class Times:
    """Median, minimum and maximum over n rounds."""

    n: int
    median: float
    least: float
    most: float


@dataclass(frozen=True, kw_only=True)
class RuntimeResult:
    """The result of a runtime.

    status: `measured`, or why it is not: `missing` (not installed), `broken` (can't be imported), `unfit` (can't run
    this network), `failed` (the gate), `crashed`, `hung`, `memory`. reason: an explanation. gate: on all test images,
    the largest difference of a probability from the network's own in float32, the share classified the same, and the
    accuracy. figures: over rounds, by name. batch: the batch size with the highest throughput. place: rank by latency;
    1 is the fastest, and runtimes whose ranges over rounds overlap share a rank.
    """

    runtime: str
    status: str
    reason: str
    weights: str
    versions: dict[str, str]
    installed_bytes: int | None
    size_bytes: int | None = None
    gate: dict[str, Any] = field(default_factory=dict)
    figures: dict[str, Times] = field(default_factory=dict)
    throughput: dict[int, Times] = field(default_factory=dict)
    batch: int | None = None
    place: int | None = None


@dataclass(frozen=True)
class RuntimeComparison:
    """A comparison's folder. found: the state of each runtime, by name: status, reason, versions, gate and rounds.
    references: the network's own probabilities, by the type of its weights."""

    path: Path
    plan: RuntimePlan
    network: Network
    data: Dataset
    environment: Environment
    found: dict[str, dict[str, Any]]
    references: dict[str, Answers] = field(default_factory=dict)

    @classmethod
    def create(cls, plan: RuntimePlan, folder: Path) -> "RuntimeComparison":
        """Creates a comparison in a new folder below `folder`. Raises `UsageError` if the plan can't be run."""
        check(plan)
        network, data = load_network(plan.model), load_dataset("mnist")
        path = new_folder(folder, "compare-runtimes")
        found: dict[str, dict[str, Any]] = {name: {"status": "not yet", "rounds": []} for name in plan.runtimes}
        return cls(path, plan, network, data, describe_environment(), found)

    def run(self, log: Callable[[str], None]) -> list[RuntimeResult]:
        """Writes the files, checks every runtime against the network, and measures those that pass, interleaved."""
        models = files.make_folder(self.path / "models")
        write(self.network, models, np.array(self.data.train_images))
        np.save(models / "images.npy", np.array(self.data.test_images))
        for name in self.plan.runtimes:
            self._gate(name)
            log(f"{name}: {_describe_gate(self.found[name])}")
            self._write()
        for turn in range(self.plan.rounds):
            # In a different order each time: a runtime finds libraries shared with its predecessor in the cache.
            for name in np.random.default_rng(turn).permutation(self.plan.runtimes).tolist():
                if self.found[name]["status"] in ("passed", "measured"):
                    self._round(name)
                    log(f"{name}, round {turn + 1} of {self.plan.rounds}: {_describe_round(self.found[name])}")
            self._write()
        for scratch in (models / "images.npy", *models.glob("answers-*.npy")):
            scratch.unlink(missing_ok=True)
        return self.rows()

    def rows(self) -> list[RuntimeResult]:
        """The result of each runtime, the lowest latency first and failures last."""
        rows = [self._row(name) for name in self.plan.runtimes]
        placed = [dataclasses.replace(row, place=_place(row, rows)) for row in rows]
        return sorted(placed, key=lambda row: (not row.figures, row.figures and row.figures["latency_ms"].median))

    def _gate(self, name: str) -> None:
        entry, found = RUNTIMES[name], self.found[name]
        if entry.needs_graph and self.network.layers is None:
            found.update(status="unfit", reason=self.network.why_no_graph)
        elif missing := entry.missing:
            found.update(status="missing", reason=missing)
        else:
            done = self._work(name, "convert") if entry.convert else {"status": "converted"}
            found["versions"] = done.get("versions", {})
            if done["status"] == "converted":
                done = self._work(name, "answers")
            found.update(self._judge(name) if done["status"] == "answered" else done)

    def _judge(self, name: str) -> dict[str, Any]:
        """Within 1e-4 of PyTorch with the same weights; with int8, at most one digit in 200 may change as well."""
        weights = RUNTIMES[name].weights
        answers = np.load(self._answers(name))
        images, labels = self.data.test_images, self.data.test_labels
        for kind in ("float32", weights):
            if kind not in self.references:
                self.references[kind] = self.network.answers(images, kind)
        whole, own = self.references["float32"], self.references[weights]
        if answers.shape != own.shape:
            return {"status": "failed", "reason": f"returns {answers.shape}, not {own.shape}"}
        if not np.isfinite(answers).all():
            return {"status": "failed", "reason": "returns probabilities that are not finite"}
        gate = {
            "own": float(np.abs(answers - own).max()),
            "difference": float(np.abs(answers - whole).max()),
            "agreement": float((answers.argmax(1) == whole.argmax(1)).mean()),
            "accuracy": float((answers.argmax(1) == labels).mean()),
        }
        if gate["own"] > TOLERANCE:
            reason = f"a probability is off by {gate['own']:.1g}; {TOLERANCE:g} is allowed"
        elif gate["agreement"] < 1 - CHANGED:
            reason = f"reads {100 * gate['agreement']:.2f} % as in float32; {100 * (1 - CHANGED):g} % is required"
        else:
            return {"status": "passed", "gate": gate}
        return {"status": "failed", "gate": gate, "reason": reason}

    def _round(self, name: str) -> None:
        found = self.found[name]
        opened = self._work(name, "load")
        timed = self._work(name, "clock") if opened["status"] == "measured" else opened
        if timed["status"] == "measured":
            found["rounds"].append({"load": opened, "clock": timed})
            found["status"] = "measured"
        else:
            found.update(status=timed["status"], reason=f"round {len(found['rounds']) + 1}: {timed['reason']}")

    def _work(self, name: str, what: str) -> dict[str, Any]:
        entry = RUNTIMES[name]
        models = (self.path / "models").resolve()
        spec = {
            "target": entry.convert if what == "convert" else entry.target, "folder": str(models),
            "file": str(models / entry.file), "images": str(models / "images.npy"), "answers": str(self._answers(name)),
            "threads": self.plan.threads, "seconds": self.plan.seconds,
        }  # fmt: skip
        try:
            return run_worker(
                f"{entry.worker}:{what}", spec, cores=usable_cores()[: self.plan.threads],
                seconds=self.plan.limit_seconds, memory_gb=self.plan.limit_gb, environment=entry.environment,
            )  # fmt: skip
        except WorkerError as error:
            return {"status": error.kind, "reason": str(error)}

    def _answers(self, name: str) -> Path:
        return self.path.resolve() / "models" / f"answers-{name}.npy"

    def _row(self, name: str) -> RuntimeResult:
        entry, found = RUNTIMES[name], self.found[name]
        rounds, file = found["rounds"], self.path / "models" / entry.file
        figures, throughput = {}, {}
        if rounds:
            for figure in ("load_s", "import_s", "open_s", "first_s", "peak_bytes", "bare_bytes"):
                figures[figure] = _times([turn["load"][figure] for turn in rounds])
            for figure in ("latency_ms", "latency_p99_ms"):
                figures[figure] = _times([turn["clock"][figure] for turn in rounds])
            figures["batch_peak_bytes"] = _times([turn["clock"]["peak_bytes"] for turn in rounds])
            throughput = {
                int(size): _times([turn["clock"]["images_per_s"][size] for turn in rounds])
                for size in rounds[0]["clock"]["images_per_s"]
            }
            figures["images_per_s"] = max(throughput.values(), key=lambda times: times.median)
        batch = next((size for size, times in throughput.items() if times == figures["images_per_s"]), None)
        return RuntimeResult(
            runtime=name, status=found["status"], reason=found.get("reason", ""), weights=entry.weights,
            versions={**entry.versions, **found.get("versions", {})}, installed_bytes=_installed(entry),
            size_bytes=size_bytes(file) if file.exists() and "gate" in found else None, gate=found.get("gate", {}),
            figures=figures, throughput=throughput, batch=batch,
        )  # fmt: skip

    def _write(self) -> None:
        files.write_json(self.path / FILE, self.as_document())

    def as_document(self) -> dict[str, Any]:
        """The plan and all results, for JSON."""
        network = {"title": self.network.title, "parameters": self.network.parameters}
        return document(self.plan, self.environment, self.rows(), network=network, found=self.found)


def check(plan: RuntimePlan) -> None:
    """Raises `UsageError` if the plan can't be run on this machine."""
    chosen(plan.runtimes)
    check_limits([plan.threads], plan.limit_seconds, plan.limit_gb)
    if plan.rounds < 1:
        raise UsageError(f"--rounds must be at least 1, not {plan.rounds}")
    if not plan.seconds > 0:
        raise UsageError(f"--seconds must be above 0, not {plan.seconds:g}")


def _times(values: Sequence[float]) -> Times:
    return Times(n=len(values), median=statistics.median(values), least=min(values), most=max(values))


def _place(row: RuntimeResult, rows: Sequence[RuntimeResult]) -> int | None:
    """Rank: one more than the number of runtimes whose slowest round is faster than its fastest."""
    if not row.figures:
        return None
    own = row.figures["latency_ms"].least
    return 1 + sum(bool(other.figures) and other.figures["latency_ms"].most < own for other in rows)


def _installed(entry: RuntimeEntry) -> int | None:
    """Bytes of what runs the model: a converter is not deployed, and a browser is already installed."""
    return installed_bytes(tuple(entry.needs)[:1]) if entry.needs else None


def _describe_gate(found: dict[str, Any]) -> str:
    if found["status"] != "passed":
        return f"{found['status']}: {found['reason']}"
    gate = found["gate"]
    return f"passed the gate: {100 * gate['accuracy']:.2f} % right, probabilities within {gate['difference']:.1g}"


def _describe_round(found: dict[str, Any]) -> str:
    if found["status"] != "measured":
        return f"{found['status']}: {found['reason']}"
    last = found["rounds"][-1]
    return f"{last['clock']['latency_ms']:.3g} ms an image, {last['load']['load_s']:.2g} s to the first answer"
