"""What system tests start: a browser, Ray clusters, servers and a PostgreSQL, and odd frameworks and runtimes."""

import dataclasses
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest


@pytest.fixture
def own_core():  # type: ignore[no-untyped-def]
    """Leaves the test one core, another in each parallel process: the laboratory's workers are pinned to the first of
    the test's cores, where those of all processes would meet."""
    cores = os.sched_getaffinity(0)
    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    os.sched_setaffinity(0, {sorted(cores)[number % len(cores)]})
    yield
    os.sched_setaffinity(0, cores)


@pytest.fixture(scope="session")
def chromium() -> str:
    """The browser's path. Without one a test is skipped; in CI that is a failure, so that no test is lost unseen."""
    path = shutil.which("chromium")
    if path is None:
        reason = "Chromium is not installed (apt-get install chromium)"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)
    return str(path)


@pytest.fixture(scope="session")
def ray():  # type: ignore[no-untyped-def]
    """Ray itself. Without it a test is skipped; in CI that is a failure."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # It would look for the internet.
    try:
        import ray
    except ModuleNotFoundError:
        reason = "Ray is not installed (pip install 'tenfold[cluster]')"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)
    return ray


@pytest.fixture(scope="session")
def ray_cluster(ray):  # type: ignore[no-untyped-def]
    """Makes Ray clusters on this machine: a head without CPUs, where the driver is, and nodes of one CPU each."""
    from ray.cluster_utils import Cluster

    # A dead node is missed after two seconds, not half a minute.
    patience = {"health_check_initial_delay_ms": 0, "health_check_period_ms": 500, "health_check_failure_threshold": 4}

    class Nodes(Cluster):  # type: ignore[misc]
        def add_node(self, **options):  # type: ignore[no-untyped-def]
            return super().add_node(**{"num_cpus": 1, "object_store_memory": 100 * 2**20, **options})

    @contextmanager
    def make():  # type: ignore[no-untyped-def]
        made = Nodes()
        try:
            made.add_node(num_cpus=0, include_dashboard=False, _system_config=patience)
            made.workers = [made.add_node() for _ in range(2)]
            yield made
        finally:
            made.shutdown()

    return make


@pytest.fixture(scope="session")
def serving():  # type: ignore[no-untyped-def]
    """Runs `tenfold serve --json`; yields its process and its document. folder: of its data."""
    import json

    @contextmanager
    def run(folder: Path, *words: str, warnings: str = "error"):  # type: ignore[no-untyped-def]
        command = [sys.executable, "-W", warnings, "-m", "tenfold", "serve", "--port", "0", "--json"]
        environment = {**os.environ, "XDG_DATA_HOME": str(folder), "TENFOLD_DATABASE_URL": ""}
        process = subprocess.Popen([*command, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                   env=environment)  # fmt: skip
        try:
            assert process.stdout
            output = ""
            while not output.endswith("\n}\n"):
                line = process.stdout.readline()
                assert line, process.communicate()[1]
                output += line
            yield process, json.loads(output)
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
            process.communicate(timeout=15)

    return run


class Postgres:
    """A PostgreSQL server of the tests' own, on loopback, that a test may stop and start."""

    def __init__(self, programs: Path, folder: Path) -> None:
        self._programs, self._folder = programs, folder
        # It refuses to be run by root.
        self._user = "postgres" if os.geteuid() == 0 else None
        if self._user:
            shutil.chown(folder, self._user)
        with socket.socket() as found:
            found.bind(("127.0.0.1", 0))
            self.port = found.getsockname()[1]
        self._run("initdb", "-D", "data", "-U", "tenfold", "-A", "trust", "-E", "UTF8", "--locale", "C", "--no-sync")
        self.start()

    @property
    def url(self) -> str:
        return f"postgresql://tenfold@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories=''"
        self._run("pg_ctl", "-D", "data", "-l", "log", "-w", "-o", options, "start")

    def stop(self) -> None:
        self._run("pg_ctl", "-D", "data", "-w", "-m", "fast", "stop")

    def _run(self, program: str, *words: str) -> None:
        subprocess.run([self._programs / program, *words], cwd=self._folder, user=self._user, check=True,
                       stdout=subprocess.DEVNULL, timeout=60)  # fmt: skip


@pytest.fixture(scope="session")
def postgres():  # type: ignore[no-untyped-def]
    """A PostgreSQL server. Without its programs a test is skipped; in CI that is a failure."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb")) or [Path(p) for p in [shutil.which("initdb")] if p]
    if not found:
        reason = "PostgreSQL is not installed (apt-get install postgresql)"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)
    # Not below pytest's own folder, which nobody else may enter.
    folder = Path(tempfile.mkdtemp(prefix="tenfold-postgres-"))
    server = Postgres(found[-1].parent, folder)
    yield server
    server.stop()
    shutil.rmtree(folder)


ODD = Path(__file__).parent / "odd"


@pytest.fixture
def odd_framework(monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    """Puts a framework of tests/system/odd among those that there are."""
    from lab.frameworks.framework_registry import FRAMEWORKS, FrameworkEntry

    def put(name: str, **fields: object) -> None:
        entry = FrameworkEntry(
            title=name.title(), target=f"odd_frameworks:{name.title()}", distributions=("numpy",), networks=("mlp",),
            environment={"PYTHONPATH": str(ODD)},
        )  # fmt: skip
        monkeypatch.setitem(FRAMEWORKS, name, dataclasses.replace(entry, **fields))

    return put


@pytest.fixture
def odd_runtime(monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    """Puts a runtime of tests/system/odd among those that there are."""
    from lab.runtimes.runtime_registry import RUNTIMES, RuntimeEntry

    def put(name: str, **fields: object) -> None:
        entry = RuntimeEntry(
            title=name.title(), target=f"odd_runtimes:{name.title()}", file="model.onnx", needs_graph=False,
            needs={"onnxruntime": "pip install tenfold"}, environment={"PYTHONPATH": str(ODD)},
        )  # fmt: skip
        monkeypatch.setitem(RUNTIMES, name, dataclasses.replace(entry, **fields))

    return put
