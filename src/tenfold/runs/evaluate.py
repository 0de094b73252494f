"""evaluate, diagnose and calibrate: a finished run -> its figures, what is wrong with it, and when to trust it."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from tenfold.data import Dataset
from tenfold.data.dataset import DIGITS
from tenfold.errors import RunError, UsageError, check_kind
from tenfold.evaluation import diagnose as rules
from tenfold.evaluation.calibration import calibration_error, choose_threshold, fit_temperature
from tenfold.evaluation.metrics import Evaluation, measure
from tenfold.exporters.inference_graph import softmax
from tenfold.runs.prepare import split_indices
from tenfold.runs.run import Run
from tenfold.synthesis.non_digits import draw_non_digits
from tenfold.training.trainer import predict_logits


def evaluate(run: Run, data: Dataset | None = None) -> Evaluation:
    """Predicts all test images with the run's model, and stores the figures in the run's `metrics.json`.

    data: in place of the data set that the run's recipe names; then nothing is stored. Raises `RunError` for a run
    that is not finished, and `UsageError` for data of other classes.
    """
    check_kind(run, Run, "Run.load")
    measured = data or run.dataset
    check_kind(measured, Dataset, "load_dataset")
    if measured.class_names != run.class_names:
        raise UsageError(f"{measured.name} has other classes than those that {run.name} was trained on")
    evaluation = measure(run.predict(measured.test_images), measured.test_labels, run.class_names)
    if data is None:
        run._add_metrics(test=evaluation.to_dict())
    return evaluation


def diagnose(run: Run) -> list[rules.Finding]:
    """Findings such as overfitting, poor convergence or low accuracy, with evidence; empty for a healthy run.

    From training and validation figures only, never from the test set. Raises `RunError` for a run that is not
    finished.
    """
    check_kind(run, Run, "Run.load")
    training, history = run.training, run.history
    if not history:
        raise RunError(f"{run.name} holds no epoch: events.jsonl was changed or truncated")
    recipe = run.recipe
    sections = (recipe.data, recipe.model, recipe.augment, recipe.training, recipe.device)
    return rules.diagnose(
        history[-recipe.training.epochs :],  # Of an ensemble, the last network.
        training.train_accuracy,
        training.validation_accuracy,
        training.classes_present,
        scheduled=recipe.training.schedule != "constant",
        settings={name: value for section in sections for name, value in vars(section).items()},
    )


# Synthetic non-digits, drawn by a seed that no training uses.
NON_DIGITS, NON_DIGITS_SEED = 5_000, 2**40
# The share of validation digits that must be answered.
ANSWERED = 0.995


@dataclass(frozen=True)
class Calibration:
    """temperature: divides the logits. unsure_below: the confidence below which the reader abstains. images: validation
    images that both were fitted on. error_before, error_after: expected calibration error on them. answered: the share
    of them that it does not abstain on. non_digits_unsure: the share of synthetic non-digits that it abstains on; None
    where the classes are not the digits, since some of these may be letters."""

    temperature: float
    unsure_below: float
    images: int
    error_before: float
    error_after: float
    answered: float
    non_digits_unsure: float | None


def calibrate(run: Run) -> Calibration:
    """Fits both on the run's validation images, and stores them in the run, where `export` finds them.

    Raises `UsageError` for a run without validation images.
    """
    check_kind(run, Run, "Run.load")
    data = run.dataset
    held_out = split_indices(run.recipe, data)[1]
    if len(held_out) == 0:
        raise UsageError(f"{run.name} has no validation images to calibrate on: train it with --validation 0.1")
    model = run.model()
    images, labels = np.array(data.train_images[held_out]), data.train_labels[held_out]
    logits = predict_logits(model, torch.from_numpy(images)).numpy()
    temperature = fit_temperature(logits, labels)
    sure = confidences(logits / temperature)
    none = None
    if run.class_names == DIGITS:
        non_digits = draw_non_digits(NON_DIGITS, NON_DIGITS_SEED, images, labels)
        none = confidences(predict_logits(model, torch.from_numpy(non_digits)).numpy() / temperature)
    threshold = choose_threshold(sure, none, ANSWERED)
    right = logits.argmax(1) == labels
    made = Calibration(
        temperature=temperature,
        unsure_below=threshold,
        images=len(held_out),
        error_before=calibration_error(confidences(logits), right),
        error_after=calibration_error(sure, right),
        answered=float((sure >= threshold).mean()),
        non_digits_unsure=float((none < threshold).mean()) if none is not None else None,
    )
    run._write_document("calibration", asdict(made))
    return made


def confidences(logits: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """floats[N,C] -> the probability of the most probable class, float64[N]."""
    return np.asarray(softmax(logits).max(1), np.float64)
