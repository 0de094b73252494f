"""A comparison of frameworks: gates and measurements, in one folder that can be resumed."""

import dataclasses
import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab.comparison_folder import FORMAT, check_limits, document
from lab.frameworks.framework_registry import FRAMEWORKS, INSTALL, chosen
from lab.frameworks.framework_task import TASKS, save_weights
from lab.installed import installed_bytes
from lab.worker import WorkerError, run_worker
from tenfold import files
from tenfold.errors import RunError, UsageError, nearest
from tenfold.evaluation.statistics import Spread, spread
from tenfold.machine import Environment, describe_environment, usable_cores
from tenfold.runs.resumable import new_folder

FILE = "frameworks.json"
_MEASURE = "lab.frameworks.framework_measurement:"

# Differences from the reference that the gate measures.
DIFFERENCES = ("logits", "gradients", "movement")
# What a cell measures, and a result summarizes over seeds.
FIGURES = (
    "import_s", "training_s", "to_target_s", "images_per_s", "test_accuracy", "peak_bytes", "latency_1_ms",
    "latency_1024_ms", "training_gflops", "product_gflops", "numpy_product_gflops",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class FrameworkPlan:
    """What to compare. seconds, memory_gb: limits of one process."""

    frameworks: tuple[str, ...]
    networks: tuple[str, ...] = ("mlp",)
    threads: tuple[int, ...] = (1,)
    seeds: int = 2
    seconds: float = 900
    memory_gb: float = 8

    def setups(self) -> Iterator[tuple[str, int, str]]:
        """Each network, number of threads and framework that supports the network."""
        for network in self.networks:
            for threads in self.threads:
                for name in self.frameworks:
                    if network in FRAMEWORKS[name].networks:
                        yield network, threads, name


@dataclass(frozen=True, kw_only=True)
class FrameworkResult:
    """The result of a framework on one network with a number of threads.

    status: `measured`, or why it is not: `missing` (not installed), `broken` (can't be imported), `failed` (the gate),
    `crashed`, `hung`, `memory`. reason: an explanation. figures: statistics over seeds, by name. ahead: number of
    frameworks whose complete training is faster, without overlap of the 95 % intervals; None with one seed.
    """

    framework: str
    network: str
    threads: int
    status: str
    reason: str
    gate: dict[str, Any]
    versions: dict[str, str]
    installed_bytes: int
    figures: dict[str, Spread] = field(default_factory=dict)
    ahead: int | None = None


@dataclass(frozen=True)
class FrameworkComparison:
    """A comparison's folder. gates: by network/threads/framework; cells: by network/threads/framework/seed."""

    path: Path
    plan: FrameworkPlan
    environment: Environment
    gates: dict[str, dict[str, Any]]
    cells: dict[str, dict[str, Any]]

    @classmethod
    def create(cls, plan: FrameworkPlan, folder: Path) -> "FrameworkComparison":
        """Creates a comparison in a new folder below `folder`. Raises `UsageError` if the plan can't be run."""
        check(plan)
        comparison = cls(new_folder(folder, "compare-frameworks"), plan, describe_environment(), {}, {})
        comparison._write()
        return comparison

    @classmethod
    def load(cls, path: str | Path) -> "FrameworkComparison":
        """Loads the comparison in the folder `path`. Raises `RunError` if there is none."""
        file = Path(path) / FILE
        try:
            stored = json.loads(file.read_text(encoding="utf-8"))
            if stored["format"] != FORMAT:
                raise RunError(f"{file} is of format {stored['format']}; this version reads {FORMAT}")
            plan = _plan(stored["plan"])
            check(plan)
            return cls(Path(path), plan, stored["environment"], stored["gates"], stored["cells"])
        except (OSError, ValueError, KeyError, TypeError, AttributeError, UsageError) as error:
            raise RunError(f"{file} can't be read: {error}") from error

    def run(self, log: Callable[[str], None]) -> list[FrameworkResult]:
        """Checks every setup with the gate, then measures those that pass, interleaved, seed by seed.

        Each result is stored before the next measurement starts. A framework that was missing or broken is retried.
        """
        try:
            for network, threads, name in self.plan.setups():
                self._pass(network, threads, name, log)
            for seed in range(self.plan.seeds):
                for network, threads, name in self.plan.setups():
                    self._time(network, threads, name, seed, log)
        except KeyboardInterrupt:
            raise KeyboardInterrupt(f"resume with: python -m lab.frameworks --resume {self.path}") from None
        return self.rows()

    def rows(self) -> list[FrameworkResult]:
        """The result of each setup, by network and threads, the fastest training first and failures last."""
        plan = self.plan
        rows = [self._row(*setup) for setup in self.plan.setups()]
        placed = [dataclasses.replace(row, ahead=_ahead(row, rows)) for row in rows]
        return sorted(placed, key=lambda row: (
            plan.networks.index(row.network), plan.threads.index(row.threads), not row.figures,
            row.figures and _mean(row, "training_s"),
        ))  # fmt: skip

    def _pass(self, network: str, threads: int, name: str, log: Callable[[str], None]) -> None:
        key = f"{network}/{threads}/{name}"
        if self.gates.get(key, {}).get("status", "missing") not in ("missing", "broken"):
            return
        if missing := FRAMEWORKS[name].missing:
            self.gates[key] = {"status": "missing", "reason": f"needs {', '.join(missing)}: {INSTALL}"}
        else:
            self.gates[key] = self._work("gate", network, threads, name, 0)
        self._write()
        log(f"{key}: {_describe_gate(self.gates[key])}")

    def _time(self, network: str, threads: int, name: str, seed: int, log: Callable[[str], None]) -> None:
        setup = f"{network}/{threads}/{name}"
        key = f"{setup}/{seed}"
        if key in self.cells or self.gates[setup]["status"] != "passed":
            return
        cell = self._work("measure", network, threads, name, seed)
        self.cells[key] = cell
        self._write()
        if cell["status"] == "measured":
            log(f"{key}: {cell['training_s']:.1f} s, {100 * cell['test_accuracy']:.2f} % of the test images")
        else:
            log(f"{key}: {cell['reason']}")

    def _work(self, what: str, network: str, threads: int, name: str, seed: int) -> dict[str, Any]:
        entry = FRAMEWORKS[name]
        weights = self.path / f"weights-{network}-{seed}.npz"
        if not weights.exists():
            save_weights(weights, TASKS[network].first_weights(seed))
        spec = {"target": entry.target, "network": network, "weights": str(weights.resolve()), "seed": seed,
                "threads": threads}  # fmt: skip
        try:
            return run_worker(
                _MEASURE + what, spec, cores=usable_cores()[:threads], seconds=self.plan.seconds,
                memory_gb=self.plan.memory_gb, environment=entry.environment,
            )  # fmt: skip
        except WorkerError as error:
            return {"status": error.kind, "reason": str(error)}

    def _row(self, network: str, threads: int, name: str) -> FrameworkResult:
        entry, setup = FRAMEWORKS[name], f"{network}/{threads}/{name}"
        gate = self.gates.get(setup, {"status": "not yet", "reason": ""})
        cells = [self.cells[key] for seed in range(self.plan.seeds) if (key := f"{setup}/{seed}") in self.cells]
        good = [cell for cell in cells if cell["status"] == "measured"]
        bad = [cell for cell in cells if cell["status"] != "measured"]
        status, reason = ("measured", "") if good else (gate["status"], _describe_gate(gate))
        if bad:
            status = status if good else bad[0]["status"]
            reason = f"{len(bad)} of {len(cells)} seeds: {bad[0]['reason']}"
        figures = {
            figure: spread(values)
            for figure in FIGURES
            if (values := [cell[figure] for cell in good if cell[figure] is not None])
        }
        return FrameworkResult(
            framework=name, network=network, threads=threads, status=status, reason=reason, gate=gate,
            versions=entry.versions, installed_bytes=installed_bytes(entry.distributions), figures=figures,
        )  # fmt: skip

    def _write(self) -> None:
        files.write_json(self.path / FILE, self.as_document())

    def as_document(self) -> dict[str, Any]:
        """The plan and all results, for JSON."""
        return document(self.plan, self.environment, self.rows(), gates=self.gates, cells=self.cells)


def _plan(stored: dict[str, Any]) -> FrameworkPlan:
    """A plan from its JSON form, which has lists for tuples."""
    values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in stored.items()}
    return FrameworkPlan(**values)


