"""Trainings that are killed, interrupted or run out of disk continue as if nothing had happened."""

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tenfold.errors import StorageError
from tenfold.runs.run import Run
from tenfold.runs.run_folder import latest_run
from tenfold.runs.seeds import Seeds, resume_seeds, train_seeds
from tenfold.runs.train import resume, train


def weights(run):
    return load_file(run.path / "model.safetensors")


def same(first, second):
    return first.keys() == second.keys() and all(torch.equal(first[key], second[key]) for key in first)


def test_a_run_that_is_killed_continues(quick, tmp_path):
    (tmp_path / "recipe.toml").write_text(quick.replace(epochs=40).to_toml())
    command = [sys.executable, "-m", "tenfold", "train", str(tmp_path / "recipe.toml"), "--out", str(tmp_path / "runs")]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 60
        while not list(tmp_path.glob("runs/*/checkpoint.safetensors")) and time.monotonic() < deadline:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    killed = latest_run(tmp_path / "runs")
    done = len(Run.load(killed).history)
    assert 1 <= done < 40
    resumed = resume(killed)
    assert [r.epoch for r in resumed.history] == list(range(1, 41))
    assert same(weights(resumed), weights(train(quick.replace(epochs=40), folder=tmp_path / "unbroken")))


def test_a_killed_fine_tuning_is_resumed_and_ends_the_same(tuned, tmp_path):
    script = (
        "import pathlib, sys; from tenfold.training.recipe import Recipe; from tenfold.runs.train import train; "
        "train(Recipe.load(sys.argv[1]), path=pathlib.Path(sys.argv[2]))"
    )
    folder = tmp_path / "killed"
    process = subprocess.Popen([sys.executable, "-c", script, str(tuned.path / "recipe.toml"), str(folder)])
    while process.poll() is None and not (folder / "checkpoint.safetensors").exists():
        time.sleep(0.002)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    done = resume(folder) if not (folder / "model.safetensors").exists() else Run.load(folder)
    assert (done.path / "model.safetensors").read_bytes() == (tuned.path / "model.safetensors").read_bytes()


class StopHere(Exception):  # noqa: N818
    pass


def stop_after(records):
    seen = []

    def stop(record):
        seen.append(record)
        if len(seen) == records:
            raise StopHere

    return stop


def test_stopped_seeds_continue_in_the_epoch_that_they_were_in(quick, tmp_path):
    whole = train_seeds(quick, 3, folder=tmp_path / "whole")
    with pytest.raises(StopHere):
        train_seeds(quick, 3, folder=tmp_path / "stopped", on_epoch=stop_after(5))  # the second seed's second epoch
    (path,) = (tmp_path / "stopped").iterdir()
    assert len(Seeds.load(path).finished) == 1
    seen = []
    done = resume_seeds(path, on_epoch=seen.append)
    assert len(seen) == 1 + 3
    assert done.figures("test", "accuracy") == whole.figures("test", "accuracy")


def test_a_full_disk_stops_training_with_a_message_and_the_run_resumes_later(quick, tmp_path, monkeypatch):
    from tenfold.runs.run_folder import latest_run
    from tenfold.runs.train import resume, train

    saves = []
    write_bytes = Path.write_bytes

    def full(path, content):
        saves.append(path)
        if "checkpoint" in path.name and sum("checkpoint" in save.name for save in saves) == 2:
            write_bytes(path, content[: len(content) // 2])
            raise OSError(errno.ENOSPC, "No space left on device")
        return write_bytes(path, content)

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(StorageError, match="disk is full"):
        train(quick, folder=tmp_path)
    monkeypatch.undo()
    path = latest_run(tmp_path)
    assert (path / "checkpoint.safetensors").exists()
    assert [record.epoch for record in resume(path).history] == [1, 2, 3]


def test_a_disk_that_is_really_full_gets_a_word(tmp_path):
    """A file system of 300 kB: the weights don't fit. Needs the right to mount, which CI has."""
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=300k", "none", str(small)], capture_output=True)
    if mounted.returncode:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)("no right to mount a file system here")
    try:
        command = [sys.executable, "-m", "tenfold", "train", "--epochs", "1", "--out", str(small / "runs")]
        done = subprocess.run(command, capture_output=True, text=True)
    finally:
        subprocess.run(["umount", str(small)], check=True)
    assert done.returncode == 1
    assert "disk is full" in done.stderr
    assert "Traceback" not in done.stderr
