"""What a worker imports, leaks or breaks must end with it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lab.installed import installed_bytes
from lab.worker import WorkerError, run_worker
from tenfold.evaluation.statistics import significant


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
        "from lab.worker import run_worker\n"
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


def test_a_worker_is_pinned_and_gets_its_threads(tmp_path):
    (tmp_path / "look.py").write_text(
        "import os\n"
        "def look(spec):\n"
        "    return {'cores': sorted(os.sched_getaffinity(0)), 'threads': os.environ['OMP_NUM_THREADS']}\n"
    )
    cores = sorted(os.sched_getaffinity(0))[-1:]
    seen = run_worker("look:look", {}, cores=cores, seconds=30, memory_gb=1, environment={"PYTHONPATH": str(tmp_path)})
    assert seen == {"cores": cores, "threads": "1"}


def test_the_size_of_an_installation_counts_what_it_requires():
    alone = installed_bytes(("numpy",))
    assert alone > 10e6
    assert installed_bytes(("scipy",)) > alone
    assert installed_bytes(("scipy", "numpy")) == installed_bytes(("scipy",))
    assert installed_bytes(("no-such-distribution",)) == 0


def test_numbers_are_written_to_three_digits():
    written = [significant(value) for value in (123456, 59.96, 1.0, 0.03714, 0)]
    assert written == ["123,000", "60.0", "1.00", "0.0371", "0"]


def _until(holds):
    end = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)
