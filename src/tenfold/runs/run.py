"""Run: a trained model, and all that is known of its training; `RunFolder` keeps it in a folder."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NotRequired, cast

import numpy as np
from numpy.typing import NDArray

from tenfold.data import Dataset
from tenfold.data.dataset import DIGITS, check_class_names
from tenfold.errors import RunError
from tenfold.evaluation.summary import EvaluationSummary, summary_from
from tenfold.machine import Environment, describe_environment
from tenfold.training.recipe import Recipe
from tenfold.training.records import EpochRecord, History

if TYPE_CHECKING:
    from torch import nn

    from tenfold.runs.prepare import Prepared
    from tenfold.runs.run_folder import RunFolder
    from tenfold.training.checkpoint import Weights
    from tenfold.training.trainer import Trainer


@dataclass(frozen=True, kw_only=True)
class TrainingResult:
    """The final figures of a training. Accuracies are from 0 to 1; losses are nats per image.

    The training figures are of 10,000 of the images trained on. Without validation images those figures are None.
    kept_epoch: the epoch whose weights the run ends with. seconds: in total; preparing_seconds: of those, for all but
    the epochs. onnx_difference: the largest difference of a probability between `model.onnx` and the weights; None
    where that file was not written. classes_present: the number of classes that the training images have.
    """

    train_images: int
    validation_images: int
    train_loss: float
    train_accuracy: float
    validation_loss: float | None
    validation_accuracy: float | None
    epochs: int
    kept_epoch: int
    seconds: float
    preparing_seconds: float
    parameters: int
    model_bytes: int
    onnx_difference: float | None
    classes_present: int


class RunEnvironment(Environment):
    """What a run was made with. data, feedback, initial_run: digests of the data set, of the feedback samples and of
    the weights that it started from."""

    class_names: list[str]
    data: str
    feedback: NotRequired[str]
    initial_run: NotRequired[str]


class Run(ABC):
    """A trained model and its training: made by `train`, in a folder (`RunFolder`) or in memory (`MemoryRun`).

    recipe: as resolved when training started. data: what it was trained on, where that is in memory.
    """

    recipe: Recipe
    data: Dataset | None

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self.name}, {'finished' if self.finished else 'not finished'}>"

    @staticmethod
    def load(path: str | Path) -> "RunFolder":
        """Opens a run folder; `latest` means the newest in `runs/`. Raises `RunError` when it is not one."""
        from tenfold.runs.run_folder import RunFolder, latest_run

        return RunFolder.open(latest_run() if str(path) == "latest" else path)

    @property
    @abstractmethod
    def name(self) -> str:
        """What messages call it: its folder's path."""

    @property
    @abstractmethod
    def history(self) -> History:
        """The epochs trained, in order; its figures are arrays, such as `history.validation_accuracy`."""

    @property
    @abstractmethod
    def environment(self) -> RunEnvironment:
        """The machine, the package versions, the command, the class names, and digests of the data."""

    @property
    @abstractmethod
    def finished(self) -> bool:
        """Whether training is complete."""

    @abstractmethod
    def model(self) -> "nn.Module":
        """The trained model, in evaluation mode. Raises `CheckpointError` when the weights don't fit the recipe."""

    @abstractmethod
    def predict(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """images: uint8[N,28,28], 0 paper to 255 ink -> probabilities float32[N,C] of the C classes."""

    @abstractmethod
    def file(self, name: str) -> Path:
        """The path of a file of this run. Raises `UsageError` for a run in memory."""

    @abstractmethod
    def _read_document(self, name: str) -> dict[str, Any]:
        """The content of `name`.json; empty where there is none."""

    @abstractmethod
    def _write_document(self, name: str, document: dict[str, Any]) -> None:
        """Stores `name`.json."""

    @abstractmethod
    def _add_epoch(self, record: EpochRecord, trainer: "Trainer", best: "Weights | None") -> None:
        """Stores an epoch, and what the next one needs. best: the weights of the best epoch, where they are kept."""

    @abstractmethod
    def _restore(self, trainer: "Trainer") -> "Weights | None":
        """Restores the trainer as of the last whole epoch. Returns the best weights, where they are kept."""

    @property
    def training(self) -> TrainingResult:
        """The final figures of the training. Raises `RunError` for a run that is not finished."""
        self._require_finished()
        with self._reading("the training's figures"):
            return TrainingResult(**self._metrics["training"])

    @property
    def test(self) -> EvaluationSummary | None:
        """What `evaluate` measured on the test images; None before."""
        metrics = self._metrics
        if "test" not in metrics:
            return None
        with self._reading("the figures of the test images"):
            return summary_from(metrics["test"], self.class_names)

    @property
    def _metrics(self) -> dict[str, Any]:
        """The sections of `metrics.json`: `training`, written by `train`, and `test`, written by `evaluate`."""
        return self._read_document("metrics")

    @contextmanager
    def _reading(self, what: str) -> Iterator[None]:
        """Raises `RunError` in place of what a section of `metrics.json` raises that was changed."""
        try:
            yield
        except (KeyError, TypeError, ValueError) as error:
            raise RunError(
                f"{self.name}: metrics.json lacks {what}: it was changed, or made by another version"
            ) from error

    @property
    @abstractmethod
    def dataset(self) -> Dataset:
        """The data that the run was trained on. Raises `RunError` when it can't be had, or has changed since."""

    @property
    @abstractmethod
    def _parity_images(self) -> NDArray[np.uint8]:
        """uint8[N,28,28] of the data, which an exported model is compared on."""

    @property
    def class_names(self) -> tuple[str, ...]:
        """The classes, in the order of the model's probabilities."""
        names = self.environment["class_names"]
        check_class_names(names, f"{self.name}: environment.json")
        return tuple(names)

    def _add_metrics(self, **sections: Any) -> None:
        """Adds sections to `metrics.json`, replacing those of the same names."""
        self._write_document("metrics", {**self._metrics, **sections})

    @property
    def temperature(self) -> float:
        """What `calibrate` found that logits are divided by; 1 before."""
        return float(self._read_document("calibration").get("temperature", 1.0))

    def _file_settings(self) -> dict[str, Any]:
        """What an exported model says of itself: the confidence below which to abstain, and classes that are no
        digits."""
        calibration, names = self._read_document("calibration"), self.class_names
        settings = {"unsure_below": calibration["unsure_below"]} if calibration else {}
        return settings if names == DIGITS else {**settings, "class_names": list(names)}

    def _require_finished(self) -> None:
        """Raises `RunError` for a run that is not finished."""
        if not self.finished:
            raise RunError(f"{self.name} is not finished")


def describe_run(prepared: "Prepared") -> RunEnvironment:
    """What a new run stores of its environment and its data."""
    recipe, data = prepared.recipe, prepared.data
    document: dict[str, Any] = {
        **describe_environment(), "class_names": list(data.class_names), "data": data.digest,
    }  # fmt: skip
    if prepared.feedback:
        document["feedback"] = prepared.feedback.digest
    if recipe.training.initial_run:
        document["initial_run"] = Run.load(recipe.training.initial_run).digest
    return cast(RunEnvironment, document)
