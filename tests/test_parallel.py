"""One model trained by several processes: the same training, whoever dies."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
from torch.multiprocessing import spawn

from tenfold.errors import RunError, StorageError, TrainingError, UsageError
from tenfold.jobs.parallel import resume_together, train_together
from tenfold.models import build_model
from tenfold.runs.run import Run
from tenfold.runs.train import train
from tenfold.training.augment import make_augmentation
from tenfold.training.loop import Trainer
from tenfold.training.recipe import Recipe


@pytest.fixture(scope="module")
def plain(small_file) -> Recipe:
    """The mlp recipe, with nothing left open, on the small set."""
    return Recipe.load("mlp").replace(
        dataset=str(small_file), epochs=3, batch_size=96, threads=1, precision="float32", layout="contiguous"
    )


def losses(run: Run) -> np.ndarray:
    return np.array([(record.train_loss, record.validation_loss) for record in run.history])


def test_two_workers_have_the_loss_curve_of_one_process(plain, tmp_path):
    # Steps so small that what rounding differs by doesn't grow: at the recipe's rate it does, with threads too.
    recipe = plain.replace(learning_rate=1e-4)
    alone = train(recipe, folder=tmp_path / "alone")
    seen, told = [], []
    both = train_together(recipe, 2, folder=tmp_path / "both", watch=seen.append, tell=told.append)
    np.testing.assert_allclose(losses(both), losses(alone), rtol=5e-4)
    assert [record.learning_rate for record in both.history] == [record.learning_rate for record in alone.history]
    assert both.finished
    assert (both.path / "model.onnx").exists()
    assert [record for record in seen if record in both.history] == both.history
    assert told == []


def _step(
    rank: int,
    workers: int,
    board: bool,
    changes: dict[str, object],
    images: torch.Tensor,
    labels: torch.Tensor,
    out: str,
) -> None:
    from tenfold.training import share as shares
    from tenfold.training.share import Share, group_share

    torch.set_num_threads(1)
    if not board:  # As between machines.
        shares.open_board = lambda rank, workers: None
    if workers > 1:
        met = f"file://{out}.met"
        torch.distributed.init_process_group("gloo", init_method=met, rank=rank, world_size=workers)
    share = group_share() if workers > 1 else Share()
    recipe = Recipe.load("accurate").replace(threads=1, precision="float32", layout="contiguous", **changes)
    torch.manual_seed(3)
    model = build_model(recipe.model)
    trainer = Trainer(model, recipe, share)
    trainer.network.train()
    with share.joined(trainer.network):
        loss, _ = trainer.step(images, labels)
    if rank == 0:
        gradients = {name: parameter.grad for name, parameter in model.named_parameters()}
        torch.save((loss, gradients, dict(model.named_buffers())), out)
    if workers > 1:
        torch.distributed.destroy_process_group()


@pytest.mark.parametrize(("workers", "board"), [(2, True), (3, True), (2, False)])
def test_a_step_of_several_is_the_step_of_one(workers, board, small, tmp_path):
    changes = {"dropout": 0.3, "elastic": 2.0, "thickness": 0.4, "l1": 1e-2, "width": 4}
    # No number of workers divides it.
    images, labels = torch.from_numpy(small.train_images[:101]), torch.from_numpy(small.train_labels[:101]).long()
    found = []
    for count in (1, workers):
        path = str(tmp_path / f"{count}.pt")
        spawn(_step, (count, board, changes, images, labels, path), nprocs=count)
        found.append(torch.load(path))
    (loss, gradients, buffers), (other, others, statistics) = found
    torch.testing.assert_close(other, loss, rtol=1e-5, atol=0)
    for name, value in buffers.items():
        torch.testing.assert_close(statistics[name], value, rtol=1e-4, atol=1e-6)
    for name, value in gradients.items():
        assert (others[name] - value).norm() < 0.01 * value.norm() + 1e-5, name


def test_what_augmentation_makes_of_an_image_depends_on_its_place_in_the_batch_alone(small):
    config = Recipe.load("accurate").replace(elastic=2.0, thickness=0.5).augment
    augment = make_augmentation(config, torch.device("cpu"))
    images = torch.from_numpy(small.train_images[:25] / np.float32(255))

    def changed(part: slice) -> torch.Tensor:
        torch.manual_seed(1)
        return augment(images, part)

    whole = changed(slice(None))
    for part in (slice(0, 8), slice(8, 16), slice(16, 25)):
        torch.testing.assert_close(changed(part), whole[part], rtol=0, atol=1e-6)


@pytest.fixture(scope="module")
def undisturbed(plain, tmp_path_factory) -> Run:
    return train_together(plain, 2, folder=tmp_path_factory.mktemp("whole"))


# By their process ids: the first worker has the run's files.
@pytest.mark.parametrize("victim", [min, max])
def test_a_worker_that_is_killed_loses_an_epoch_at_most_and_changes_nothing(plain, undisturbed, victim, tmp_path):
    killed = []

    def kill(record) -> None:
        if not killed and getattr(record, "train_loss", None) is not None and record.epoch == 1:
            found = subprocess.run(
                ["ps", "-ww", "-o", "pid=,args=", "--ppid", str(os.getpid())], capture_output=True, text=True
            )
            workers = [int(line.split()[0]) for line in found.stdout.splitlines() if "spawn_main" in line]
            # The two that came last: other tests have processes too.
            killed.append(victim(sorted(workers)[-2:]))
            os.kill(killed[0], signal.SIGKILL)

    told = []
    run = train_together(plain, 2, folder=tmp_path / "hurt", watch=kill, tell=told.append)
    assert killed
    assert len(told) == 1
    assert "a worker died" in told[0]
    assert run.digest == undisturbed.digest
    assert losses(run).tolist() == losses(undisturbed).tolist()
    assert [record.epoch for record in run.history] == [1, 2, 3]


def test_a_training_that_is_interrupted_goes_on_with_other_workers(plain, small_file, tmp_path):
    words = [
        "train",
        "mlp",
        "--dataset",
        small_file,
        "--epochs",
        40,
        "--batch-size",
        96,
        "--threads",
        1,
        "--workers",
        2,
    ]
    begun = subprocess.Popen(
        [sys.executable, "-m", "tenfold", *map(str, words), "--out", str(tmp_path)], stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert begun.stdout is not None
    assert "epoch   1" in begun.stdout.readline()
    begun.send_signal(signal.SIGINT)
    _, told = begun.communicate(timeout=60)
    assert begun.returncode == 130
    (path,) = tmp_path.iterdir()
    assert told.splitlines() == [
        f"error: interrupted; the training goes on with: tenfold train --resume {path} --workers 2"
    ]
    epochs = len(Run.load(path).history)
    run = resume_together(path, 1)
    assert run.finished
    assert len(run.history) == 40 > epochs
    with pytest.raises(RunError, match="nothing to resume"):
        resume_together(path, 2)


def test_an_error_of_one_worker_ends_all(plain, tmp_path):
    def spoil(record) -> None:
        if getattr(record, "train_loss", None) is not None and record.epoch == 1:
            (path,) = tmp_path.iterdir()
            (path / "events.jsonl").rename(path / "events.away")
            (path / "events.jsonl").mkdir()

    # Epochs enough for the first to be told before the last.
    with pytest.raises(StorageError, match=r"events\.jsonl"):
        train_together(plain.replace(epochs=40), 2, folder=tmp_path, watch=spoil)


def test_a_training_that_diverges_is_told_once_and_not_begun_again(plain, tmp_path):
    told = []
    began = time.monotonic()
    with pytest.raises(TrainingError, match="lower --learning-rate"):
        train_together(plain.replace(learning_rate=1e12), 2, folder=tmp_path, tell=told.append)
    assert told == []
    assert time.monotonic() - began < 60


@pytest.mark.parametrize(
    ("changes", "workers", "message"),
    [
        ({}, 0, "--workers is 0; it must be >= 1"),
        (
            {"batch_size": 1598, "batch_norm": False},
            3,
            "a batch of 2 images, which 3 workers can't share: lower --workers",
        ),
        ({"drawn": 2, "batch_size": 100}, 3, "a batch of 2 images, which 3 workers can't share: lower --workers"),
    ],
)
def test_what_can_not_be_shared_is_told_before_anything_is_written(plain, tmp_path, changes, workers, message):
    with pytest.raises(UsageError, match=message):
        train_together(plain.replace(**changes), workers, folder=tmp_path / "runs")
    assert not (tmp_path / "runs").exists()
