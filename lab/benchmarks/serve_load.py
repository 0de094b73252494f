"""Throughput and latency of `tenfold serve`: 28x28 PNGs to /v1/read over 32 kept connections on the same machine.

    python -m lab.benchmarks.serve_load [--seconds 20 | --minutes 10] [--connections 32] [--out lab/results]

Starts its own server on loopback, prints a line per minute, and writes `serve_load.json`. Run it on a quiet machine.
"""

import argparse
import asyncio
import io
import json
import time
from pathlib import Path

import numpy as np
import uvloop
from PIL import Image

from lab import RESULTS
from lab.benchmarks.local_server import Connection, latency_figures, start_server, stop_server
from tenfold.data import load_dataset
from tenfold.machine import describe_environment


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--minutes", type=float, help="In place of --seconds.")
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    seconds = 60 * options.minutes if options.minutes else options.seconds
    server, port = start_server("--no-feedback")
    try:
        result = uvloop.run(measure(port, server.pid, options.connections, seconds))
    finally:
        stop_server(server)
    result = {"environment": describe_environment(), "connections": options.connections, **result}
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "serve_load.json").write_text(json.dumps(result, indent=2) + "\n")


async def measure(port: int, pid: int, connections: int, seconds: float) -> dict[str, object]:
    requests = make_requests()
    clients = [Reader(requests[i::connections]) for i in range(connections)]
    loop = asyncio.get_running_loop()
    for client in clients:
        await loop.create_connection(lambda client=client: client, "127.0.0.1", port)
    await asyncio.sleep(2)  # The first answers open what the later ones use.
    started, minutes, last = time.perf_counter(), [], collect(clients)
    rss_begin = rss_mb(pid)
    print(f"{'':>8}{'requests/s':>12}{'p50, ms':>10}{'p99, ms':>10}{'worst, ms':>11}{'errors':>8}{'RSS, MB':>9}")
    every = []
    while (left := started + seconds - time.perf_counter()) > 0:
        part_started = time.perf_counter()
        await asyncio.sleep(min(60, left))
        last = collect(clients)
        every += last["latencies"]
        minutes.append({**figures(last, time.perf_counter() - part_started), "rss_mb": rss_mb(pid)})
        show(f"{(time.perf_counter() - started) / 60:.1f} min", minutes[-1])
    whole = {"latencies": every, "errors": sum(part["errors"] for part in minutes)}
    total = {**figures(whole, time.perf_counter() - started), "rss_mb": rss_mb(pid)}
    for client in clients:
        client.stopped = True
        client.transport.close()
    show("all", total)
    return {"seconds": seconds, **total, "rss_begin_mb": rss_begin, "minutes": minutes}


class Reader(Connection):
    """Posts one PNG after another."""

    def __init__(self, requests: list[bytes]) -> None:
        super().__init__()
        self.requests, self.index = requests, 0

    def next_request(self) -> bytes:
        self.index = (self.index + 1) % len(self.requests)
        return self.requests[self.index]

    def answered(self, head: bytes) -> None:
        self.errors += not head.startswith(b"HTTP/1.1 200")

    def connection_lost(self, error: Exception | None) -> None:
        super().connection_lost(error)
        self.errors += not self.stopped


def make_requests() -> list[bytes]:
    """Requests with 320 test digits."""
    made = []
    for pixels in load_dataset("mnist").test_images[:320]:
        file = io.BytesIO()
        Image.fromarray(np.array(pixels)).save(file, "PNG")
        head = f"POST /v1/read HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\nContent-Length: {file.log()}"
        made.append(f"{head}\r\n\r\n".encode() + file.getvalue())
    return made


def collect(clients: list[Reader]) -> dict[str, object]:
    """Latencies and errors since the last call."""
    found = {"latencies": [one for c in clients for one in c.latencies], "errors": sum(c.errors for c in clients)}
    for client in clients:
        client.latencies, client.errors = [], 0
    return found


def figures(part: dict[str, object], seconds: float) -> dict[str, float]:
    requests = len(part["latencies"])
    return {
        "requests": requests,
        "requests_per_second": requests / seconds,
        **latency_figures(part["latencies"]),
        "errors": part["errors"],
    }


def show(name: str, part: dict[str, float]) -> None:
    print(f"{name:>8}{part['requests_per_second']:>12,.0f}{part['p50_ms']:>10.1f}{part['p99_ms']:>10.1f}"
          f"{part['worst_ms']:>11.1f}{part['errors']:>8}{part['rss_mb']:>9.1f}", flush=True)  # fmt: skip


def rss_mb(pid: int) -> float:
    """Resident memory of the server; Linux reports it in pages."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096 / 1e6


if __name__ == "__main__":
    main()
