"""Speed and memory of `tenfold read-all`, by source and number of workers.

    python -m lab.benchmarks.bulk_speed [--images 120000] [--rounds 3] [--data DIR] [--only WORD] [--again]
                              [--out lab/results]

The images are MNIST's 60,000 training images, repeated; `dark on bright` is the same inverted, which the Reader must
normalize first. Every cell is the whole command, including Python's start, in a separate process. Memory is the largest
sum of PSS (private memory and its share of shared memory) over all its processes, polled ten times a second. Rates are
medians of --rounds, memory is of one run. Writes `bulk.json` after each cell, and skips cells that it contains already.
Run it on a quiet machine, with 5 GB of disk under --data.
"""

import argparse
import io
import json
import os
import resource
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from lab import RESULTS
from tenfold.data import load_dataset
from tenfold.data.idx import encode
from tenfold.machine import describe_environment, usable_cores

MEMORY_SIZES = (10_000, 100_000, 1_000_000)
# Images a file: of a tar, and of a row group.
SHARD, GROUP = 10_000, 50_000
# Names to one content: a million files take as long to read by name, and less space.
LINKS = 50


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=120_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--data", type=Path, help="Where sources are made, and kept; else a folder that is removed.")
    parser.add_argument("--only", default="", help="Cells whose name holds this.")
    parser.add_argument("--again", action="store_true", help="Cells that are there already too.")
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    path = options.out / "bulk.json"
    found = json.loads(path.read_text()) if path.exists() else {"cells": {}}
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.data or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        for name, rounds, measure in cells(folder, options.images, options.rounds):
            if options.only not in name or (name in found["cells"] and not options.again):
                continue
            measured = sorted((measure() for _ in range(rounds)), key=lambda cell: cell["seconds"])
            spread = {"fastest": measured[0]["seconds"], "slowest": measured[-1]["seconds"]} if rounds > 1 else {}
            cell = {
                **measured[rounds // 2],
                **spread,
                "rounds": rounds,
                "at": time.strftime("%Y-%m-%d %H:%M"),
                "load": os.getloadavg()[0],
            }
            print(f"{name:32}" + "".join(f"{key} {value:,.6g}  " for key, value in cell.items() if key not in ("at",)))
            found["cells"][name] = cell
            found["environment"] = describe_environment()
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(found, indent=2) + "\n")


def cells(folder: Path, count: int, rounds: int) -> Iterator[tuple[str, int, Callable[[], dict[str, float]]]]:
    """Names, how often each is measured, and how."""
    for name, make in SOURCES.items():
        # What takes ten times as long is measured on fewer.
        images = count // 6 if name == "parquet, dark on bright" else count
        for workers in (1, 2):
            yield f"{name}, {workers} workers", rounds, lambda m=make, n=images, w=workers: read(m(folder, n), n, w)
    yield "parquet, ray", rounds, lambda: read_on_ray(parquet(folder, count), count)
    for images in MEMORY_SIZES:
        yield f"memory, parquet, {images} images", 1, lambda n=images: read(parquet(folder, n), n, 2)
    for images in MEMORY_SIZES:
        yield f"memory, folder, {images} images", 1, lambda n=images: read(png_folder(folder, n), n, 2)


def read(source: Path, count: int, workers: int, *words: str) -> dict[str, float]:
    """The whole command, once."""
    out = source.with_name(f"{source.name}-read.parquet")
    command = [sys.executable, "-m", "tenfold", "read-all", source, "--out", out, "--overwrite", "--json"]
    started, peak, cpu = time.perf_counter(), 0.0, cpu_seconds()
    process = subprocess.Popen([*map(str, command), "--workers", str(workers), *words], stdout=subprocess.PIPE)
    while process.poll() is None:
        peak = max(peak, tree_pss(process.pid))
        time.sleep(0.1)
    seconds = time.perf_counter() - started
    summary = json.loads(process.stdout.read())
    process.stdout.close()
    if (summary["rows"], summary["errors"]) != (count, 0):
        raise SystemExit(f"{source}: {summary}")
    out.unlink()
    return {"images": count, "seconds": seconds, "images_per_second": count / seconds,
            "cpu_seconds": cpu_seconds() - cpu, "peak_pss_mb": peak / 1e6}  # fmt: skip


