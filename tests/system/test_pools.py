"""Seeds and ensembles that are trained concurrently are those that come one after another, bit for bit."""

import shutil
import subprocess
import sys

import pytest

from tenfold.errors import RunError, UsageError
from tenfold.jobs.local import local_pool
from tenfold.runs.seeds import Seeds, resume_seeds, train_seeds
from tenfold.runs.train import resume, train
from tests.flow.test_portability import WITHOUT_LINUX
from tests.log_lines import logged


def test_concurrent_seeds_are_the_seeds_one_after_another(quick, two_workers, tmp_path):
    serial = train_seeds(quick, 3, folder=tmp_path / "serial")
    with logged() as lines:
        concurrent = train_seeds(quick, 3, open_pool=two_workers, folder=tmp_path / "concurrent")
    assert len(lines) == 3
    assert {s: run.digest for s, run in concurrent.finished.items()} == {
        s: r.digest for s, r in serial.finished.items()
    }
    assert concurrent.figures("test", "accuracy") == serial.figures("test", "accuracy")
    shutil.rmtree(concurrent.folder(1))
    again = resume_seeds(concurrent.path, open_pool=two_workers)
    assert again.figures("test", "accuracy") == serial.figures("test", "accuracy")
    assert Seeds.load(concurrent.path).summary()["test_accuracy"].n == 3


@pytest.mark.parametrize("averaging", [0.0, 0.5])
def test_an_ensembles_concurrent_networks_are_those_one_after_another(
    quick, two_workers, one_at_a_time, tmp_path, averaging
):
    recipe = quick.replace(
        final_weights="last", ensemble_size=3, epochs=2, deskew=True, batch_norm=True, weight_averaging=averaging
    )
    serial = train(recipe, folder=tmp_path / "serial")

    def stop(line):
        raise KeyboardInterrupt

    # Once with another network in the middle of its training, which ends with its process.
    interrupted = one_at_a_time if averaging else lambda: local_pool(2)
    with logged(stop) as first, pytest.raises(KeyboardInterrupt, match="tenfold train --resume"):
        train(recipe, open_pool=interrupted, folder=tmp_path / "concurrent")
    (path,) = (tmp_path / "concurrent").iterdir()
    with logged() as rest:
        done = resume(path, open_pool=two_workers)
    assert len({*first, *rest}) == len(first) + len(rest) == 3
    assert done.digest == serial.digest
    assert [(r.epoch, r.train_loss, r.validation_accuracy) for r in done.history] == [
        (r.epoch, r.train_loss, r.validation_accuracy) for r in serial.history
    ]
    assert done.training.validation_accuracy == serial.training.validation_accuracy
    assert (done.path / "model.onnx").exists()
    assert not (done.path / "members").exists()
    with pytest.raises(RunError, match="nothing to resume"):
        resume(path, open_pool=lambda: pytest.fail("there is nothing left to train"))


@pytest.mark.parametrize("workers", [0, -1])
def test_fewer_workers_than_one_are_refused(workers):
    with pytest.raises(UsageError, match=">= 1"), local_pool(workers):
        pass


def test_a_folder_that_comes_back_replaces_the_old_one_or_leaves_it(tmp_path, monkeypatch):
    from pathlib import Path

    from tenfold.jobs.ray_pool import _write_folder

    folder = tmp_path / "run"
    _write_folder({"a": b"old", "b/c": b"old"}, folder)
    rename = Path.rename

    def interrupted(path, target):
        if target == folder and (path / "d").exists():
            raise KeyboardInterrupt
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", interrupted)
    with pytest.raises(KeyboardInterrupt):
        _write_folder({"d": b"new"}, folder)
    assert (folder / "a").read_bytes() == (folder / "b" / "c").read_bytes() == b"old"
    monkeypatch.undo()
    _write_folder({"d": b"new"}, folder)
    assert [path.name for path in folder.iterdir()] == ["d"]
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_the_answer_to_a_lost_attempt_is_not_given_to_the_next():
    import asyncio

    from tenfold.jobs.ray_pool import _Mailbox

    async def ask():
        mailbox = _Mailbox()
        lost, restarted = (asyncio.create_task(mailbox.ask((0, attempt), "epoch", {})) for attempt in (1, 2))
        messages = await mailbox.take()
        while len(messages) < 2:
            messages += await mailbox.take()
        assert [attempt for attempt, *_ in messages] == [(0, 1), (0, 2)]
        await mailbox.answer((0, 1), False)
        await asyncio.sleep(0)
        assert not restarted.done()
        await mailbox.answer((0, 2), True)
        return await lost, await restarted

    assert asyncio.run(ask()) == (False, True)


def test_workers_need_nothing_that_linux_alone_has(small_file, tmp_path):
    code = """
from functools import partial
from tenfold.jobs.local import local_pool
from tenfold.runs.seeds import train_seeds
from tenfold.training.recipe import Recipe
recipe = Recipe.load("tutorial").replace(dataset=sys.argv[1], epochs=1)
assert len(train_seeds(recipe, 2, folder=sys.argv[2], open_pool=partial(local_pool, 2)).finished) == 2
"""
    words = [sys.executable, "-c", WITHOUT_LINUX + code, small_file, tmp_path]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
