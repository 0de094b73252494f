"""What the documents say people to type must work as it stands there."""

import importlib.util
import json
import os
import re
import shlex
import subprocess
import sys
import textwrap
import tomllib
from pathlib import Path

import numpy as np
import pytest
from cyclopts import CycloptsError
from PIL import Image, ImageDraw

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
# What an experiment or a decision of the past says is not for today.
HISTORY = ("docs/development/log.md", "docs/development/decisions")


def read(page):
    return page.read_text(encoding="utf-8")


def blocks(text, language):
    """The fenced blocks of a page in a language, also those in tabs and lists."""
    found = re.findall(rf"^( *)```{language}\b[^\n]*\n(.*?)^\1```$", text, re.DOTALL | re.MULTILINE)
    return [textwrap.dedent(block) for _, block in found]


def draw_seven(path, *places, size=(200, 200)):
    photo = Image.new("L", size, 255)
    for x, y in places or [(0, 0)]:
        ImageDraw.Draw(photo).line([(x + 60, y + 50), (x + 140, y + 50), (x + 90, y + 160)], fill=0, width=16)
    photo.save(path)


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    """A folder with the files that examples read."""
    tmp_path = tmp_path_factory.mktemp("desk")
    draw_seven(tmp_path / "seven.png")
    draw_seven(tmp_path / "photo.jpg", (0, 0), (110, 0), size=(320, 200))
    places = [(60, 40), (200, 680), (720, 0)]
    for name in ("form.png", "form.jpg", "scan.pdf"):
        draw_seven(tmp_path / name, *places, size=(1000, 900))
    (tmp_path / "model.onnx").write_bytes((ROOT / "src/tenfold/reading/shipped/reader.onnx").read_bytes())
    from tenfold import load_dataset

    data = load_dataset("mnist")
    for digit in range(10):
        folder = tmp_path / "my-digits" / str(digit)
        folder.mkdir(parents=True)
        for index in np.flatnonzero(data.train_labels == digit)[:20]:
            Image.fromarray(data.train_images[index]).save(folder / f"{index}.png")
    return tmp_path


def test_the_readmes_python_prints_what_it_says(tmp_path):
    for name in ("seven.png", "photo.jpg"):
        (tmp_path / name).write_bytes((DOCS / "pictures" / name).read_bytes())
    readme = (ROOT / "README.md").read_text()
    reads, trains = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    (printed,) = re.findall(r"```text\n(.*?)```", readme, re.DOTALL)
    assert run_python(reads, tmp_path) == printed
    by_run, by_classifier = map(float, run_python(trains, tmp_path).split())
    assert by_run > 0.96
    assert by_classifier > 0.99


def run_python(code, folder):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], cwd=folder, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


WITH_PYTHON = {page.relative_to(DOCS).as_posix(): page for page in PAGES if blocks(read(page), "python")}
# What the steps of the web app's Learn view show.
STEPS = {path.name: path for path in sorted((ROOT / "web" / "src" / "learn" / "python").glob("*.py"))}
# In one process, since PyTorch takes seconds to start; each page has its own names.
RUN_PAGES = """
import json, pathlib, sys, traceback
for name, program in json.loads(pathlib.Path("programs.json").read_text()).items():
    try:
        exec(compile(program, name, "exec"), {"__name__": "__main__"})
    except BaseException:
        print(name, traceback.format_exc(), file=sys.stderr)
    else:
        print(f"ran {name}")
"""


@pytest.fixture(scope="module")
def ran(desk):
    """What the Python of all pages printed: the blocks of a page are one program."""
    programs = {name: path.read_text() for name, path in STEPS.items()}
    for name, page in WITH_PYTHON.items():
        programs[name] = ""
        for block in blocks(read(page), "python"):
            imported = re.findall(r"^(?:from|import) (\w+)", block, re.MULTILINE)
            missing = {module for module in imported if importlib.util.find_spec(module) is None}
            # OpenCV is in the group `runtimes`, which only CI and its own tests install.
            assert missing <= (set() if os.environ.get("CI") == "true" else {"cv2"}), missing
            programs[name] += "" if missing else f"{block}\n"
    (desk / "programs.json").write_text(json.dumps(programs))
    command = [sys.executable, "-W", "error", "-c", RUN_PAGES]
    return subprocess.run(command, cwd=desk, capture_output=True, text=True, timeout=300)


@pytest.mark.parametrize("page", [*WITH_PYTHON, *STEPS])
def test_the_python_of_a_page_runs(page, ran):
    assert f"ran {page}\n" in ran.stdout, ran.stderr


def typed(page):
    """The commands of a page's console blocks, without comments."""
    for block in blocks(read(page), "console"):
        for line in re.findall(r"^\$ (.+)$", block, re.MULTILINE):
            yield shlex.split(line, comments=True)


WRITTEN = [*PAGES, ROOT / "README.md", ROOT / "CONTRIBUTING.md"]


