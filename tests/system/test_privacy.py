"""README's commands run as they stand there; nothing leaves the machine, and nothing is written but what was asked for
and Tenfold's own cache."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "docs" / "start" / "walkthrough.md"]
# All commands in one process, which imports PyTorch once.
RUN = """
import sys
from tenfold.cli import main
for line in sys.argv[1].splitlines():
    print("$", line, file=sys.stderr, flush=True)
    try:
        main(line.split()[1:])
    except SystemExit as done:
        print("exit", done.code, file=sys.stderr, flush=True)
"""
# Hours, but for fewer of all.
SMALLER = {"epochs": "--epochs 2", "trials": "--trials 2", "seeds": "--seeds 2"}
# What these pages do not show, and opens a model, draws, or starts processes.
OTHERS = """tenfold sweep cnn --param learning_rate=log:1e-4..1e-1 --param width=16,32,48 --trials 50
tenfold train accurate --seeds 10 --workers 2
tenfold read-all photos/ --out digits.parquet
tenfold calibrate
tenfold export --to onnx
tenfold export --to onnx-int8 --out small.onnx
tenfold export --to web --out small.10fd
tenfold read photo.png --explain
tenfold read photo.png --number
tenfold compare recipes quick.toml other.toml --seeds 1"""


@pytest.fixture
def strace(needs) -> str:
    path = shutil.which("strace")
    needs("" if path else "strace (apt-get install strace)")
    return str(path)


def test_commands_run_and_open_no_connection_and_write_nothing_unasked(strace, quick, small_file, tmp_path):
    home, here, temporary = (tmp_path / name for name in ("home", "here", "temporary"))
    for folder in (home, here, temporary):
        folder.mkdir()
    draw(here / "photo.png")
    draw(here / "photos" / "seven.png")
    (here / "quick.toml").write_text(quick.replace(epochs=1).to_toml())
    (here / "other.toml").write_text(quick.replace(epochs=1, learning_rate=0.01).to_toml())
    text = "\n".join(page.read_text() for page in PAGES)
    typed = re.findall(r"^\$ (tenfold .*?)(?:  +#.*)?$", text, re.MULTILINE)
    assert len(typed) >= 12
    lines = [made_small(line, small_file) for line in (*typed, *OTHERS.splitlines())]
    # Libraries that report on their users often don't where CI is set.
    kept = {key: value for key, value in os.environ.items() if key in ("PATH", "PYTHONPATH", "LANG")}
    environment = {**kept, "HOME": str(home), "TMPDIR": str(temporary), "OMP_NUM_THREADS": "1"}
    trace = tmp_path / "trace"
    calls = ["--follow-forks", "--quiet", "--seccomp-bpf", "--trace=connect,sendto,sendmsg", "--output", trace]
    done = subprocess.run([strace, *calls, sys.executable, "-W", "error", "-c", RUN, "\n".join(lines)], cwd=here,
                          env=environment, capture_output=True, text=True, timeout=400)  # fmt: skip
    said = dict(part.split("\n", 1) for part in done.stderr.split("$ ")[1:])
    assert list(said) == lines, done.stderr
    for line, words in said.items():
        if "--resume" in line:  # The run before it is finished.
            assert "nothing to resume" in words
        else:
            assert words == "exit 0\n", line
    assert (here / "mnist.npz").exists()
    assert re.findall(r".*AF_INET6?\b.*", trace.read_text()) == []
    assert {path.relative_to(home).parts[:2] for path in home.rglob("*") if path.is_file()} == {(".cache", "tenfold")}
    assert [path for path in temporary.rglob("*") if path.is_file()] == []


def made_small(line: str, data: Path) -> str:
    if "--resume" in line or line.split()[1] not in ("walk", "train", "sweep"):
        return line
    line = re.sub("--dataset [^ ]+", "", line)
    line = re.sub("--(epochs|trials|seeds) [0-9]+", lambda flag: SMALLER[flag[1]], line)
    return f"{line} --dataset {data}" + ("" if "--epochs" in line else " --epochs 1")


def test_a_home_that_can_not_be_written_to_is_no_obstacle(tmp_path, small_file):
    environment = {**os.environ, "HOME": "/proc/nowhere", "XDG_CACHE_HOME": "", "TENFOLD_CACHE": ""}
    environment.pop("CI", None)
    draw(tmp_path / "seven.png")
    for words in (["read", "seven.png"], ["profile", str(small_file), "--out", "figures"]):
        done = subprocess.run(
            [sys.executable, "-m", "tenfold", *words], cwd=tmp_path, env=environment, capture_output=True, text=True
        )
        assert (done.returncode, done.stderr) == (0, ""), words


def draw(path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    picture = Image.new("L", (200, 200), 255)
    ImageDraw.Draw(picture).line([(60, 50), (140, 50), (90, 160)], fill=0, width=16)
    picture.save(path)
