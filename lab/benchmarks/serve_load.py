"""What `tenfold serve` carries: 28x28 PNGs to /v1/read over 32 kept connections, the client on the same machine.

    python -m lab.benchmarks.serve_load [--seconds 20 | --minutes 10] [--connections 32] [--out lab/results]

Starts a server of its own on loopback, prints a line a minute, and writes `serve_load.json`. Run it on a quiet machine.
"""

import argparse
import asyncio
import io
import json
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import uvloop
from PIL import Image

from lab import RESULTS
from tenfold.data import load_dataset
from tenfold.runs.environment import describe_environment

SERVE = [sys.executable, "-m", "tenfold", "serve", "--port", "0", "--no-feedback", "--json"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--minutes", type=float, help="In place of --seconds.")
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    seconds = 60 * options.minutes if options.minutes else options.seconds
    server = subprocess.Popen(SERVE, stdout=subprocess.PIPE, text=True)
    try:
        port = urlsplit(read_document(server)["urls"][0]).port
        result = uvloop.run(measure(port, server.pid, options.connections, seconds))
    finally:
        server.terminate()
        server.wait(30)
    result = {"environment": describe_environment(), "connections": options.connections, **result}
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "serve_load.json").write_text(json.dumps(result, indent=2) + "\n")


def read_document(server: subprocess.Popen[str]) -> dict[str, list[str]]:
    """The one that the server tells under --json, once it answers."""
    text = ""
    for line in server.stdout:
        text += line
        if line == "}\n":
            return json.loads(text)
    raise SystemExit("the server did not start")


async def measure(port: int, pid: int, connections: int, seconds: float) -> dict[str, object]:
    requests = make_requests()
    clients = [Client(requests[i::connections]) for i in range(connections)]
    loop = asyncio.get_running_loop()
    for client in clients:
        await loop.create_connection(lambda client=client: client, "127.0.0.1", port)
    await asyncio.sleep(2)  # The first answers open what the later ones use.
    begun, minutes, last = time.perf_counter(), [], collect(clients)
    rss_begin = rss_mb(pid)
    print(f"{'':>8}{'requests/s':>12}{'p50, ms':>10}{'p99, ms':>10}{'worst, ms':>11}{'errors':>8}{'RSS, MB':>9}")
    every = []
    while (left := begun + seconds - time.perf_counter()) > 0:
        part_begun = time.perf_counter()
        await asyncio.sleep(min(60, left))
        last = collect(clients)
        every += last["latencies"]
        minutes.append({**figures(last, time.perf_counter() - part_begun), "rss_mb": rss_mb(pid)})
        show(f"{(time.perf_counter() - begun) / 60:.1f} min", minutes[-1])
    whole = {"latencies": every, "errors": sum(part["errors"] for part in minutes)}
    total = {**figures(whole, time.perf_counter() - begun), "rss_mb": rss_mb(pid)}
    for client in clients:
        client.stop()
    show("all", total)
    return {"seconds": seconds, **total, "rss_begin_mb": rss_begin, "minutes": minutes}


class Client(asyncio.Protocol):
    """One connection that asks, waits for the answer, and asks again. Cheap: it shares the machine with the server."""

    def __init__(self, requests: list[bytes]) -> None:
        self.requests, self.index = requests, 0
        self.latencies: list[float] = []
        self.errors = 0
        self.buffer = b""
        self.stopped = False

    def connection_made(self, transport: asyncio.Transport) -> None:
        self.transport = transport
        self.ask()

    def ask(self) -> None:
        self.index = (self.index + 1) % len(self.requests)
        self.begun = time.perf_counter()
        self.transport.write(self.requests[self.index])

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        head, found, body = self.buffer.partition(b"\r\n\r\n")
        if not found:
            return
        at = head.index(b"content-length: ") + 16
        end = head.find(b"\r\n", at)
        if len(body) < int(head[at:end] if end > 0 else head[at:]):
            return
        self.latencies.append(time.perf_counter() - self.begun)
        self.errors += not head.startswith(b"HTTP/1.1 200")
        self.buffer = b""
        if not self.stopped:
            self.ask()

    def connection_lost(self, _: Exception | None) -> None:
        self.errors += not self.stopped

    def stop(self) -> None:
        self.stopped = True
        self.transport.close()


def make_requests() -> list[bytes]:
    """Of 320 test digits."""
    made = []
    for pixels in load_dataset("mnist").test_images[:320]:
        file = io.BytesIO()
        Image.fromarray(np.array(pixels)).save(file, "PNG")
        head = f"POST /v1/read HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/png\r\nContent-Length: {file.tell()}"
        made.append(f"{head}\r\n\r\n".encode() + file.getvalue())
    return made


def collect(clients: list[Client]) -> dict[str, object]:
    """What happened since it was last asked for."""
    found = {"latencies": [one for c in clients for one in c.latencies], "errors": sum(c.errors for c in clients)}
    for client in clients:
        client.latencies, client.errors = [], 0
    return found


def figures(part: dict[str, object], seconds: float) -> dict[str, float]:
    latencies = 1000 * np.array(part["latencies"])
    return {
        "requests": len(latencies),
        "requests_per_second": len(latencies) / seconds,
        "p50_ms": float(np.percentile(latencies, 50)),
        "p99_ms": float(np.percentile(latencies, 99)),
        "worst_ms": float(latencies.max()),
        "errors": part["errors"],
    }


def show(name: str, part: dict[str, float]) -> None:
    print(f"{name:>8}{part['requests_per_second']:>12,.0f}{part['p50_ms']:>10.1f}{part['p99_ms']:>10.1f}"
          f"{part['worst_ms']:>11.1f}{part['errors']:>8}{part['rss_mb']:>9.1f}", flush=True)  # fmt: skip


def rss_mb(pid: int) -> float:
    """Of the server; Linux tells it in pages."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096 / 1e6


if __name__ == "__main__":
    main()
