"""Nothing leaves the machine, and nothing is written but what was asked for and Tenfold's own cache."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

# Every command in one process; --version and help open no model.
COMMANDS = """
import sys
from tenfold.cli import main
for line in sys.argv[1].splitlines():
    try:
        main(line.split())
    except SystemExit as done:
        assert done.code == 0, (line, done.code)
"""
LINES = """data list
profile SET --out figures
preprocess SET --out ready.npz
augment --show --dataset SET
model
walk quick.toml --out runs
evaluate
calibrate
predict latest --count 3 --out read.png
predict latest read.png
diagnose
report
export --to onnx
export --to onnx-int8 --out small.onnx
export --to web --out small.10fd
read read.png
read read.png --explain
read read.png --number
read-all read.png --out rows.parquet --workers 1
compare recipes quick.toml other.toml --seeds 1 --out studies
sweep quick.toml --param batch_size=32,64 --sampler grid --workers 1 --out sweeps"""


@pytest.fixture
def strace(needs) -> str:
    import shutil

    path = shutil.which("strace")
    needs("" if path else "strace (apt-get install strace)")
    return str(path)


def test_no_command_opens_a_connection_or_writes_into_the_home_but_the_cache(strace, quick, small_file, tmp_path):
    home, here, temporary = (tmp_path / name for name in ("home", "here", "temporary"))
    for folder in (home, here, temporary):
        folder.mkdir()
    (here / "quick.toml").write_text(quick.replace(epochs=1).to_toml())
    (here / "other.toml").write_text(quick.replace(epochs=1, learning_rate=0.01).to_toml())
    # Libraries that report on their users often don't where CI is set.
    kept = {key: value for key, value in os.environ.items() if key in ("PATH", "PYTHONPATH", "LANG")}
    environment = {**kept, "HOME": str(home), "TMPDIR": str(temporary)}
    trace = tmp_path / "trace"
    watched = [
        strace,
        "--follow-forks",
        "--quiet",
        "--seccomp-bpf",
        "--trace=connect,sendto,sendmsg",
        "--output",
        trace,
    ]
    words = [*watched, sys.executable, "-c", COMMANDS, LINES.replace("SET", str(small_file))]
    done = subprocess.run(words, cwd=here, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr
    assert re.findall(r".*AF_INET6?\b.*", trace.read_text()) == []
    written = {path.relative_to(home).parts[:2] for path in home.rglob("*") if path.is_file()}
    assert written == {(".cache", "tenfold")}
    assert [path for path in temporary.rglob("*") if path.is_file()] == []


def test_a_home_that_can_not_be_written_to_is_no_obstacle(tmp_path, small_file):
    environment = {**os.environ, "HOME": "/proc/nowhere", "XDG_CACHE_HOME": "", "TENFOLD_CACHE": ""}
    environment.pop("CI", None)
    for words in (["read", "seven.png"], ["profile", str(small_file), "--out", "figures"]):
        draw(tmp_path / "seven.png")
        done = subprocess.run(
            [sys.executable, "-m", "tenfold", *words], cwd=tmp_path, env=environment, capture_output=True, text=True
        )
        assert (done.returncode, done.stderr) == (0, ""), words


def draw(path: Path) -> None:
    from PIL import Image, ImageDraw

    picture = Image.new("L", (200, 200), 255)
    ImageDraw.Draw(picture).line([(60, 50), (140, 50), (90, 160)], fill=0, width=16)
    picture.save(path)
