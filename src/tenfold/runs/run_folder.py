"""RunFolder: a run that is kept in a folder."""

import hashlib
import os
import shutil
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, cast

import numpy as np
from numpy.typing import NDArray

from tenfold import files
from tenfold.data import Dataset
from tenfold.errors import RunError
from tenfold.exporters.inference_graph import PARITY_IMAGES
from tenfold.runs.resumable import ResumableFolder, check_digest, latest_folder, read_json, reading
from tenfold.runs.run import Run, RunEnvironment, TrainingResult, describe_run
from tenfold.training.recipe import Recipe
from tenfold.training.records import EpochRecord, History, read_history, to_line

if TYPE_CHECKING:
    from torch import nn

    from tenfold.runs.prepare import Prepared
    from tenfold.training.checkpoint import Weights
    from tenfold.training.trainer import Trainer


@dataclass(frozen=True, repr=False)
class RunFolder(Run, ResumableFolder):
    """A run in a folder, with `recipe.toml`, `events.jsonl`, `metrics.json`, `model.safetensors`, `model.onnx` and
    more.

    path: the folder.
    """

    manifest: ClassVar[str] = "recipe.toml"
    command: ClassVar[str] = "tenfold train --resume"
    checkpoint: ClassVar[str] = "checkpoint.safetensors"
    # The folder of an ensemble's networks, until all are trained.
    members: ClassVar[str] = "members"

    path: Path
    recipe: Recipe
    data: Dataset | None = None

    @classmethod
    def _create(cls, prepared: "Prepared", path: Path) -> "RunFolder":
        """A run folder at `path` that nothing is trained in yet."""
        files.make_folder(path)
        files.write_json(path / "environment.json", describe_run(prepared))
        files.write_text(path / "events.jsonl", "")
        files.write_text(path / cls.manifest, prepared.recipe.to_toml())
        return cls(path, prepared.recipe, prepared.data)

    @classmethod
    def open(cls, folder: str | Path) -> "RunFolder":
        """Opens the run in a folder. Raises `RunError` when it is not one."""
        folder = Path(folder)
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
    def name(self) -> str:
        return str(self.path)

    def file(self, name: str) -> Path:
        return self.path / name

    @property
    def finished(self) -> bool:
        return self.file("model.safetensors").exists()

    def _require_finished(self) -> None:
        if not self.finished:
            raise RunError(f"{self.path} is not finished: {self.resume_command}")

    @cached_property
    def dataset(self) -> Dataset:
        data = self.data or self.recipe.data.load()
        check_digest(data, self.environment["data"], self.path)
        return data

    @property
    def _parity_images(self) -> NDArray[np.uint8]:
        return self.dataset.train_images[:PARITY_IMAGES]

    @property
    def digest(self) -> str:
        """SHA-256 of the trained weights, in hexadecimal. Raises `RunError` for a run that is not finished."""
        self._require_finished()
        return hashlib.sha256(self.file("model.safetensors").read_bytes()).hexdigest()

    def initial_run(self) -> "RunFolder | None":
        """The run whose weights this one started from, if any. Raises `RunError` when they have changed since."""
        if not self.recipe.training.initial_run:
            return None
        start = Run.load(self.recipe.training.initial_run)
        if self.environment.get("initial_run") != start.digest:
            raise RunError(f"{start.path} holds other weights than when {self.path} started from it")
        return start

    def _check_feedback(self, feedback: Dataset | None) -> None:
        """Raises `RunError` unless they are the feedback samples that the run was created with."""
        if feedback is not None and self.environment.get("feedback") != feedback.digest:
            raise RunError(
                f"{self.recipe.data.feedback} holds other feedback samples than when {self.path} was created: "
                "train a new run"
            )

    @property
    def history(self) -> History:
        return read_history(self.file("events.jsonl"))

    @property
    def environment(self) -> RunEnvironment:
        document = self._read_document("environment")
        if not {"command", "machine", "packages", "data", "class_names"} <= document.keys():
            file = self.file("environment.json")
            raise RunError(f"{file} does not describe the environment: it was changed, or made by another version")
        return cast(RunEnvironment, document)

    def _read_document(self, name: str) -> dict[str, Any]:
        file = self.file(f"{name}.json")
        return read_json(file) if file.exists() else {}

    def _write_document(self, name: str, document: dict[str, Any]) -> None:
        files.write_json(self.file(f"{name}.json"), document)

    def model(self) -> "nn.Module":
        from tenfold.models import build_model
        from tenfold.training.checkpoint import load_weights

        model = build_model(self.recipe.model, len(self.class_names))
        load_weights(self.file("model.safetensors"), model)
        return model.eval()

    def predict(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """images: uint8[N,28,28], 0 paper to 255 ink -> probabilities float32[N,C] of the C classes.

        Runs the exported `model.onnx`, which agrees with the weights within 1e-4, so it needs no PyTorch.
        Raises `RunError` when that file is missing, `ModelError` when it is damaged.
        """
        from tenfold.reading.model_file import ModelFile

        path = self.file("model.onnx")
        if not path.is_file():
            unfinished = f"the run is not finished ({self.resume_command})"
            fix = f"tenfold export {self.path} --to onnx writes it" if self.finished else unfinished
            raise RunError(f"{path} is missing: {fix}")
        return ModelFile(path).probabilities(images)

    def _add_epoch(self, record: EpochRecord, trainer: "Trainer", best: "Weights | None") -> None:
        from tenfold.training.checkpoint import save_checkpoint

        events = self.file("events.jsonl")
        with files.storage_errors(events), events.open("a", encoding="utf-8") as file:
            file.write(to_line(record))
            file.flush()
            os.fsync(file.fileno())  # Before the checkpoint is written, which must never be ahead of this file.
        save_checkpoint(self.file(self.checkpoint), trainer, best)

    def _finish(self, model: "nn.Module", result: TrainingResult, images: NDArray[np.uint8] | None) -> None:
        """Stores the trained model and its figures. images: that `model.onnx` is compared on; None: without it."""
        from tenfold.exporters.onnx import export_onnx
        from tenfold.training.checkpoint import save_weights

        difference = None
        if images is not None:
            difference = export_onnx(model, self.file("model.onnx"), images, self.temperature, self._file_settings())
        weights = self.file("final.safetensors")
        save_weights(weights, model)
        result = replace(result, model_bytes=weights.stat().st_size, onnx_difference=difference)
        self._add_metrics(training=asdict(result))
        # model.safetensors is what makes a run finished, so it comes last.
        with files.storage_errors(self.path):
            weights.replace(self.file("model.safetensors"))
            self.file(self.checkpoint).unlink(missing_ok=True)
            shutil.rmtree(self.file(self.members), ignore_errors=True)

    def _restore(self, trainer: "Trainer") -> "Weights | None":
        from tenfold.training.checkpoint import load_checkpoint

        events, checkpoint = self.file("events.jsonl"), self.file(self.checkpoint)
        best = load_checkpoint(checkpoint, trainer) if checkpoint.exists() else None
        # A kill between writing an epoch's record and its checkpoint leaves a record of an epoch that is trained again.
        records = list(self.history) if events.exists() else []
        trained = trainer.epoch - trainer.first_epoch
        if [record.epoch for record in records[:trained]] != list(range(trainer.first_epoch + 1, trainer.epoch + 1)):
            raise RunError(f"{events} lacks some of the {trained} epochs trained: the run can't be resumed")
        files.write_text(events, "".join(to_line(record) for record in records if record.epoch <= trainer.epoch))
        return best


def latest_run(folder: Path = Path("runs")) -> Path:
    """The newest run in `folder`. Raises `RunError` when there is none."""
    return latest_folder(folder, RunFolder.manifest)
