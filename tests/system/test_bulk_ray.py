"""Bulk reading on a Ray cluster of several nodes: the rows of one machine, also when a node dies in the middle."""

import json
import os
import subprocess
import time
from contextlib import suppress
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from tenfold.bulk import read_all
from tenfold.errors import UsageError
from tests.system.bulk_jobs import COMMAND, deadly_path, wait_for_parts, without_end


@pytest.fixture(scope="module")
def cluster(ray_cluster, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("PYTHONPATH", deadly_path(tmp_path_factory.mktemp("site")))
        with ray_cluster() as made:
            yield made


@pytest.fixture(scope="module")
def many(mnist, tmp_path_factory) -> list[Path]:
    """Ten shards, a unit each, of 400 images; then a picture of its own."""
    folder = tmp_path_factory.mktemp("many")
    (folder / "shards").mkdir()
    for number in range(10):
        np.save(folder / "shards" / f"{number}.npy", mnist.test_images[400 * number : 400 * number + 400])
    Image.fromarray(mnist.test_images[0]).save(folder / "last.png")
    return [folder / "shards", folder / "last.png"]


@pytest.fixture(scope="module")
def undisturbed(many) -> bytes:
    out = many[0].with_name("undisturbed.parquet")
    read_all(many, out, workers=2)
    return out.read_bytes()


def test_a_node_that_dies_loses_and_doubles_nothing(cluster, many, undisturbed, tmp_path):
    out = tmp_path / "out.parquet"
    node = cluster.add_node()
    words = [*map(str, many), "--out", str(out), "--ray", "auto", "--workers", "3", "--json"]
    environment = {**os.environ, "RAY_ADDRESS": cluster.address}
    with without_end(many[1]) as content:
        process = subprocess.Popen([*COMMAND, *words], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   text=True)  # fmt: skip
        wait_for_parts(out, 1, process)
        cluster.remove_node(node, allow_graceful=False)
        deadline = time.monotonic() + 60
        while process.poll() is None:
            # To whoever has the last image in hand, now or after one who died with it.
            with suppress(OSError), open(os.open(many[1], os.O_WRONLY | os.O_NONBLOCK), "wb") as pipe:
                pipe.write(content)
            assert time.monotonic() < deadline, "it is given to nobody else"
            time.sleep(0.05)
        output, complaints = process.communicate()
    assert process.returncode == 0, complaints
    assert json.loads(output)["rows"] == 4_001
    assert out.read_bytes() == undisturbed


def test_what_was_started_on_ray_continues_without_it(cluster, many, undisturbed, tmp_path):
    out = tmp_path / "out.parquet"
    words = [*map(str, many), "--out", str(out), "--ray", cluster.address, "--workers", "1"]
    with without_end(many[1]):
        process = subprocess.Popen([*COMMAND, *words], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        wait_for_parts(out, 2, process)
        process.kill()
        process.communicate()
    summary = read_all(many, out, workers=2, resume=True)
    assert 0 < summary.already_read < summary.rows
    assert out.read_bytes() == undisturbed


def test_an_image_that_kills_whoever_reads_it_costs_its_own_row_alone(cluster, mnist, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    Image.fromarray(mnist.test_images[0]).save(folder / "0.png")
    (folder / "1.png").write_bytes(b"DEADLY")
    np.save(folder / "2.npy", mnist.test_images[:3])
    words = [str(folder), "--out", str(tmp_path / "out.parquet"), "--ray", cluster.address, "--json"]
    done = subprocess.run([*COMMAND, *words], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    found = pq.read_table(tmp_path / "out.parquet").to_pylist()
    assert ["was killed" in (row["error"] or "") for row in found] == [False, True, False, False, False]


def test_what_only_this_process_has_is_not_read_on_a_cluster(tmp_path):
    from tenfold.jobs.ray_pool import ray_pool

    with pytest.raises(UsageError, match="memory://"):
        read_all(["memory://x"], tmp_path / "out.parquet", open_pool=partial(ray_pool, "auto"))
