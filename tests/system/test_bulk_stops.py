"""A bulk read that is stopped, may not write, or is asked for nonsense: what is done stays, and a word says why."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from tenfold import cli
from tenfold.bulk import read_all
from tenfold.errors import BulkError, UsageError
from tenfold.jobs.pool import in_process_pool
from tests.system.bulk_jobs import COMMAND, deadly_path, wait_for_parts, without_end


@pytest.fixture(scope="module")
def many(mnist, tmp_path_factory) -> list[Path]:
    """10,001 images in four units; the last is a picture of its own."""
    folder = tmp_path_factory.mktemp("many")
    np.save(folder / "many.npy", mnist.test_images)
    Image.fromarray(mnist.test_images[0]).save(folder / "last.png")
    return [folder / "many.npy", folder / "last.png"]


@pytest.fixture(scope="module")
def undisturbed(many) -> bytes:
    out = many[0].with_name("undisturbed.parquet")
    read_all(many, out, workers=2)
    return out.read_bytes()


def give(last: Path, content: bytes) -> None:
    """Gives the last image to whoever waits for it."""
    deadline = time.monotonic() + 60
    while True:
        try:
            pipe = os.open(last, os.O_WRONLY | os.O_NONBLOCK)
            break
        except OSError:
            assert time.monotonic() < deadline, "nobody reads it"
            time.sleep(0.01)
    os.write(pipe, content)
    os.close(pipe)


def start(*words) -> subprocess.Popen:
    return subprocess.Popen([*COMMAND, *map(str, words)], stderr=subprocess.PIPE, text=True)


def children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()] + [
        int(word)
        for task in Path(f"/proc/{pid}/task").iterdir()
        if task.name != str(pid)
        for word in (task / "children").read_text().split()
    ]


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_for_end(workers: list[int]) -> None:
    deadline = time.monotonic() + 60
    while any(map(alive, workers)):
        assert time.monotonic() < deadline, "workers live on without whoever asked them"
        time.sleep(0.01)


def test_a_killed_job_continues_and_its_workers_go_with_it(many, undisturbed, tmp_path):
    out = tmp_path / "out.parquet"
    with without_end(many[1]):
        process = start(*many, "--out", out, "--workers", 2)
        wait_for_parts(out, 1, process)
        workers = children(process.pid)
        assert workers
        process.kill()
        process.wait()
        process.stderr.close()
        wait_for_end(workers)
    assert not out.exists()
    with pytest.raises(BulkError, match="--resume"):
        read_all(many, out, workers=1)
    summary = read_all(many, out, workers=1, resume=True)
    assert 0 < summary.already_read < summary.rows == 10_001
    assert out.read_bytes() == undisturbed
    assert not Path(f"{out}.job").exists()
    with pytest.raises(BulkError, match="nothing to resume"):
        read_all(many, out, resume=True)


def test_killed_workers_lose_and_double_nothing(many, undisturbed, tmp_path):
    out = tmp_path / "out.parquet"
    with without_end(many[1]) as content:
        process = start(*many, "--out", out, "--workers", 2)
        # One that begins or is at work, then the one that has the last image in hand.
        for parts in (0, 3):
            wait_for_parts(out, parts, process)
            while not (found := children(process.pid)):
                assert process.poll() is None, process.stderr.read()
                time.sleep(0.01)
            for worker in found:
                os.kill(worker, signal.SIGKILL)
            wait_for_end(found)
        give(many[1], content)
        assert process.wait(60) == 0, process.stderr.read()
        process.stderr.close()
    assert out.read_bytes() == undisturbed


def test_an_image_that_kills_whoever_reads_it_costs_its_own_row_alone(mnist, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(12):
        Image.fromarray(mnist.test_images[number]).save(folder / f"{number:02d}.png")
    for number in (4, 9):
        (folder / f"{number:02d}.png").write_bytes(b"DEADLY")
    done = subprocess.run(
        [*COMMAND, str(folder), "--out", str(tmp_path / "out.parquet"), "--workers", "2", "--json"],
        env={**os.environ, "PYTHONPATH": deadly_path(tmp_path)},
        capture_output=True, text=True, timeout=120)  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = pq.read_table(tmp_path / "out.parquet").to_pylist()
    assert [row["index"] for row in found if row["error"]] == [4, 9]
    assert all("was killed" in row["error"] for row in found if row["error"])
    assert json.loads(done.stdout)["errors"] == 2


def test_a_full_disk_gets_a_word_and_the_job_continues_when_there_is_space(many, undisturbed, tmp_path):
    """File systems of two sizes: parts don't fit on one, only the output doesn't fit on the other."""
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=40k", "none", str(small)], capture_output=True)
    if mounted.returncode:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)("no right to mount a file system here")
    out = small / "out.parquet"
    try:
        for size in ("40k", f"{len(undisturbed) * 5 // 4 // 1024 + 40}k"):
            subprocess.run(["mount", "-o", f"remount,size={size}", str(small)], check=True)
            done = subprocess.run(
                [*COMMAND, *map(str, many), "--out", str(out), "--resume"], capture_output=True, text=True
            )
            assert done.returncode == 1
            assert "disk is full" in done.stderr
            assert "--resume continues" in done.stderr
            assert done.stderr.count("\n") == 1
            assert not out.exists()
        subprocess.run(["mount", "-o", "remount,size=8m", str(small)], check=True)
        assert read_all(many, out, resume=True).rows == 10_001
        assert out.read_bytes() == undisturbed
    finally:
        subprocess.run(["umount", str(small)], check=True)


@pytest.fixture
def stopped(many, tmp_path):
    """A job that was interrupted when it had read two units."""

    def interrupt(progress):
        if progress.inputs >= 2 * 4096:
            raise KeyboardInterrupt

    out = tmp_path / "out.parquet"
    with pytest.raises(KeyboardInterrupt):
        read_all(many, out, open_pool=in_process_pool, on_progress=interrupt)
    return out


def test_a_stopped_job_continues_only_as_what_it_was(many, stopped, tmp_path):
    other = tmp_path / "other.npy"
    np.save(other, np.zeros((2, 28, 28), np.uint8))
    for changed, expected in (({"sources": [other]}, "sources"), ({"probabilities": True}, "probabilities")):
        options = {"sources": many, "resume": True, "open_pool": in_process_pool, **changed}
        with pytest.raises(UsageError, match=expected):
            read_all(options.pop("sources"), stopped, **options)
    summary = read_all([other], stopped, open_pool=in_process_pool, overwrite=True)
    assert (summary.rows, summary.already_read) == (2, 0)


def test_a_part_that_says_other_than_it_holds_is_found_before_anything_is_written(many, stopped):
    parts = sorted(Path(f"{stopped}.job/parts").glob("*.parquet"))
    shutil.copy(parts[0], parts[1].with_name("00000002.parquet"))
    with pytest.raises(BulkError, match=r"4,?096 rows for 1,?808 inputs"):
        read_all(many, stopped, open_pool=in_process_pool, resume=True)
    parts[0].write_bytes(parts[0].read_bytes()[:-9])
    with pytest.raises(BulkError, match="is damaged"):
        read_all(many, stopped, open_pool=in_process_pool, resume=True)
    assert not stopped.exists()


def test_an_output_that_came_meanwhile_is_not_replaced(many, stopped):
    stopped.write_bytes(b"somebody's")
    with pytest.raises(BulkError, match="has appeared"):
        read_all(many, stopped, open_pool=in_process_pool, resume=True)
    assert stopped.read_bytes() == b"somebody's"


def test_a_job_killed_between_its_last_two_steps_is_finished(many, stopped, undisturbed, monkeypatch):
    from tenfold.bulk.bulk_folder import BulkFolder

    with monkeypatch.context() as patched:
        patched.setattr(BulkFolder, "remove", lambda self: None)  # The kill.
        read_all(many, stopped, open_pool=in_process_pool, resume=True)
    assert read_all(many, stopped, open_pool=in_process_pool, resume=True).rows == 10_001
    assert stopped.read_bytes() == undisturbed


def test_two_processes_do_not_work_on_one_job(many, stopped):
    fcntl = pytest.importorskip("fcntl")
    with Path(f"{stopped}.job/lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(BulkError, match="another process"):
            read_all(many, stopped, resume=True)


def test_mistakes_are_reported_in_a_line(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "there.parquet").write_bytes(b"an output of old")
    (tmp_path / "notes.txt").write_text("none")
    np.save("a.npy", np.zeros((2, 28, 28), np.uint8))
    pq.write_table(pa.table({"name": ["x"], "label": [7]}), "plain.parquet")
    pq.write_table(pa.table({"one": [b"x"], "two": [b"y"]}), "two.parquet")
    for words, code, expected in (
        (["a.npy"], 2, "no output given"),
        ([], 2, "no images"),
        (["gone", "--out", "o.parquet"], 1, "there is no file or folder"),
        (["gone*.png", "--out", "o.parquet"], 1, "nothing to read"),
        (["empty", "--out", "o.parquet"], 1, "nothing to read"),
        (["notes.txt", "--out", "o.parquet"], 1, "unknown format"),
        (["a.npy", "--out", "there.parquet"], 1, "--overwrite replaces it"),
        (["a.npy", "--out", "o.csv"], 2, "ends in .parquet"),
        (["a.npy", "--out", "s3://bucket/o.parquet"], 2, "write to a local path"),
        (["a.npy", "--out", "."], 2, "a folder with other files"),
        (["a.npy", "--out", "o.parquet", "--resume", "--overwrite"], 2, "exclude each other"),
        (["a.npy", "--out", "o.parquet", "--workers", "0"], 2, "at least 1"),
        (["a.npy", "--out", "o.parquet", "--batch", "0"], 2, "at least 1"),
        (["a.npy", "--out", "o.parquet", "--model", "gone.onnx"], 1, "no such file"),
        (["a.npy", "--out", "o.parquet", "--number"], 2, "one digit each: leave out --number"),
        (["a.npy", "--out", "o.parquet", "--number", "--probabilities"], 2, "leave out --number or --probabilities"),
        (["plain.parquet", "--out", "o.parquet"], 2, "its columns: name (string), label (int64)"),
        (["plain.parquet", "--out", "o.parquet", "--column", "nam"], 2, "did you mean 'name'"),
        (["plain.parquet", "--out", "o.parquet", "--column", "name"], 2, "not images"),
        (["two.parquet", "--out", "o.parquet"], 2, "choose one with --column: one, two"),
        (["odd://x/y", "--out", "o.parquet"], 2, "odd"),
        (["s3://bucket/x.tar", "--out", "o.parquet"], 2, "s3fs"),
        (["memory://x", "--out", "o.parquet"], 1, "there is no file or folder"),
    ):
        with pytest.raises(SystemExit) as stopped:
            cli.main(["read-all", *words])
        error = capsys.readouterr().err
        assert (stopped.value.code, error.count("\n")) == (code, 1), (words, error)
        assert expected in error, (words, error)
    assert (tmp_path / "there.parquet").read_bytes() == b"an output of old"
    assert not list(tmp_path.glob("*.job"))
    with pytest.raises(SystemExit) as stopped:
        cli.main(["read-all", "two.parquet", "--out", "o.parquet", "--column", "two"])
    assert stopped.value.code == 0
    assert "1 image could not be read" in capsys.readouterr().out


def run_without(module: str, tmp_path: Path, *words: str) -> subprocess.CompletedProcess:
    """The command where a package is not installed, as far as Python can say."""
    np.save(tmp_path / "a.npy", np.zeros((2, 28, 28), np.uint8))
    code = f"import sys; sys.modules[{module!r}] = None; from tenfold.cli import main; main(sys.argv[1:])"
    words = ("read-all", str(tmp_path / "a.npy"), "--out", str(tmp_path / "o.parquet"), *words)
    return subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True)


def test_without_pyarrow_the_command_that_installs_it_is_reported(tmp_path):
    done = run_without("pyarrow", tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert "pip install 'tenfold[bulk]'" in done.stderr
    assert done.stderr.count("\n") == 1


def test_without_ray_the_command_that_installs_it_is_reported(tmp_path):
    done = run_without("ray", tmp_path, "--ray", "auto")
    assert (done.returncode, done.stdout) == (1, "")
    assert "pip install 'tenfold[cluster]'" in done.stderr
    assert done.stderr.count("\n") == 1


def test_nothing_of_it_needs_pytorch(many, tmp_path):
    code = (
        "import sys; from tenfold.bulk import read_all; "
        f"read_all([{str(many[0])!r}], {str(tmp_path / 'o.parquet')!r}, workers=1); "
        "print('torch' in sys.modules, 'ray' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.split() == ["False", "False"], done.stderr
