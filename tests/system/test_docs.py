"""What the documents say people to type must work as it stands there."""

import os
import re
import subprocess
import sys
from pathlib import Path

from PIL import Image, ImageDraw

ROOT = Path(__file__).parents[2]


def draw_seven(path):
    photo = Image.new("L", (200, 200), 255)
    ImageDraw.Draw(photo).line([(60, 50), (140, 50), (90, 160)], fill=0, width=16)
    photo.save(path)


def test_the_readmes_python_runs(tmp_path):
    for name in ("seven.png", "photo.jpg", "form.png"):
        draw_seven(tmp_path / name)
    reads, trains = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    prints = (
        "\nprint(reading.digit, reader.read_strokes([[(0, 0), (10, 0), (4, 16)]]).digit, number.text, fields[0].text)"
    )
    reads = reads.replace('reader.read_number("form.png"', 'fields = reader.read_number("form.png"')
    assert run_python(reads + prints, tmp_path).split() == ["7", "7", "7", "7"]
    assert float(run_python(trains, tmp_path)) > 0.96


def run_python(code, folder):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], cwd=folder, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_command_in_the_readme_exists():
    known = (ROOT / "docs" / "help.md").read_text()
    typed = re.findall(r"^\$ tenfold (\w+)(.*)$", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert len(typed) >= 9
    for command, rest in typed:
        assert f"## `tenfold {command}`" in known
        for flag in re.findall(r"--[\w-]+", rest.split("#")[0]):
            assert flag in known, flag


def test_make_docs_finds_the_laboratory():
    path = [entry for entry in os.environ.get("PYTHONPATH", "").split(os.pathsep) if entry != str(ROOT)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path)}
    subprocess.run([sys.executable, "-c", "import docs.build"], cwd=ROOT, check=True, env=environment)
    assert "python -m docs.build" in (ROOT / "Makefile").read_text()


def test_the_notebook_runs_from_top_to_bottom(tmp_path):
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.read(ROOT / "docs" / "tutorial.ipynb", as_version=4)
    assert all(not cell.get("outputs") for cell in notebook.cells), "store the notebook without outputs"
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert sum("image/png" in output.get("data", {}) for output in outputs) >= 8
    assert not [output for output in outputs if output.get("name") == "stderr"]
    assert not list(tmp_path.iterdir())


def test_the_docs_match_the_command_and_the_results():
    done = subprocess.run([sys.executable, "-m", "docs.build", "--check"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