def test_every_command_of_the_docs_exists():
    """Each console line with its values, and the flags of each command that a sentence names."""
    from tenfold.cli import app

    seen = set()
    for page in WRITTEN:
        name = page.relative_to(ROOT).as_posix()
        for words in typed(page):
            if words[0] == "tenfold":
                try:
                    command, _, _ = app.parse_args(words[1:], exit_on_error=False, print_error=False)
                except CycloptsError as error:
                    pytest.fail(f"{name}: {' '.join(words)}: {error}")
                seen.add(command.__name__)
        if name.startswith(HISTORY):
            continue
        for line in re.findall(r"`tenfold ([a-z][^`]*)`", read(page)):
            words = [word for word in line.split("&&")[0].split() if word != "--help"]
            chain, apps, rest = app.parse_commands(words)
            assert chain, f"{name}: tenfold {line}"
            known = {flag for argument in apps[-1].assemble_argument_collection() for flag in argument.names}
            flags = {word.rstrip(":;,.)") for word in rest if word.startswith("--")}
            assert flags <= known, f"{name}: tenfold {line}: {flags - known}"
    assert len(seen) >= 20


def test_every_other_command_of_the_docs_exists():
    """make's targets, the laboratory's modules, and the extras of pip."""
    targets = set(re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)[1].split())
    extras = set(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"])
    elsewhere = {"tenfold", "curl", "ray", "podman", "conda", "bash", ".venv/bin/pre-commit"}
    for page in WRITTEN:
        name = page.relative_to(ROOT).as_posix()
        for words in typed(page):
            if words[0] == "make":
                assert words[1] in targets, f"{name}: {words}"
            else:
                assert words[0] in elsewhere or words[:2] == ["pip", "install"], f"{name}: {words}"
        if not name.startswith(HISTORY):
            for module in re.findall(r"python -m\s+((?:lab|docs)[\w.]*)", read(page)):
                assert importlib.util.find_spec(module), f"{name}: {module}"
            for names in re.findall(r"tenfold\[([\w,]+)\]'", read(page)):
                assert set(names.split(",")) <= extras, f"{name}: {names}"


def test_the_http_examples_answer_as_shown(desk):
    from lab.benchmarks.local_server import served

    examples = re.findall(r"^\$ (curl .*)\n(\{.*\})$", read(DOCS / "guides/serve.md"), re.MULTILINE)
    assert len(examples) == 4
    with served() as url:
        for command, shown in examples:
            command = command.replace("http://127.0.0.1:8000/", url).replace("curl ", "curl -sS --fail-with-body ", 1)
            done = subprocess.run(command, shell=True, cwd=desk, capture_output=True, text=True, timeout=30)
            assert done.returncode == 0, done.stdout + done.stderr
            names = re.findall(r'"(\w+)":', shown)
            assert names[0] in json.loads(done.stdout)
            assert set(names) <= set(re.findall(r'"(\w+)":', done.stdout)), command


def test_every_command_in_the_readme_exists():
    known = (DOCS / "reference" / "command-line.md").read_text() + (DOCS / "reference" / "recipe-fields.md").read_text()
    typed = re.findall(r"^\$ tenfold (\w+)(.*)$", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert len(typed) >= 2
    for command, rest in typed:
        assert f"### `tenfold {command}" in known
        for flag in re.findall(r"--[\w-]+", rest.split("#")[0]):
            assert f"`{flag}" in known or f"`{flag[2:].replace('-', '_')}`" in known, flag


def test_make_docs_finds_the_laboratory():
    path = [entry for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry != str(ROOT)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path)}
    subprocess.run([sys.executable, "-c", "import docs.build"], cwd=ROOT, check=True, env=environment)
    assert "python -m docs.build" in (ROOT / "Makefile").read_text()


def test_the_notebook_runs_from_top_to_bottom():
    """In an empty folder that stays empty. It is run once for this test and for the site, after each change."""
    import nbformat

    from docs.notebook import run_once

    path = DOCS / "start" / "tutorial.ipynb"
    notebook = nbformat.read(path, as_version=4)
    assert all(not cell.get("outputs") for cell in notebook.cells), "store the notebook without outputs"
    outputs = [output for cell in run_once(path).cells for output in cell.get("outputs", [])]
    assert sum("image/png" in output.get("data", {}) for output in outputs) >= 8
    assert not [output for output in outputs if output.get("name") == "stderr"]


def test_the_docs_match_the_command_and_the_results():
    done = subprocess.run([sys.executable, "-m", "docs.build", "--check"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_every_public_name_is_in_the_reference():
    """Once: as `::: tenfold.NAME`, or with the module that it is defined in."""
    import tenfold

    pages = "\n".join(read(page) for page in sorted((DOCS / "reference" / "python").glob("*.md")))
    shown = re.findall(r"^::: (\S+)$", pages, re.MULTILINE)
    for name in tenfold.__all__:
        home = getattr(getattr(tenfold, name), "__module__", "")
        assert shown.count(f"tenfold.{name}") + shown.count(home) == 1, f"add `::: tenfold.{name}` to a page"
    assert {one for one in shown if one.count(".") == 1} <= {f"tenfold.{name}" for name in (*tenfold.__all__, "errors")}
