"""The models that are served: the shipped one, runs, and exported files."""

import hashlib
import json
import math
import re
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tenfold.errors import ModelError
from tenfold.reading.reader import Reader, shipped_model

if TYPE_CHECKING:
    from tenfold.runs.run import Run

_DIGITS = [str(digit) for digit in range(10)]


@dataclass(frozen=True, kw_only=True)
class ServedModel:
    """name: in addresses; title: for people; reader: reads here, content: the .10fd that reads in a browser;
    accuracy: of `accuracy_on`, where it was measured."""

    name: str
    title: str
    reader: Reader
    content: bytes
    parameters: int
    accuracy: float | None = None
    accuracy_on: str | None = None

    @property
    def digest(self) -> str:
        """SHA-256 of the .10fd, hex."""
        return hashlib.sha256(self.content).hexdigest()

    @property
    def url(self) -> str:
        """Of the .10fd, from the site's root: another content has another."""
        return f"models/{self.name}-{self.digest[:12]}.10fd"

    def summary(self, default: bool) -> dict[str, Any]:
        """As `GET /v1/models` tells it."""
        return {
            "name": self.name,
            "title": self.title,
            "default": default,
            "digest": self.digest,
            "size_bytes": len(self.content),
            "parameters": self.parameters,
            "accuracy": self.accuracy,
            "accuracy_on": self.accuracy_on,
            "unsure_below": self.reader.unsure_below,
            "url": self.url,
        }


def load_models(sources: Iterable[str]) -> dict[str, ServedModel]:
    """The shipped model, then one a source, by name: a run's folder, or an .onnx with a .10fd of the same name beside
    it. Raises `RunError`, `ModelError` or `ExportError` for what is none, and `UsageError` for a model that has no
    such form."""
    found: dict[str, ServedModel] = {"reader": _shipped()}
    for source in sources:
        taken = found.keys()
        model = _of_file(Path(source), taken) if source.endswith(".onnx") else _of_run(source, taken)
        found[model.name] = model
    return found


def _shipped() -> ServedModel:
    path = shipped_model()
    facts = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    right = next(found["right"] for found in facts["sets"] if found["name"] == "MNIST test")
    return ServedModel(
        name="reader",
        title="Reader",
        reader=Reader(path),
        content=path.with_suffix(".10fd").read_bytes(),
        parameters=facts["parameters"],
        accuracy=right,
        accuracy_on="MNIST test images",
    )


def _of_file(path: Path, taken: Iterable[str]) -> ServedModel:
    web = path.with_suffix(".10fd")
    if not web.is_file():
        raise ModelError(f"{web}: no such file; tenfold export RUN --to web --out {web} writes it, for browsers")
    reader, content = _opened(path), web.read_bytes()
    return ServedModel(
        name=_name(path.stem, taken), title=path.stem, reader=reader, content=content, parameters=_weights(web, content)
    )


def _of_run(source: str, taken: Iterable[str]) -> ServedModel:
    from tenfold.runs.run import Run

    run = Run.load(source)
    training, test = run.metrics.get("training", {}), run.metrics.get("test", {})
    if training.get("class_names", _DIGITS) != _DIGITS:
        raise ModelError(f"{run.path} was trained on {', '.join(training['class_names'][:3])}...: it reads no digits")
    with tempfile.TemporaryDirectory(prefix="tenfold-") as folder:
        reader = _opened(_exported(run, "onnx", Path(folder)))
        web = _exported(run, "web", Path(folder))
        content = web.read_bytes()
        parameters = training.get("parameters") or _weights(web, content)
    data = "MNIST" if run.recipe.data.dataset == "mnist" else Path(run.recipe.data.dataset).name
    return ServedModel(
        name=_name(run.path.name, taken),
        title=run.path.name,
        reader=reader,
        content=content,
        parameters=parameters,
        accuracy=test.get("accuracy"),
        accuracy_on=f"{data} test images" if "accuracy" in test else None,
    )


def _exported(run: "Run", to: str, folder: Path) -> Path:
    """The run's own file, or one written to `folder` where there is none, or it is older than the calibration."""
    suffix = {"onnx": ".onnx", "web": ".10fd"}[to]
    path, calibration = run.path / f"model{suffix}", run.path / "calibration.json"
    if path.is_file() and not (calibration.is_file() and calibration.stat().st_mtime > path.stat().st_mtime):
        return path
    from tenfold.runs.export import export

    return export(run, to, folder / path.name).path


def _opened(path: Path) -> Reader:
    reader = Reader(path)
    shape = reader.probabilities(np.zeros((1, 28, 28), np.uint8)).shape
    if shape != (1, 10):
        raise ModelError(f"{path} gives {shape[-1]} probabilities: it reads no digits")
    return reader


def _name(title: str, taken: Iterable[str]) -> str:
    """Letters, digits and hyphens that no model has yet."""
    name = re.sub("[^a-z0-9]+", "-", title.lower()).strip("-") or "model"
    return next(n for n in (name, *(f"{name}-{i}" for i in range(2, 1000))) if n not in taken)


def _weights(path: Path, content: bytes) -> int:
    """How many a .10fd holds (`tenfold.export.web` has the format, and PyTorch, which this does without)."""
    try:
        if content[:4] != b"10FD":
            raise ValueError(f"it begins with {content[:4]!r}")
        layers = json.loads(content[8 : 8 + int.from_bytes(content[4:8], "little")])["layers"]
        return sum(math.prod(layer[part]["shape"]) for layer in layers for part in ("weight", "bias") if part in layer)
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(f"{path} is no web model: {error}; write it again with tenfold export --to web") from error
