"""The models that are served: the shipped one, runs, and exported files."""

import hashlib
import json
import re
import tempfile
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tenfold.errors import FormatError, ModelError
from tenfold.exporters.inference_graph import count_parameters
from tenfold.exporters.web import read_web
from tenfold.reading.reader import Reader, shipped_model
from tenfold.serve.schemas import ModelOutput

if TYPE_CHECKING:
    from tenfold.runs.run_folder import RunFolder


class ServedModel(NamedTuple):
    """A model that the server reads with, and that browsers can load.

    content: the .10fd file for browsers. about: the model's entry in `GET /v1/models`.
    """

    reader: Reader
    content: bytes
    about: ModelOutput


def load_models(sources: Iterable[str]) -> dict[str, ServedModel]:
    """Models by name: the shipped one, then one per source.

    sources: run folders, or .onnx files with a .10fd of the same name in the same folder. Raises `RunError`,
    `ModelError` or `ExportError` for an invalid source, and `UsageError` for a model that can't be exported.
    """
    shipped = _load_shipped()
    models = {shipped.about.name: shipped}
    for source in sources:
        load = _load_file if source.endswith(".onnx") else _load_run
        model = load(source, models)
        models[model.about.name] = model
    return models


def _served(
    title: str,
    taken: Collection[str],
    reader: Reader,
    content: bytes,
    parameters: int,
    accuracy: float | None = None,
    accuracy_on: str | None = None,
) -> ServedModel:
    """taken: names of the models before this one; the first is the default."""
    name, digest = _unique_name(title, taken), hashlib.sha256(content).hexdigest()
    about = ModelOutput(
        name=name,
        title=title,
        default=not taken,
        digest=digest,
        size_bytes=len(content),
        parameters=parameters,
        accuracy=accuracy,
        accuracy_on=accuracy_on,
        unsure_below=reader.unsure_below,
        # Browsers keep it forever, so it changes with the content.
        url=f"models/{name}-{digest[:12]}.10fd",
    )
    return ServedModel(reader, content, about)


def _load_shipped() -> ServedModel:
    path = shipped_model()
    facts = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    right = next(found["right"] for found in facts["sets"] if found["name"] == "MNIST test")
    content = path.with_suffix(".10fd").read_bytes()
    return _served("Reader", (), Reader(path), content, facts["parameters"], right, "MNIST test images")


def _load_file(source: str, taken: Collection[str]) -> ServedModel:
    path = Path(source)
    web = path.with_suffix(".10fd")
    if not web.is_file():
        raise ModelError(f"{web}: no such file; create it with tenfold export RUN --to web --out {web}")
    return _served(path.stem, taken, Reader(path), web.read_bytes(), _count_parameters(web))


def _load_run(source: str, taken: Collection[str]) -> ServedModel:
    from tenfold.runs.run import Run

    run = Run.load(source)
    with tempfile.TemporaryDirectory(prefix="tenfold-") as folder:
        reader = Reader(_exported(run, "onnx", Path(folder)))
        web = _exported(run, "web", Path(folder))
        content = web.read_bytes()
    data = "MNIST" if run.recipe.data.dataset == "mnist" else Path(run.recipe.data.dataset).name
    accuracy = run.test.accuracy if run.test else None
    accuracy_on = None if accuracy is None else f"{data} test images"
    return _served(run.path.name, taken, reader, content, run.training.parameters, accuracy, accuracy_on)


def _exported(run: "RunFolder", to: str, folder: Path) -> Path:
    """The run's own file, or one written to `folder` if there is none or it is older than the calibration."""
    suffix = {"onnx": ".onnx", "web": ".10fd"}[to]
    path, calibration = run.path / f"model{suffix}", run.path / "calibration.json"
    if path.is_file() and not (calibration.is_file() and calibration.stat().st_mtime > path.stat().st_mtime):
        return path
    from tenfold.runs.export import export

    return export(run, to, folder / path.name).path


def _unique_name(title: str, taken: Collection[str]) -> str:
    """A name of letters, digits and hyphens that no other model has."""
    name = re.sub("[^a-z0-9]+", "-", title.lower()).strip("-") or "model"
    return next(n for n in (name, *(f"{name}-{i}" for i in range(2, 1000))) if n not in taken)


def _count_parameters(web: Path) -> int:
    try:
        layers, _ = read_web(web)
    except FormatError as error:
        raise ModelError(f"{error}; export it again with tenfold export --to web") from error
    return count_parameters(layers)
