"""`write_report`: a finished run -> report.html, one self-contained file. Its prose is in run.html."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from tenfold.data import Dataset
from tenfold.data import profile as data_profile
from tenfold.data.profile import Profile
from tenfold.errors import check_kind
from tenfold.evaluation.metrics import Evaluation
from tenfold.models.describe import LAYER_COLUMNS, describe_model, layer_rows, model_totals
from tenfold.models.model_config import MLPConfig
from tenfold.report.ask_box import ask_box
from tenfold.report.figures import data_figures, evaluation_figures
from tenfold.report.figures.figure_files import predictions_figure
from tenfold.report.figures.figure_style import Draw
from tenfold.report.figures.training_figures import learning_curves, network_diagram
from tenfold.report.html_report import environment_rows, number, percent, write_html_report
from tenfold.runs.augmentation_cost import examples
from tenfold.runs.evaluate import diagnose, evaluate
from tenfold.runs.predict import Prediction, predict_random
from tenfold.runs.run_folder import RunFolder
from tenfold.training.records import EpochRecord

# Test images shown with their predictions.
_PREDICTIONS = 12


def write_report(run: RunFolder, known_profile: Profile | None = None, evaluation: Evaluation | None = None) -> Path:
    """Writes `report.html` and `figures/*.png` into the run's folder; returns the report's path.

    known_profile, evaluation: computed here unless given. Raises `RunError` for an unfinished run.
    """
    check_kind(run, RunFolder, "Run.load")
    findings = diagnose(run)
    data, recipe, training, environment = run.dataset, run.recipe, run.training, run.environment
    profile = known_profile or data_profile.profile(data)
    evaluation = evaluation or evaluate(run)
    # Of an ensemble, the first network.
    history = run.history[: recipe.training.epochs]
    description = recipe.description or recipe.name
    predictions = predict_random(run, _PREDICTIONS, recipe.training.seed)
    model = run.model()
    measured_with = environment_rows(environment, environment["packages"], recipe.device.threads)
    measured_with.append(["data", f"{data.name}: {data.origin}"])
    # None for a trial of a sweep, whose model.onnx was exported later.
    if (difference := training.onnx_difference) is not None:
        measured_with.append(["largest difference between the ONNX and PyTorch outputs", f"{difference:.1g}"])
    return write_html_report(
        run.path / "report.html",
        "run.html",
        _figures(run, profile, history, evaluation, predictions),
        run=run,
        description=description[:1].upper() + description[1:],
        data=data,
        profile=profile,
        duplicates=sum(len(group) - 1 for group in profile.train.duplicates + profile.test.duplicates),
        class_counts=_class_counts(data, profile),
        augmentations=[[name, f"{size:g}"] for name, size in vars(recipe.augment).items() if size],
        layer_columns=LAYER_COLUMNS,
        layers=layer_rows(describe_model(model), model_totals(model)),
        training=training,
        history=history,
        epochs=_epochs(history),
        evaluation=evaluation,
        weakest=min(
            range(len(data.class_names)), key=lambda d: (evaluation.classes[d].support == 0, evaluation.classes[d].f1)
        ),
        class_scores=_class_scores(data, evaluation),
        predicted=len(predictions),
        predicted_right=sum(prediction.digit == prediction.label for prediction in predictions),
        ask=ask_box(run, np.stack([prediction.pixels for prediction in predictions])),
        findings=[(found, [[r.flag, r.why, r.measured] for r in found.remedies]) for found in findings],
        environment=measured_with,
    )


def _figures(
    run: RunFolder,
    profile: Profile,
    history: Sequence[EpochRecord],
    evaluation: Evaluation,
    predictions: list[Prediction],
) -> dict[str, Draw]:
    data, recipe = run.dataset, run.recipe
    figures = data_figures.profile_figures(data, profile)
    figures["preprocessing"] = partial(data_figures.preprocessing, data)
    if any(vars(recipe.augment).values()):
        images = data_figures.first_of_each_class(data)
        figures["augmentation"] = partial(data_figures.augmented, images, examples(images, recipe.augment))
    if isinstance(recipe.model, MLPConfig):
        hidden = recipe.model.hidden
        captions = [
            "input\n28 x 28 pixels",
            *(f"hidden {layer}\n{recipe.model.activation}" for layer in range(1, len(hidden) + 1)),
            "output\nsoftmax",
        ]
        figures["network"] = partial(network_diagram, [784, *hidden, data.classes], captions)
    if len(history) > 1:
        figures["curves"] = partial(learning_curves, history)
    figures["confusion"] = partial(evaluation_figures.confusion, evaluation)
    figures["class-scores"] = partial(evaluation_figures.class_scores, evaluation)
    figures["reliability"] = partial(evaluation_figures.reliability_diagram, evaluation)
    figures["risk-coverage"] = partial(evaluation_figures.risk_coverage_curve, evaluation)
    if len(evaluation.mistakes):
        figures["mistakes"] = partial(evaluation_figures.mistakes, evaluation, data.test_images)
    figures["predictions"] = predictions_figure(predictions)
    return figures


def _class_counts(data: Dataset, profile: Profile) -> list[list[str]]:
    parts = zip(
        data.class_names, profile.train.counts, profile.test.counts, profile.ink_mean, profile.ink_spread, strict=True
    )
    return [
        [name, number(train), number(test), percent(mean, 1), percent(sd, 1)] for name, train, test, mean, sd in parts
    ]


def _epochs(history: Sequence[EpochRecord]) -> list[list[object]]:
    return [
        [
            record.epoch,
            number(record.train_loss, ".4f"),
            percent(record.train_accuracy),
            number(record.validation_loss, ".4f"),
            percent(record.validation_accuracy),
            number(record.seconds, ".2f"),
        ]
        for record in history
    ]


def _class_scores(data: Dataset, evaluation: Evaluation) -> list[list[str]]:
    rows = [
        [name, percent(s.precision), percent(s.recall), percent(s.f1), number(s.support)]
        for name, s in zip(data.class_names, evaluation.classes, strict=True)
    ]
    means = (evaluation.macro_precision, evaluation.macro_recall, evaluation.macro_f1)
    return [*rows, ["mean", *map(percent, means), number(evaluation.images)]]