def check(plan: FrameworkPlan) -> None:
    """Raises `UsageError` if the plan can't be run on this machine."""
    chosen(plan.frameworks)
    for network in plan.networks:
        if network not in TASKS:
            raise UsageError(f"there is no network {network!r}{nearest(network, TASKS)}")
    check_limits(plan.threads, plan.seconds, plan.memory_gb)
    if plan.seeds < 1:
        raise UsageError(f"--seeds must be at least 1, not {plan.seeds}")
    if not any(True for _ in plan.setups()):
        raise UsageError(f"{', '.join(plan.frameworks)} can't run {', '.join(plan.networks)}: nothing to compare")


def apart(left: Spread, right: Spread) -> bool:
    """Whether two means differ by more than their 95 % intervals; never where one value alone gives none."""
    if left.interval is None or right.interval is None:
        return False
    return left.interval[1] < right.interval[0] or right.interval[1] < left.interval[0]


def accuracies_agree(row: FrameworkResult, rows: list[FrameworkResult]) -> bool | None:
    """Whether its test accuracy lies within the spread over seeds of the mean of all; None with one seed.

    The spread is two standard deviations of a mean of so many seeds, the frameworks' variances averaged. They start
    from the same weights and see the same batches, so what they differ by is rounding, which training magnifies.
    """
    peers = [other for other in rows if (other.network, other.threads) == (row.network, row.threads) and other.figures]
    spreads = [other.figures["test_accuracy"] for other in peers]
    deviations = [s.sd for s in spreads if s.sd is not None]
    if not row.figures or not deviations:
        return None
    center = sum(s.mean for s in spreads) / len(spreads)
    deviation = math.sqrt(sum(sd**2 for sd in deviations) / len(deviations))
    own = row.figures["test_accuracy"]
    return abs(own.mean - center) <= 2 * deviation / math.sqrt(own.n)


def _ahead(row: FrameworkResult, rows: list[FrameworkResult]) -> int | None:
    if not row.figures or row.figures["training_s"].interval is None:
        return None
    own = row.figures["training_s"]
    peers = [other for other in rows if (other.network, other.threads) == (row.network, row.threads) and other.figures]
    return sum(
        _mean(other, "training_s") < own.mean and apart(other.figures["training_s"], own) for other in peers
    )  # fmt: skip


def scientific(difference: float | None, digits: int) -> str:
    """`2e-07`, of one that is a number."""
    return "NaN" if difference is None else f"{difference:.{digits - 1}e}"


def _describe_gate(gate: dict[str, Any]) -> str:
    if gate["status"] in ("passed", "failed"):
        differences = (f"{name} {scientific(gate[name], 1)}" for name in DIFFERENCES)
        return f"{gate['status']} the gate: {', '.join(differences)}"
    return str(gate.get("reason", ""))


def _mean(row: FrameworkResult, figure: str) -> float:
    return row.figures[figure].mean
