"""Run: the folder of a training."""

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from tenfold import files
from tenfold.data import Dataset, load_dataset
from tenfold.errors import RunError
from tenfold.machine import describe_environment
from tenfold.runs.resumable import ResumableFolder, check_digest, latest_folder, read_json, reading
from tenfold.training.recipe import Recipe
from tenfold.training.records import EpochRecord, read_history

if TYPE_CHECKING:
    from torch import nn

    from tenfold.runs.prepare import Prepared

_TRAINING_KEYS = {
    "train_accuracy", "validation_accuracy", "epochs", "kept_epoch", "seconds", "parameters", "model_bytes",
    "onnx_difference", "class_names", "classes_present",
}  # fmt: skip


@dataclass(frozen=True)
class Run(ResumableFolder):
    """A run folder, with `recipe.toml`, `events.jsonl`, `metrics.json`, `model.safetensors`, `model.onnx` and more.

    path: the folder. recipe: as resolved when the run was created. data: what it was trained on, where that is in
    memory.
    """

    manifest: ClassVar[str] = "recipe.toml"
    command: ClassVar[str] = "tenfold train --resume"

    path: Path
    recipe: Recipe
    data: Dataset | None = None

    @classmethod
    def create(cls, prepared: "Prepared", path: Path) -> "Run":
        """A run folder at `path` that nothing is trained in yet."""
        recipe = prepared.recipe
        files.make_folder(path)
        digests = {"data": prepared.data.digest}
        if prepared.feedback:
            digests["feedback"] = prepared.feedback.digest
        if recipe.training.initial_run:
            digests["initial_run"] = Run.load(recipe.training.initial_run).digest
        files.write_json(path / "environment.json", {**describe_environment(), **digests})
        files.write_text(path / "events.jsonl", "")
        files.write_text(path / cls.manifest, recipe.to_toml())
        return cls(path, recipe, prepared.data)

    @classmethod
    def load(cls, path: str | Path) -> "Run":
        """Opens a run folder; `latest` means the newest in `runs/`. Raises `RunError` when it is not one."""
        folder = latest_run() if str(path) == "latest" else Path(path)
        recipe_file = folder / cls.manifest
        if not folder.is_dir():
            raise RunError(f"{folder} is not a folder; a run is one, such as runs/2026-01-31-120000-tutorial")
        if (folder / "seeds.json").is_file():
            raise RunError(f"{folder} holds one run per seed: name one of them, such as {folder / 'seed-0'}")
        if not recipe_file.is_file():
            raise RunError(f"{folder} is not a run: it has no recipe.toml (tenfold train makes runs)")
        with reading(recipe_file):
            return cls(folder, Recipe.from_toml(recipe_file.read_text(encoding="utf-8"), name=folder.name))

    @property
    def finished(self) -> bool:
        """Whether training is complete."""
        return (self.path / "model.safetensors").exists()

    @cached_property
    def dataset(self) -> Dataset:
        """The data that the run was trained on. Raises `RunError` when the recipe's data set has changed since."""
        data = self.data or load_dataset(self.recipe.data.dataset)
        check_digest(data, self.environment["data"], self.path)
        return data

    @property
    def digest(self) -> str:
        """SHA-256 of the trained weights, in hexadecimal. Raises `RunError` for a run that is not finished."""
        if not self.finished:
            raise RunError(f"{self.path} is not finished: {self.resume_command}")
        return hashlib.sha256((self.path / "model.safetensors").read_bytes()).hexdigest()

    def start(self) -> "Run | None":
        """The run whose weights this one started from, if any. Raises `RunError` when they have changed since."""
        if not self.recipe.training.initial_run:
            return None
        start = Run.load(self.recipe.training.initial_run)
        if self.environment.get("initial_run") != start.digest:
            raise RunError(f"{start.path} holds other weights than when {self.path} started from it")
        return start

    def check_feedback(self, feedback: Dataset | None) -> None:
        """Raises `RunError` unless they are the feedback samples that the run was created with."""
        if feedback is not None and self.environment.get("feedback") != feedback.digest:
            raise RunError(
                f"{self.recipe.data.feedback} holds other feedback samples than when {self.path} was created: "
                "train a new run"
            )

    @property
    def training(self) -> dict[str, Any]:
        """The final figures of the training. Raises `RunError` for a run that is not finished."""
        if not self.finished:
            raise RunError(f"{self.path} is not finished: {self.resume_command}")
        figures = self.metrics.get("training")
        if not isinstance(figures, dict) or not figures.keys() >= _TRAINING_KEYS:
            raise RunError(f"{self.path / 'metrics.json'} lacks the training's figures: it was changed or truncated")
        return figures

    @property
    def history(self) -> list[EpochRecord]:
        """The epochs trained, in order."""
        return read_history(self.path / "events.jsonl")

    @property
    def metrics(self) -> dict[str, Any]:
        """`training`, written by `train`, and `test`, written by `evaluate`. Empty before either."""
        file = self.path / "metrics.json"
        return read_json(file) if file.exists() else {}

    @property
    def environment(self) -> dict[str, Any]:
        """The machine, the package versions and the command that made the run."""
        file = self.path / "environment.json"
        document = read_json(file)
        if not {"command", "machine", "packages", "data"} <= document.keys():
            raise RunError(f"{file} does not describe the environment: it was changed or truncated")
        return document

    def add_metrics(self, **sections: Any) -> None:
        """Adds sections to `metrics.json`, replacing those of the same names."""
        files.write_json(self.path / "metrics.json", {**self.metrics, **sections})

    def model(self) -> "nn.Module":
        """The trained model, in evaluation mode. Raises `CheckpointError` when the weights don't fit the recipe."""
        from tenfold.models import build_model
        from tenfold.training.checkpoint import load_weights

        model = build_model(self.recipe.model)
        load_weights(self.path / "model.safetensors", model)
        return model.eval()

    def predict(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """images: uint8[N,28,28], 0 paper to 255 ink -> probabilities float32[N,10].

        Runs the exported `model.onnx`, which agrees with the weights within 1e-4, so it needs no PyTorch.
        Raises `RunError` when that file is missing, `ModelError` when it is damaged.
        """
        from tenfold.reading.model_file import ModelFile

        path = self.path / "model.onnx"
        if not path.is_file():
            unfinished = f"the run is not finished ({self.resume_command})"
            fix = f"tenfold export {self.path} --to onnx writes it" if self.finished else unfinished
            raise RunError(f"{path} is missing: {fix}")
        return ModelFile(path).probabilities(images)


def latest_run(folder: Path = Path("runs")) -> Path:
    """The newest run in `folder`. Raises `RunError` when there is none."""
    return latest_folder(folder, Run.manifest)
