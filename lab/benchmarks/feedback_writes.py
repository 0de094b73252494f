"""Feedback samples per second on SQLite, and whether an acknowledged one is ever lost when the server is killed.

    python -m lab.benchmarks.feedback_writes [--seconds 20] [--connections 32] [--kills 10] [--out lab/results]

First the store alone; then POST /v1/feedback to its own server on loopback, the client on the same machine; then the
same with kill -9 in the middle: samples answered with 201 must be in the database after a restart. Writes
`feedback_writes.json`. Run it on a quiet machine, with TMPDIR on the disk to measure.
"""

import argparse
import asyncio
import base64
import json
import os
import signal
import subprocess
import tempfile
import threading
import time
import uuid
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import uvloop

from lab import RESULTS
from lab.benchmarks.local_server import Connection, latency_figures, start_server, stop_server
from tenfold.data import load_dataset
from tenfold.machine import describe_environment
from tenfold.serve.feedback import FeedbackSample, FeedbackStore

STROKES = [[[float(x), float(x % 17)] for x in range(60)]]
PROBABILITIES = [0.1] * 10
# Of the server's life before it is killed: from the first answers on to the middle of a steady flow.
KILL_SECONDS = (0.2, 2.0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        result = {
            "environment": describe_environment(),
            "connections": options.connections,
            "fsync_ms": fsync_ms(folder),
            "store": measure_store(folder / "store.db", options.connections, options.seconds),
            "server": measure_server(folder / "server.db", options.connections, options.seconds),
            "kills": kill_often(folder / "kills.db", options.connections, options.kills),
        }
    for key in ("fsync_ms", "store", "server", "kills"):
        print(f"{key}: {json.dumps(result[key])}")
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "feedback_writes.json").write_text(json.dumps(result, indent=2) + "\n")


def fsync_ms(folder: Path) -> float:
    """Median time that this disk takes to keep 4 kB: what bounds commits, and so writes one by one."""
    took = []
    with (folder / "probe").open("wb") as file:
        for _ in range(200):
            started = time.perf_counter()
            file.write(bytes(4096))
            file.flush()
            os.fsync(file.fileno())
            took.append(1000 * (time.perf_counter() - started))
    return float(np.median(took))


def measure_store(path: Path, together: int, seconds: float) -> dict[str, float]:
    """The store without a server: this many concurrent writes."""
    pixels = load_dataset("mnist").test_images[0].tobytes()
    free, failed = threading.Semaphore(together), []
    with FeedbackStore(f"sqlite:///{path}") as store:

        def done(future: object) -> None:
            if future.exception():
                failed.append(future)
            free.release()

        started, count = time.perf_counter(), 0
        while time.perf_counter() < started + seconds:
            free.acquire()
            one = FeedbackSample(id=uuid.uuid4(), label=7, pixels=pixels, created_at=datetime.now(UTC),
                             strokes=tuple(tuple(map(tuple, stroke)) for stroke in STROKES))  # fmt: skip
            store.add(one).add_done_callback(done)
            count += 1
        for _ in range(together):
            free.acquire()
        took = time.perf_counter() - started
        assert store.count() == count - len(failed)
    return {"writes": count, "writes_per_second": count / took, "errors": len(failed)}


def measure_server(path: Path, connections: int, seconds: float) -> dict[str, float]:
    server, port = start(path)
    try:
        clients, took = uvloop.run(send(port, connections, seconds))
    finally:
        stop_server(server)
    acknowledged = {one for client in clients for one in client.acknowledged}
    return {
        "writes": len(acknowledged),
        "writes_per_second": len(acknowledged) / took,
        **latency_figures([one for client in clients for one in client.latencies]),
        "errors": sum(client.errors for client in clients),
        "lost": len(acknowledged - stored(path)),
    }


def kill_often(path: Path, connections: int, kills: int) -> dict[str, int]:
    """Kills the server (kill -9) while samples arrive and restarts it on the same database, `kills` times."""
    acknowledged: set[str] = set()
    lost = 0
    generator = np.random.default_rng(0)
    for _ in range(kills):
        server, port = start(path)
        threading.Timer(generator.uniform(*KILL_SECONDS), server.send_signal, [signal.SIGKILL]).start()
        clients, _ = uvloop.run(send(port, connections, 60))
        server.wait(30)
        acknowledged |= {one for client in clients for one in client.acknowledged}
        lost = max(lost, len(acknowledged - stored(path)))
    server, _ = start(path)  # It starts on what was left.
    stop_server(server)
    found = stored(path)
    return {
        "kills": kills,
        "acknowledged": len(acknowledged),
        "stored": len(found),
        "stored_without_an_answer": len(found - acknowledged),
        "lost": max(lost, len(acknowledged - found)),
    }


def start(path: Path) -> tuple[subprocess.Popen[str], int]:
    return start_server("--database", f"sqlite:///{path}")


def stored(path: Path) -> set[str]:
    with FeedbackStore(f"sqlite:///{path}") as store:
        return {str(sample.id) for sample in store}


async def send(port: int, connections: int, seconds: float) -> tuple[list["Client"], float]:
    """Sends until the time is over or the server has died."""
    images = load_dataset("mnist").test_images
    loop = asyncio.get_running_loop()
    clients = [Client(images[i].tobytes()) for i in range(connections)]
    started = time.perf_counter()
    for client in clients:
        await loop.create_connection(lambda client=client: client, "127.0.0.1", port)
    await asyncio.wait([client.closed for client in clients], timeout=seconds)
    for client in clients:
        client.stopped = True
    if any(not client.closed.done() for client in clients):
        await asyncio.wait([client.closed for client in clients], timeout=10)
    return clients, time.perf_counter() - started


class Client(Connection):
    """Posts one feedback sample after another. acknowledged: the ids that were answered with 201."""

    def __init__(self, pixels: bytes) -> None:
        super().__init__()
        self.acknowledged: list[str] = []
        self.id = str(uuid.uuid4())
        document = {
            "id": self.id, "label": 7, "predicted": 1, "confidence": 0.4, "probabilities": PROBABILITIES,
            "pixels": base64.b64encode(pixels).decode(), "strokes": STROKES, "source": "draw",
            "model_digest": "ab" * 32, "created_at": datetime.now(UTC).isoformat(),
        }  # fmt: skip
        body = json.dumps(document)
        head = f"POST /v1/feedback HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}"
        head += "\r\nContent-Type: application/json"
        self.before, self.after = f"{head}\r\n\r\n{body}".split(self.id)

    def next_request(self) -> bytes:
        self.id = str(uuid.uuid4())
        return f"{self.before}{self.id}{self.after}".encode()

    def answered(self, head: bytes) -> None:
        if head.startswith(b"HTTP/1.1 201"):
            self.acknowledged.append(self.id)
        else:
            self.errors += 1


if __name__ == "__main__":
    main()
