"""A full disk must cost the new file only, never the old one."""

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tenfold import files
from tenfold.errors import RunError, StorageError


@pytest.mark.parametrize(("number", "words"), [(errno.ENOSPC, "disk is full"), (errno.EROFS, "read-only")])
def test_a_failed_write_leaves_the_old_file_and_says_why(tmp_path, number, words):
    path = files.write_text(tmp_path / "metrics.json", "old")

    def full(temporary: Path) -> None:
        temporary.write_text("ne")
        raise OSError(number, "no")

    with pytest.raises(StorageError, match=words):
        files.write_with(path, full)
    assert path.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["metrics.json"]


def test_a_folder_that_cannot_be_created_is_reported(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="is a file, not a folder"):
        files.write_text(tmp_path / "file" / "deeper" / "x.txt", "text")


def test_nan_is_refused_in_json(tmp_path):
    with pytest.raises(ValueError, match="JSON"):
        files.write_json(tmp_path / "x.json", {"loss": float("nan")})
    assert not list(tmp_path.iterdir())


def test_files_get_the_rights_that_other_files_get(tmp_path):
    (tmp_path / "plain").write_text("")
    path = files.write_json(tmp_path / "x.json", {"a": 1})
    assert path.stat().st_mode == (tmp_path / "plain").stat().st_mode
    assert json.loads(path.read_text()) == {"a": 1}


def test_writing_never_changes_the_umask(tmp_path, monkeypatch):
    """Another thread's files would be created with rights that nobody asked for."""
    monkeypatch.setattr(os, "umask", lambda mask: pytest.fail("the umask was changed"))
    assert files.write_text(tmp_path / "x.txt", "text").read_text() == "text"


def test_a_lock_is_held_by_one_process(tmp_path):
    path = tmp_path / ".lock"
    code = "import sys, time; from pathlib import Path; from tenfold import files\n"
    code += "with files.lock(Path(sys.argv[1])): print('held', flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE) as other:
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(RunError, match="in use"), files.lock(path, RunError("in use")):
            pass
        other.kill()
        other.wait()
    with files.lock(path, RunError("in use")):
        pass
