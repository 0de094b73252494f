"""A full disk must cost the new file only, never the old one."""

import errno
import json
from pathlib import Path

import pytest

from tenfold import atomic
from tenfold.errors import StorageError


@pytest.mark.parametrize(("number", "words"), [(errno.ENOSPC, "disk is full"), (errno.EROFS, "read-only")])
def test_a_failed_write_leaves_the_old_file_and_says_why(tmp_path, number, words):
    path = atomic.write_text(tmp_path / "metrics.json", "old")

    def full(temporary: Path) -> None:
        temporary.write_text("ne")
        raise OSError(number, "no")

    with pytest.raises(StorageError, match=words):
        atomic.write_with(path, full)
    assert path.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["metrics.json"]


def test_a_folder_that_cannot_be_made_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="is a file, not a folder"):
        atomic.write_text(tmp_path / "file" / "deeper" / "x.txt", "text")


def test_nan_is_refused_in_json(tmp_path):
    with pytest.raises(ValueError, match="JSON"):
        atomic.write_json(tmp_path / "x.json", {"loss": float("nan")})
    assert not list(tmp_path.iterdir())


def test_files_get_the_rights_that_other_files_get(tmp_path):
    (tmp_path / "plain").write_text("")
    path = atomic.write_json(tmp_path / "x.json", {"a": 1})
    assert path.stat().st_mode == (tmp_path / "plain").stat().st_mode
    assert json.loads(path.read_text()) == {"a": 1}


def test_a_full_disk_stops_training_with_a_word_and_the_run_goes_on_later(quick, tmp_path, monkeypatch):
    from tenfold.runs.run import latest_run
    from tenfold.runs.train import resume, train
    from tenfold.training import checkpoint

    saves = []
    save_file = checkpoint.save_file

    def full(tensors, path, metadata):
        saves.append(path)
        if len(saves) == 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        save_file(tensors, path, metadata)

    monkeypatch.setattr(checkpoint, "save_file", full)
    with pytest.raises(StorageError, match="disk is full"):
        train(quick, folder=tmp_path)
    monkeypatch.undo()
    path = latest_run(tmp_path)
    assert (path / "checkpoint.safetensors").exists()
    assert [record.epoch for record in resume(path).history] == [1, 2, 3]
