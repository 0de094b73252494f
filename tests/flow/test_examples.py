"""Who copies an example gets what it promises: each script runs as its first lines say, and its answer is right.

Those that need a camera, nginx or another runtime are in tests/system/test_examples.py.
"""

import csv
import os
import re
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

import tenfold

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"


@contextmanager
def one_core():
    """Two threads of a training wait for each other many times as long where other tests use the second core."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    cores = os.sched_getaffinity(0)
    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    os.sched_setaffinity(0, {sorted(cores)[number % len(cores)]})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


def run_example(name, folder, *words):
    """What an example prints when it is run in `folder`."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), os.environ.get("PYTHONPATH", "")])}
    with one_core():
        done = subprocess.run(
            [sys.executable, "-W", "error", EXAMPLES / name, *map(str, words)],
            cwd=folder, capture_output=True, text=True, timeout=300, env=environment,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def enlarged(image):
    """An image of MNIST as dark ink on paper of 112x112."""
    return Image.fromarray(255 - np.kron(image, np.ones((4, 4), np.uint8)))


def of_each_digit(small, count):
    """(digit, image) for the first test images of each digit."""
    for digit in range(10):
        for index in np.flatnonzero(small.test_labels == digit)[:count]:
            yield digit, small.test_images[index]


def test_sprint_reaches_the_accuracy_of_its_recipe_in_at_most_sixty_lines(tmp_path):
    assert len((EXAMPLES / "sprint.py").read_text().splitlines()) <= 60
    printed = run_example("sprint.py", tmp_path, 0)
    assert float(re.match(r"([\d.]+) % of 10,000 test images", printed)[1]) > 99.0


def test_a_folder_becomes_a_table_that_names_what_is_unreadable(small, tmp_path):
    folder = tmp_path / "scans"
    (folder / "more").mkdir(parents=True)
    expected = {}
    for digit, image in of_each_digit(small, 1):
        expected[f"more/{digit}.png"] = digit
        enlarged(image).save(folder / "more" / f"{digit}.png")
    (folder / "broken.png").write_bytes(b"\x89PNG, but cut off")
    (folder / "notes.txt").write_text("no image")
    printed = run_example("folder_to_csv.py", tmp_path, folder, "digits.csv")
    assert printed == "12 files in digits.csv, 2 of them unreadable\n"
    with (tmp_path / "digits.csv").open(newline="") as file:
        rows = {Path(row["file"]).as_posix(): row for row in csv.DictReader(file)}
    assert {name: int(row["digit"]) for name, row in rows.items() if row["digit"]} == expected
    assert {name for name, row in rows.items() if row["error"]} == {"broken.png", "notes.txt"}
    assert all(row["unsure"] in ("0", "1") and 0 < float(row["confidence"]) <= 1 for row in rows.values()
               if not row["error"])  # fmt: skip


def test_a_form_is_read_by_its_fields_and_doubts_are_saved(small, tmp_path):
    """The third field holds a scribble, which nobody should take for a number."""
    form = Image.new("L", (480, 420), 255)
    first = {digit: enlarged(image).resize((80, 80)) for digit, image in of_each_digit(small, 1)}
    for row, digits in enumerate([(7, 2, 1), (4, 0)]):
        for place, digit in enumerate(digits):
            form.paste(first[digit], (60 + 90 * place, 50 + 120 * row))
    ImageDraw.Draw(form).line([(60, 300), (400, 360), (70, 350), (390, 300), (80, 330)], fill=0, width=6, joint="curve")
    form.save(tmp_path / "form.png")
    lines = run_example("read_form.py", tmp_path, "form.png").splitlines()
    assert [line.split()[:2] for line in lines[:2]] == [["customer", "721"], ["quantity", "40"]]
    assert "check" not in lines[0] + lines[1]
    assert lines[2].endswith(f"check {Path('doubtful', 'total.png')}")
    with Image.open(tmp_path / "doubtful" / "total.png") as saved:
        assert saved.size == (400, 100)


def test_fine_tuning_helps_with_new_handwriting_and_keeps_mnist(mnist, tmp_path):
    """Someone whose digits lean to the left by 45 degrees."""
    for digit in range(10):
        folder = tmp_path / "samples" / str(digit)
        folder.mkdir(parents=True)
        for number, index in enumerate(np.flatnonzero(mnist.test_labels[:1000] == digit)[:21]):
            paper = enlarged(mnist.test_images[index])
            paper.rotate(45, fillcolor=255).save(folder / f"{number}.png")
    lines = run_example("finetune.py", tmp_path, "samples").splitlines()
    pattern = r"(before|after): ([\d.]+) % of 30 held-out samples, ([\d.]+) % of MNIST"
    before, after = (re.fullmatch(pattern, line) for line in lines[:2])
    assert (before[1], after[1]) == ("before", "after")
    assert float(after[2]) > float(before[2]) + 10
    assert float(after[3]) > 98.5
    written, read = re.fullmatch(r"(.+): reads the first held-out sample as (\d)", lines[2]).group(1, 2)
    assert (tmp_path / written).name == "model.onnx"
    assert read == "0"


def test_the_estimator_works_in_scikit_learns_pipeline_and_search(tmp_path):
    lines = run_example("pipeline.py", tmp_path).splitlines()
    assert float(re.match(r"([\d.]+) % of 10000 test images", lines[0])[1]) > 97
    best, accuracy = re.fullmatch(
        r"best: \{'classifier__recipe': '(\w+)'\}, ([\d.]+) % in cross-validation", lines[1]
    ).groups()
    assert best == "sprint"
    assert float(accuracy) > 96


def test_every_example_is_listed_and_run_by_a_test():
    files = {path.relative_to(EXAMPLES).as_posix() for path in EXAMPLES.rglob("*") if path.is_file()}
    files = {name for name in files if "__pycache__" not in name} - {"README.md"}
    readme = (EXAMPLES / "README.md").read_text()
    listed = re.findall(r"^\| \[([^\]]+)\]\(([^)]+)\) \|", readme, re.MULTILINE)
    assert {target for _, target in listed} == files
    tests = "".join((ROOT / "tests" / kind / "test_examples.py").read_text() for kind in ("flow", "system"))
    assert not [name for name in files if f'"{Path(name).name}"' not in tests]


@pytest.mark.parametrize("path", sorted(EXAMPLES.rglob("*.py")), ids=lambda path: path.name)
def test_an_example_is_short_and_uses_public_names(path):
    """A script that grows, or that reaches into the package, can't be copied and adapted."""
    text = path.read_text()
    assert 15 <= len(text.splitlines()) <= 60
    purpose = text.split('"""')[1].splitlines()
    assert "Install:" in text.split('"""')[1]
    assert "Run:" in text.split('"""')[1]
    assert len(purpose) <= 7
    assert not re.search(r"\b_[a-z]\w*", text), "private names"
    assert re.search(r"^from tenfold import ", text, re.MULTILINE)
    inner = re.findall(r"^from tenfold\.[\w.]+ import (\w+)$", text, re.MULTILINE)
    assert not set(inner) & set(tenfold.__all__), "public names are imported from tenfold"
