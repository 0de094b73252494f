"""One model trained by several nodes of a Ray cluster: the training of one process, also when a node dies in it."""

import dataclasses
import signal
import subprocess
import sys

import numpy as np
import pytest

from tenfold.errors import ClusterError, StorageError, TrainingError
from tenfold.jobs.parallel import resume_together
from tenfold.jobs.ray_connection import connected
from tenfold.jobs.ray_parallel import train_on_ray
from tenfold.runs.run import Run
from tenfold.runs.train import train
from tenfold.training.recipe import Recipe
from tenfold.training.records import EpochRecord

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.slow,
    # Ray's own, of its own settings.
    pytest.mark.filterwarnings("ignore:.*is deprecated:DeprecationWarning:ray"),
]


@pytest.fixture(scope="module")
def two_nodes(ray_cluster):
    with ray_cluster() as made, connected(made.address):
        yield made


@pytest.fixture(scope="module")
def plain() -> Recipe:
    """The mlp recipe, with nothing left open, and steps so small that what rounding differs by doesn't grow."""
    return Recipe.load("mlp").replace(
        epochs=8, batch_size=96, threads=1, precision="float32", layout="contiguous", learning_rate=1e-4
    )


def losses(run: Run) -> np.ndarray:
    return np.array([(record.train_loss, record.validation_loss) for record in run.history])


def test_a_node_that_dies_costs_time_alone(two_nodes, mnist, plain, tmp_path):
    # Epochs of a second, so that the node dies in the middle.
    data = dataclasses.replace(mnist, name="many", train_images=mnist.train_images[:20_000],
                               train_labels=mnist.train_labels[:20_000])  # fmt: skip
    alone = train(plain, data, folder=tmp_path / "alone")
    seen, told = [], []

    def watch(record):
        if isinstance(record, EpochRecord):
            if not seen:
                two_nodes.remove_node(two_nodes.workers.pop(), allow_graceful=False)
            seen.append(record)

    run = train_on_ray(plain, two_nodes.address, data=data, folder=tmp_path / "there", watch=watch, tell=told.append)
    two_nodes.workers.append(two_nodes.add_node())
    assert run.finished
    assert [record.epoch for record in run.history] == list(range(1, 9))
    assert seen == run.history
    assert len(told) == 1
    assert "after the last whole epoch" in told[0]
    np.testing.assert_allclose(losses(run), losses(alone), rtol=1e-3)
    assert sorted(path.name for path in run.path.iterdir()) == sorted(path.name for path in alone.path.iterdir())


def test_what_was_begun_on_nodes_goes_on_without_them(two_nodes, small_file, tmp_path):
    words = ["train", "mlp", "--dataset", small_file, "--epochs", 400, "--batch-size", 96, "--threads", 1,
             "--ray", two_nodes.address, "--workers", 2, "--out", tmp_path]  # fmt: skip
    begun = subprocess.Popen([sys.executable, "-m", "tenfold", *map(str, words)], stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, text=True)  # fmt: skip
    assert begun.stdout is not None
    assert "takes some 20 seconds" in begun.stdout.readline()
    assert "epoch   1" in begun.stdout.readline()
    begun.send_signal(signal.SIGINT)
    _, told = begun.communicate(timeout=60)
    (path,) = tmp_path.iterdir()
    assert begun.returncode == 130, told
    assert told.splitlines() == [f"error: interrupted; the training goes on with: tenfold train --resume {path}"]
    run = Run.load(path)
    assert 0 < len(run.history) < 400
    # Twenty more, not all that are left.
    shorter = run.recipe.replace(epochs=len(run.history) + 20)
    (path / "recipe.toml").write_text(shorter.to_toml())
    assert len(resume_together(path, 1).history) == shorter.training.epochs


def test_a_training_that_diverges_is_told_once(two_nodes, small, plain, tmp_path):
    told = []
    with pytest.raises(TrainingError, match="lower --learning-rate"):
        train_on_ray(plain.replace(learning_rate=1e12), two_nodes.address, data=small, folder=tmp_path,
                     tell=told.append)  # fmt: skip
    assert told == []


def test_an_error_of_one_worker_ends_all_and_other_files_stay(two_nodes, small, plain, tmp_path):
    def spoil(record):
        if isinstance(record, EpochRecord) and record.epoch == 1:
            (path,) = tmp_path.iterdir()
            (path / "notes.txt").write_text("mine")
            (path / "events.jsonl").rename(path / "events.away")
            (path / "events.jsonl").mkdir()

    with pytest.raises(StorageError, match=r"^cannot write .*events.jsonl"):
        train_on_ray(plain.replace(epochs=400), two_nodes.address, data=small, folder=tmp_path, watch=spoil)
    (path,) = tmp_path.iterdir()
    assert (path / "notes.txt").exists()


def test_more_workers_than_there_is_room_for_are_told_before_anything_is_written(two_nodes, small, plain, tmp_path):
    with pytest.raises(ClusterError, match="room for 2 workers of 1 thread; lower --workers, or add nodes"):
        train_on_ray(plain, two_nodes.address, 3, data=small, folder=tmp_path / "runs")
    assert not (tmp_path / "runs").exists()
