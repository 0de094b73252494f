"""Trainings on a Ray cluster of several nodes: a node that dies loses no trial, and nothing is counted twice."""

import os
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tenfold.errors import ClusterError, UsageError
from tenfold.jobs.pool import Job, Outcome, WorkerPool
from tenfold.jobs.ray_pool import connected, ray_pool
from tenfold.runs.seeds import train_seeds
from tenfold.studies.sweep import Sweep
from tenfold.studies.sweep_plan import SweepPlan
from tests.log_lines import logged

# First, before this process is connected.


@contextmanager
def listening(answer=b""):
    """An address that takes a connection, and answers with these bytes or nothing."""
    found = []

    def speak(server):
        with suppress(OSError):
            while True:
                found.append(server.accept()[0])
                found[-1].sendall(answer)

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=speak, args=(server,))
        thread.start()
        yield f"127.0.0.1:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)
        thread.join()
    for connection in found:
        connection.close()


def refused(address, kind=ClusterError):
    import ray

    assert not ray.is_initialized()
    began = time.monotonic()
    with pytest.raises(kind) as raised, connected(address):
        pass
    assert time.monotonic() - began < 15
    return str(raised.value)


def test_an_address_that_does_not_answer_is_reported_within_ten_seconds(ray, monkeypatch):
    assert "no Ray cluster answers at" in refused("127.0.0.1:1")
    with listening() as silent:
        assert "within 10 seconds" in refused(silent)
    monkeypatch.setattr("tenfold.jobs.ray_pool.PATIENCE", 2)
    with listening(b"HTTP/1.1 400 Bad Request\r\n\r\n") as other:
        monkeypatch.setenv("RAY_ADDRESS", other)
        assert f"at {other} within 2 seconds" in refused("auto")


@pytest.mark.parametrize("address", ["nowhere", "host:0", "host:x", ":1", "host:70000"])
def test_what_is_no_address_is_reported(ray, address):
    assert "HOST:PORT" in refused(address, UsageError)


def test_no_cluster_on_this_machine_is_reported(ray, monkeypatch, tmp_path):
    # Ray looks for clusters among all processes of the machine: those of other tests are hidden from it.
    hide = "from functools import cache\nfrom ray._private import services\nservices.find_gcs_addresses = cache(set)\n"
    (tmp_path / "sitecustomize.py").write_text(hide)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]))
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    assert "ray start --head begins one" in refused("auto")


@pytest.fixture(scope="module")
def two_nodes(ray_cluster):
    """A cluster that this process is connected to, once for all: the processes on its nodes, which import PyTorch,
    belong to the connection."""
    with ray_cluster() as made, connected(made.address):
        yield made


class KillsANode(WorkerPool):
    """A pool that keeps every trial waiting after its first epoch until both nodes are at one; then one node dies."""

    def __init__(self, pool, kill):
        self.pool, self.kill, self.held = pool, kill, {}
        self.epochs: dict[int, list[int]] = {}

    @property
    def size(self):
        return self.pool.size

    def submit(self, job):
        self.pool.submit(job)

    def next_event(self, seconds):
        event = self.pool.next_event(seconds)
        if event is not None and not isinstance(event[1], Outcome):
            self.epochs.setdefault(event[0], []).append(event[1].epoch)
        return event

    def answer(self, key, proceed):
        self.held[key] = proceed
        if self.kill is None or len(self.held) == 2:
            if self.kill is not None:
                self.kill()
                self.kill = None
            for waiting in list(self.held):
                self.pool.answer(waiting, self.held.pop(waiting))


def test_a_node_that_dies_in_a_sweep_loses_no_trial_and_doubles_none(two_nodes, grid, swept, tmp_path, capfd):
    sweep = Sweep.create(grid, tmp_path)

    def kill():
        two_nodes.remove_node(two_nodes.workers[0], allow_graceful=False)
        two_nodes.add_node()

    pools = []

    @contextmanager
    def open_pool():
        with ray_pool(two_nodes.address) as pool:
            pools.append(KillsANode(pool, kill))
            yield pools[0]

    with logged() as lines:
        rows = sweep.run(open_pool)
    assert {row.state for row in rows} == {"finished"}
    assert [row.number for row in rows] == list(range(6))
    undisturbed = {str(row.values): (row.accuracy, row.accuracies) for row in swept[1]}
    assert {str(row.values): (row.accuracy, row.accuracies) for row in rows} == undisturbed
    ended = [line.split(":")[0] for line in lines if line.startswith("trial ")]
    assert sorted(ended) == [f"trial {number}" for number in range(6)]
    # A trial was lost with its node, and went on after its last whole epoch.
    assert pools[0].epochs == {number: [1, 2] for number in range(6)}
    assert len([line for line in lines if "restarting it" in line]) == 1
    assert len([path for path in (sweep.path / "trials").iterdir() if (path / "model.safetensors").exists()]) == 6
    assert not [path for path in (sweep.path / "trials").iterdir() if path.name.startswith(".")]
    # What Ray's daemons have to say stays off stdout, which is for results.
    assert capfd.readouterr().out == ""


def test_seeds_on_ray_are_the_seeds_of_this_machine(two_nodes, quick, tmp_path):
    here = train_seeds(quick, 3, folder=tmp_path / "here")
    there = train_seeds(quick, 3, open_pool=lambda: ray_pool(two_nodes.address), folder=tmp_path / "there")
    assert {s: run.digest for s, run in there.finished.items()} == {s: run.digest for s, run in here.finished.items()}
    assert there.figures("test", "accuracy") == here.figures("test", "accuracy")
    assert (there.folder(2) / "model.onnx").exists()


def test_trials_on_ray_are_stopped_where_they_lag(two_nodes, quick, tmp_path):
    plan = SweepPlan.make(quick, ["learning_rate=log:1e-6..1e-2"], trials=10, sampler="random")
    rows = Sweep.create(plan, tmp_path).run(lambda: ray_pool(two_nodes.address, 1))
    stopped = [row for row in rows if row.state == "stopped"]
    assert stopped
    assert all(len(row.accuracies) < 3 for row in stopped)


def test_a_recipe_with_more_threads_than_any_node_has_is_reported(two_nodes, quick, tmp_path):
    with ray_pool(two_nodes.address) as pool, pytest.raises(ClusterError, match="no node of the cluster has 8 CPUs"):
        pool.submit(Job(key=0, function=print, folder=tmp_path / "run", threads=8))


def test_no_workers_at_all_are_refused():
    with pytest.raises(UsageError, match=">= 1"), ray_pool("auto", 0):
        pass


def test_the_command_sweeps_on_the_cluster_that_it_is_given(two_nodes, small_file, tmp_path):
    words = ["sweep", "--dataset", small_file, "--epochs", 1, "--param", "batch_size=16,32", "--sampler", "grid",
             "--ray", two_nodes.address, "--out", tmp_path]  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", "tenfold", *map(str, words)], capture_output=True, text=True, timeout=300
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "best.toml --seeds 5" in done.stdout
    (page,) = tmp_path.glob("*/sweep.html")
    assert "the best of 2" in page.read_text()


def test_without_ray_the_command_that_installs_it_is_reported(monkeypatch, capsys, small_file, tmp_path):
    from tenfold import cli

    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(SystemExit) as stopped:
        cli.main(["sweep", "--dataset", str(small_file), "--epochs", "1", "--param", "batch_size=16,32",
                  "--ray", "auto", "--out", str(tmp_path)])  # fmt: skip
    assert stopped.value.code == 1
    assert "pip install 'tenfold[cluster]'" in capsys.readouterr().err
    assert not list(Path(tmp_path).glob("*/trials"))
