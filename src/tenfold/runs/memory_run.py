"""A run that lives in memory: nothing is written."""

from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from tenfold import files
from tenfold.data import Dataset
from tenfold.data.dataset import SIDE, describe
from tenfold.errors import ModelError, RunError, UsageError
from tenfold.exporters.inference_graph import PARITY_IMAGES, softmax
from tenfold.runs.prepare import Prepared
from tenfold.runs.run import Run, RunEnvironment, TrainingResult, describe_run
from tenfold.runs.run_folder import RunFolder
from tenfold.training.checkpoint import Weights
from tenfold.training.recipe import Recipe
from tenfold.training.records import EpochRecord, History, to_line
from tenfold.training.trainer import Trainer, predict_logits


class MemoryRun(Run):
    """A run in memory, which `train(..., folder=None)` returns. It can be pickled; it can't be resumed."""

    def __init__(self, prepared: Prepared) -> None:
        self.recipe: Recipe = prepared.recipe
        self.data: Dataset | None = prepared.data
        self._documents: dict[str, dict[str, Any]] = {"environment": {**describe_run(prepared)}}
        self._records: list[EpochRecord] = []
        # Kept when the data is given up.
        self._images = np.array(prepared.data.train_images[:PARITY_IMAGES])
        self._model: nn.Module | None = None

    def save(self, path: str | Path) -> RunFolder:
        """Writes the run to a new folder, with `model.onnx`, as `train` with a folder does.

        Raises `RunError` for a folder that exists and is not empty, and `StorageError` when it can't be written.
        """
        model, result = self.model(), self.training
        folder = RunFolder(files.expanded(path), self.recipe, self.data)
        if folder.path.exists() and (not folder.path.is_dir() or any(folder.path.iterdir())):
            raise RunError(f"{folder.path} exists already: choose another folder")
        files.make_folder(folder.path)
        for name, document in self._documents.items():
            folder._write_document(name, document)
        files.write_text(folder.file("events.jsonl"), "".join(map(to_line, self._records)))
        folder._finish(model, result, self._parity_images)
        # What makes it a run, so it comes last.
        files.write_text(folder.file(folder.manifest), self.recipe.to_toml())
        return folder

    def _finish(self, model: nn.Module, result: TrainingResult) -> None:
        """Keeps the trained model and its figures."""
        self._add_metrics(training=asdict(result))
        self._model = model.cpu().eval()

    @property
    def dataset(self) -> Dataset:
        if self.data is None:
            raise RunError(f"{self.name} does not hold its data any more")
        return self.data

    @property
    def _parity_images(self) -> NDArray[np.uint8]:
        return self._images

    @property
    def name(self) -> str:
        return f"the run of {self.recipe.name} in memory"

    @property
    def history(self) -> History:
        return History(self._records)

    @property
    def environment(self) -> RunEnvironment:
        return cast(RunEnvironment, self._read_document("environment"))

    @property
    def finished(self) -> bool:
        return self._model is not None

    def model(self) -> nn.Module:
        self._require_finished()
        assert self._model is not None
        return self._model

    def predict(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """images: uint8[N,28,28], 0 paper to 255 ink -> probabilities float32[N,C] of the C classes.

        Raises `ModelError` for another shape or dtype.
        """
        if images.dtype != np.uint8 or images.shape[1:] != (SIDE, SIDE):
            raise ModelError(f"images are uint8[N,{SIDE},{SIDE}], not {describe(images)}")
        logits = predict_logits(self.model(), torch.from_numpy(np.require(images, requirements=["C", "W"]))).numpy()
        return softmax(logits / self.temperature)

    def file(self, name: str) -> Path:
        raise UsageError(f"{self.name} has no folder for {name}: give the path of a file, or train with folder=")

    def _read_document(self, name: str) -> dict[str, Any]:
        return self._documents.get(name, {})

    def _write_document(self, name: str, document: dict[str, Any]) -> None:
        self._documents[name] = document

    def _add_epoch(self, record: EpochRecord, trainer: Trainer, best: Weights | None) -> None:
        self._records.append(record)

    def _restore(self, trainer: Trainer) -> None:
        return None
