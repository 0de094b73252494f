"""Run: the folder that a training leaves, read back."""

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tenfold import files
from tenfold.data import Dataset, load_dataset
from tenfold.errors import RecipeError, RunError
from tenfold.training.recipe import Recipe
from tenfold.training.records import EpochRecord, read_history

if TYPE_CHECKING:
    from torch import nn

_TRAINING_KEYS = {
    "train_accuracy", "validation_accuracy", "epochs", "kept_epoch", "seconds", "parameters", "model_bytes",
    "onnx_difference", "class_names", "classes_present",
}  # fmt: skip


@dataclass(frozen=True)
class Run:
    """A run folder, with `recipe.toml`, `events.jsonl`, `metrics.json`, `model.safetensors`, `model.onnx` and more.

    path: the folder. recipe: as resolved when the run began. data: what it was trained on, where that is in memory.
    """

    path: Path
    recipe: Recipe
    data: Dataset | None = None

    @classmethod
    def load(cls, path: str | Path) -> "Run":
        """Opens a run folder; `latest` means the newest in `runs/`. Raises `RunError` when it is not one."""
        folder = latest_run() if str(path) == "latest" else Path(path)
        recipe_file = folder / "recipe.toml"
        if not folder.is_dir():
            raise RunError(f"{folder} is not a folder; a run is one, such as runs/2026-01-31-120000-tutorial")
        if (folder / "seeds.json").is_file():
            raise RunError(f"{folder} holds a run for each of several seeds: name one, such as {folder / 'seed-0'}")
        if not recipe_file.is_file():
            raise RunError(f"{folder} is not a run: it has no recipe.toml (tenfold train makes runs)")
        try:
            text = recipe_file.read_text(encoding="utf-8")
            return cls(folder, Recipe.from_toml(text, name=folder.name))
        except (OSError, UnicodeDecodeError, RecipeError) as error:
            raise RunError(f"{recipe_file} can't be read: {error}") from error

    @property
    def finished(self) -> bool:
        """Whether training came to its end."""
        return (self.path / "model.safetensors").exists()

    @cached_property
    def dataset(self) -> Dataset:
        """The data that the run was trained on. Raises `RunError` when what the recipe names is other data now."""
        data = self.data or load_dataset(self.recipe.data.dataset)
        self.check_data(data)
        return data

    def check_data(self, data: Dataset) -> None:
        """Raises `RunError` unless `data` is what the run was begun with."""
        if self.environment["data"] != data.digest:
            raise RunError(
                f"{self.path} was trained on other data than {data.name} is now: figures on it would mean nothing; "
                "bring the data back, or hand it over from Python"
            )

    @property
    def digest(self) -> str:
        """SHA-256 of the trained weights, in hexadecimal. Raises `RunError` for a run that is not finished."""
        if not self.finished:
            raise RunError(f"{self.path} is not finished: tenfold train --resume {self.path}")
        return hashlib.sha256((self.path / "model.safetensors").read_bytes()).hexdigest()

    def check_start(self, start: "Run") -> None:
        """Raises `RunError` unless `start` holds the weights that this run was begun with."""
        if self.environment.get("start_from") != start.digest:
            raise RunError(f"{start.path} holds other weights than when {self.path} started from it")

    def check_corrections(self, corrections: Dataset | None) -> None:
        """Raises `RunError` unless they are what the run was begun with."""
        if corrections is not None and self.environment.get("corrections") != corrections.digest:
            raise RunError(
                f"{self.recipe.data.corrections} holds other corrections than when {self.path} was begun: "
                "train again from the same run"
            )

    @property
    def class_names(self) -> tuple[str, ...]:
        """What the ten outputs stand for; known without the data set at hand."""
        return tuple(self.training["class_names"])

    @property
    def training(self) -> dict[str, Any]:
        """What was measured at the end of the training. Raises `RunError` for a run that is not finished."""
        if not self.finished:
            raise RunError(f"{self.path} is not finished: tenfold train --resume {self.path}")
        figures = self.metrics.get("training")
        if not isinstance(figures, dict) or not figures.keys() >= _TRAINING_KEYS:
            raise RunError(f"{self.path / 'metrics.json'} lacks the training's figures: it was changed or cut short")
        return figures

    @property
    def history(self) -> list[EpochRecord]:
        """The epochs trained, in order."""
        return read_history(self.path / "events.jsonl")

    @property
    def metrics(self) -> dict[str, Any]:
        """What was measured: `training` by `train`, `test` by `evaluate`. Empty before either."""
        file = self.path / "metrics.json"
        try:
            document = json.loads(file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise RunError(f"{file} can't be read: {error}") from error
        if not isinstance(document, dict):
            raise RunError(f"{file} holds no metrics: it is not a JSON object")
        return document

    @property
    def environment(self) -> dict[str, Any]:
        """The machine and versions that the run was made with."""
        file = self.path / "environment.json"
        try:
            document = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise RunError(f"{file} can't be read: {error}") from error
        if not isinstance(document, dict) or not {"command", "machine", "packages", "data"} <= document.keys():
            raise RunError(f"{file} does not tell the environment: it was changed or cut short")
        return document

    def add_metrics(self, **sections: Any) -> None:
        """Puts sections into `metrics.json`, in place of any of the same names."""
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
            if self.finished:
                raise RunError(f"{path} is missing: tenfold export {self.path} --to onnx writes it")
            raise RunError(f"{path} is missing: the run was not finished (tenfold train --resume {self.path})")
        return ModelFile(path).probabilities(images)


def latest_run(folder: Path = Path("runs"), files: tuple[str, ...] = ("recipe.toml",)) -> Path:
    """What was begun last in `folder`, of what holds one of `files`. Raises `RunError` when there is nothing."""
    found = [path for name in files for path in folder.glob(f"*/{name}")]
    if not found:
        raise RunError(f"there is no run in {folder.absolute()} yet: tenfold train tutorial makes one")
    # A recipe.toml is written when the run begins and never since: right for renamed folders too.
    return max(found, key=lambda file: file.stat().st_mtime_ns).parent
