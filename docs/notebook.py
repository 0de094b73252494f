"""The tutorial notebook -> a page: it is run, and its cells and outputs become Markdown and PNG files."""

import base64
import hashlib
import re
import tempfile
from importlib import metadata
from pathlib import Path
from typing import Any

import nbformat
from filelock import FileLock
from nbclient import NotebookClient

from tenfold.files import write_text

ROOT = Path(__file__).parents[1]
PACKAGES = ("numpy", "scipy", "torch", "matplotlib", "ipython", "nbclient")


def run_once(path: Path) -> Any:
    """The notebook with its outputs; run only if it, the package or what it computes with has changed since."""
    stored = _stored(path)
    stored.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(stored.with_suffix(".lock")):
        if not stored.exists():
            write_text(stored, nbformat.writes(_run(path)))
    return nbformat.read(stored, as_version=4)


def _run(path: Path) -> Any:
    """The notebook with its outputs, run in an empty folder that must stay empty."""
    notebook = nbformat.read(path, as_version=4)
    with tempfile.TemporaryDirectory() as folder:
        NotebookClient(notebook, timeout=300, resources={"metadata": {"path": folder}}).execute()
        assert not list(Path(folder).iterdir()), "the notebook leaves files behind"
    return notebook


def _stored(path: Path) -> Path:
    digest = hashlib.sha256(repr([metadata.version(name) for name in PACKAGES]).encode())
    # All that a run may use: code, recipes, templates, models; not the web app, which is built.
    kinds = (".py", ".toml", ".html", ".json", ".onnx")
    files = sorted(file for file in (ROOT / "src").rglob("*") if file.suffix in kinds)
    for file in [path, *(file for file in files if "web_app" not in file.parts)]:
        digest.update(file.read_bytes())
    return ROOT / "build" / "docs" / f"{path.stem}-{digest.hexdigest()[:16]}.ipynb"


def to_markdown(notebook: Any, stem: str) -> tuple[str, dict[str, bytes]]:
    """Markdown, and the pictures that it shows by name; stem: start of their names."""
    parts: list[str] = []
    pictures: dict[str, bytes] = {}
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            parts.append(_with_math(re.sub(r"\]\(#(\S+?)\)", lambda found: f"](#{found[1].lower()})", cell.source)))
            continue
        parts.append(f"```python\n{cell.source}\n```")
        # Lines that are printed seconds apart are outputs of their own.
        if text := "".join(output.get("text", "") for output in cell.outputs).rstrip():
            parts.append(f"``` {{ .text .no-copy }}\n{text}\n```")
        for output in cell.outputs:
            if picture := output.get("data", {}).get("image/png"):
                name = f"{stem}-{len(pictures) + 1}.png"
                pictures[name] = base64.b64decode(picture)
                parts.append(f"![The figure that this cell draws]({name})")
    return "\n\n".join(parts) + "\n", pictures


def _with_math(text: str) -> str:
    """The text with its formulas as MathML, which browsers show without a script."""
    from latex2mathml.converter import convert

    text = re.sub(r"\$\$(.+?)\$\$", lambda found: convert(found[1], display="block"), text, flags=re.DOTALL)
    return re.sub(r"\$(.+?)\$", lambda found: convert(found[1]), text)
