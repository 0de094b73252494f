"""Calibrating a run: confidence that means what it says, and a level below which it is unsure."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from tenfold import files
from tenfold.errors import UsageError
from tenfold.evaluation.calibration import calibration_error, choose_threshold, fit_temperature
from tenfold.export.evaluate_plain import softmax
from tenfold.runs.begin import split_indices
from tenfold.runs.run import Run
from tenfold.synthesis.non_digits import draw_strangers
from tenfold.training.loop import predict_logits

# Made-up images of no digit, drawn by a seed that no training uses.
STRANGERS, STRANGERS_SEED = 5_000, 2**40
# The share of validation digits that must be answered.
ANSWERED = 0.995


@dataclass(frozen=True)
class Calibration:
    """temperature: what logits are divided by. unsure_below: the confidence below which a reading is unsure. images:
    validation digits that both were chosen on. error_before, error_after: expected calibration error there.
    answered: the share of them that is not unsure. strangers_unsure: the share of made-up strangers that is."""

    temperature: float
    unsure_below: float
    images: int
    error_before: float
    error_after: float
    answered: float
    strangers_unsure: float


def calibrate(run: Run) -> Calibration:
    """Chooses both on the run's validation images, and keeps them in the run, where `tenfold export` finds them.

    Raises `UsageError` for a run without validation images.
    """
    data = run.dataset
    kept = split_indices(run.recipe, data)[1]
    if len(kept) == 0:
        raise UsageError(f"{run.path} kept no validation images to calibrate on: train it with --validation 0.1")
    model = run.model()
    images, labels = np.array(data.train_images[kept]), data.train_labels[kept]
    logits = predict_logits(model, torch.from_numpy(images)).numpy()
    temperature = fit_temperature(logits, labels)
    strangers = draw_strangers(STRANGERS, STRANGERS_SEED, images, labels)
    none = confidences(predict_logits(model, torch.from_numpy(strangers)).numpy() / temperature)
    sure = confidences(logits / temperature)
    threshold = choose_threshold(sure, none, ANSWERED)
    right = logits.argmax(1) == labels
    made = Calibration(
        temperature=temperature,
        unsure_below=threshold,
        images=len(kept),
        error_before=calibration_error(confidences(logits), right),
        error_after=calibration_error(sure, right),
        answered=float((sure >= threshold).mean()),
        strangers_unsure=float((none < threshold).mean()),
    )
    files.write_json(run.path / "calibration.json", asdict(made))
    return made


def confidences(logits: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """floats[N,10] -> the probability of the most probable class, float64[N]."""
    return np.asarray(softmax(logits).max(1), np.float64)