def read_on_ray(source: Path, count: int) -> dict[str, float]:
    """On a cluster of this machine that is up already, with as many tasks as workers elsewhere."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 2, "include_dashboard": False,
                                                            "object_store_memory": 300_000_000})  # fmt: skip
    try:
        cell = read(source, count, 2, "--ray", cluster.address)
    finally:
        cluster.shutdown()
    # What reads is the cluster's, and none of the command's.
    return {key: value for key, value in cell.items() if key not in ("peak_pss_mb", "cpu_seconds")}


def cpu_seconds() -> float:
    """Of all processes that have ended below this one: what other work on the machine changes least."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def tree_pss(pid: int) -> int:
    """Bytes, of a process and all below it (Linux)."""
    total = 0
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1]) * 1024
        for task in Path(f"/proc/{pid}/task").iterdir():
            total += sum(tree_pss(int(child)) for child in (task / "children").read_text().split())
    except OSError:  # It ended meanwhile.
        pass
    return total


def digits(count: int) -> Iterator[np.ndarray]:
    """So many images, in stretches of SHARD at most."""
    images = load_dataset("mnist").train_images
    for start in range(0, count, SHARD):
        yield np.array(images.take(range(start, min(count, start + SHARD)), axis=0, mode="wrap"))


def parquet(folder: Path, count: int, name: str = "pixels", turned: bool = False) -> Path:
    path = folder / f"{name}-{count}.parquet"
    if not path.exists():
        kind = pa.list_(pa.uint8(), 784)
        with pq.ParquetWriter(folder / "making", pa.schema({"image": kind}), compression="zstd") as writer:
            for images in digits(count):
                flat = pa.array((255 - images if turned else images).reshape(-1))
                writer.write_table(pa.table({"image": pa.FixedSizeListArray.from_arrays(flat, 784)}), GROUP)
        (folder / "making").rename(path)
    return path


def idx(folder: Path, count: int) -> Path:
    path = folder / f"{count}-images-idx3-ubyte"
    if not path.exists():
        path.write_bytes(encode(np.concatenate(list(digits(count)))))
    return path


def tars(folder: Path, count: int) -> Path:
    path = folder / f"tars-{count}"
    if not path.exists():
        making = folder / "making-tars"
        making.mkdir()
        for number, images in enumerate(digits(count)):
            with tarfile.open(making / f"{number:05d}.tar", "w") as tar:
                for index, content in enumerate(map(png, images)):
                    member = tarfile.TarInfo(f"{index:06d}.png")
                    member.size = len(content)
                    tar.addfile(member, io.BytesIO(content))
        making.rename(path)
    return path


def png_folder(folder: Path, count: int) -> Path:
    path = folder / f"png-{count}"
    if not path.exists():
        making = folder / "making-png"
        number = 0
        for images in digits(-(-count // LINKS) if count > 200_000 else count):
            for content in map(png, images):
                first = None
                for _ in range(LINKS if count > 200_000 else 1):
                    place = making / f"{number // 1000:04d}" / f"{number:07d}.png"
                    place.parent.mkdir(parents=True, exist_ok=True)
                    if first is None:
                        first = place
                        first.write_bytes(content)
                    else:
                        os.link(first, place)
                    number += 1
        making.rename(path)
    return path


def png(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


SOURCES = {
    "parquet": parquet,
    "idx": idx,
    "tars of png": tars,
    "folder of png": png_folder,
    "parquet, dark on bright": lambda folder, count: parquet(folder, count, "turned", turned=True),
}

if __name__ == "__main__":
    assert len(usable_cores()) >= 2, "two workers want two cores"
    main()
