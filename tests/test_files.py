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


def test_a_full_disk_stops_training_with_a_message_and_the_run_resumes_later(quick, tmp_path, monkeypatch):
    from tenfold.runs.run import latest_run
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


@pytest.mark.slow
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
