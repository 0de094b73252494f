"""Speed-up of a sweep by a second process, and the overhead of Ray per trial.

    python -m lab.benchmarks.sweep_speed [--rounds 3] [--busy] [--out lab/results]

A grid of 24 trials, each the tutorial's network for two epochs, one thread each: in one process, in two, and as tasks
on a Ray cluster of this machine with two CPUs, interleaved, each in a separate process. Seconds are of the whole sweep,
including the start of its processes; the Ray cluster is started before. Results are written as they are measured, so
that an interrupted benchmark resumes. Run it on a quiet machine.
"""

import argparse
import json
import logging
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from lab import RESULTS
from tenfold.machine import describe_environment

WAYS = ("one process", "two processes", "ray, two CPUs")
GRID = ("learning_rate=0.0005,0.001,0.002,0.004", "dropout=0,0.1,0.2", "weight_decay=0,0.01")
TRIALS = 24


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--busy", action="store_true", help="Say of the figures that the machine was not quiet.")
    parser.add_argument("--way", choices=WAYS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.way:
        print(json.dumps(measure(options.way)))
        return
    options.out.mkdir(parents=True, exist_ok=True)
    path = options.out / "sweep.json"
    environment = describe_environment()
    known = json.loads(path.read_text()) if path.exists() else {}
    # Continues existing results of the same machine and versions, whatever the command.
    same = {"command": None}
    if {**known.get("environment", {}), **same} != {**environment, **same} or known["busy"] != options.busy:
        known = {"environment": environment, "busy": options.busy, "trials": TRIALS}
        known["measured"] = {way: [] for way in WAYS}
    for turn in range(options.rounds):
        for way in WAYS:
            if len(known["measured"][way]) > turn:
                continue
            summary = subprocess.run(
                [sys.executable, "-m", "lab.benchmarks.sweep_speed", "--way", way],
                check=True,
                capture_output=True,
                text=True,
            )
            known["measured"][way].append(json.loads(summary.stdout.splitlines()[-1]))
            known["summary"] = summary(known["measured"])
            path.write_text(json.dumps(known, indent=2) + "\n")
            print(f"round {turn + 1}, {way}: {known['measured'][way][-1]['seconds']:.1f} s")
    known["summary"] = summary(known["measured"])
    path.write_text(json.dumps(known, indent=2) + "\n")
    print(json.dumps(known["summary"], indent=2))


def measure(way: str) -> dict[str, object]:
    """Seconds of one sweep, and when each trial ended."""
    from tenfold.jobs.local import local_pool
    from tenfold.studies.sweep import Sweep
    from tenfold.studies.sweep_plan import SweepPlan
    from tenfold.training.recipe import Recipe

    plan = SweepPlan.make(
        Recipe.load("tutorial").replace(epochs=2, final_weights="last"), GRID, sampler="grid", pruner="none"
    )
    assert plan.trials == TRIALS
    cluster = None
    if way == "ray, two CPUs":
        from tenfold.jobs.ray_pool import import_ray, ray_pool

        import_ray()
        from ray.cluster_utils import Cluster

        head = {"num_cpus": 2, "object_store_memory": 200 * 2**20, "include_dashboard": False}
        cluster = Cluster(initialize_head=True, head_node_args=head)
        address = cluster.address

    def open_pool():
        return ray_pool(address) if cluster else local_pool(WAYS.index(way) + 1)

    ends = []
    log, ended = logging.getLogger("tenfold.studies.trial_runner"), logging.Handler()
    log.addHandler(ended)
    log.setLevel(logging.INFO)
    try:
        with tempfile.TemporaryDirectory() as folder:
            sweep = Sweep.create(plan, Path(folder))
            started = time.perf_counter()
            ended.emit = lambda record: ends.append(time.perf_counter() - started)
            rows = sweep.run(open_pool)
            seconds = time.perf_counter() - started
            training = [row.seconds for row in rows]
    finally:
        if cluster:
            cluster.shutdown()
    assert len(ends) == len(rows) == TRIALS
    return {"seconds": seconds, "ends": ends, "training_seconds": sum(training)}


def summary(measured: dict[str, list[dict[str, object]]]) -> dict[str, float]:
    """Medians over the rounds."""
    middle = {way: statistics.median([m["seconds"] for m in found]) for way, found in measured.items() if found}
    summary = {f"seconds, {way}": seconds for way, seconds in middle.items()}
    if len(middle) < len(WAYS):
        return summary
    one, two, ray = WAYS
    summary["rate of two processes, one is 1"] = middle[one] / middle[two]
    summary["rate on ray, one process is 1"] = middle[one] / middle[ray]

    # From the first end to the last, both workers are at work: what a trial takes of one, its start not counted.
    def of_a_trial(way: str) -> float:
        return statistics.median([2 * (m["ends"][-1] - m["ends"][0]) / (TRIALS - 1) for m in measured[way]])

    def outside(found: list[dict[str, object]]) -> float:
        seconds = [2 * (m["ends"][-1] - m["ends"][0]) / (TRIALS - 1) - m["training_seconds"] / TRIALS for m in found]
        return statistics.median(seconds)

    summary["seconds of a worker a trial, two processes"] = of_a_trial(two)
    summary["seconds of a worker a trial, ray"] = of_a_trial(ray)
    summary["ray's own seconds a trial"] = of_a_trial(ray) - of_a_trial(two)
    summary["ray's own seconds a trial, outside of training"] = outside(measured[ray]) - outside(measured[two])
    summary["ray's own seconds a trial, its start with it"] = 2 * (middle[ray] - middle[two]) / TRIALS
    return summary


if __name__ == "__main__":
    main()
