"""The walk: every step of an MNIST project, in order; each uses what the step before it made. Start reading here."""

import logging
from dataclasses import dataclass
from pathlib import Path

from tenfold.data.catalog import is_known
from tenfold.data.profile import profile
from tenfold.evaluation.diagnose import Finding
from tenfold.evaluation.metrics import Evaluation
from tenfold.machine import freed_memory_kept
from tenfold.models.describe import describe_model
from tenfold.report.run_report import write_report
from tenfold.runs.evaluate import diagnose, evaluate
from tenfold.runs.predict import predict_random
from tenfold.runs.prepare import prepare
from tenfold.runs.run_folder import RunFolder
from tenfold.runs.train import train
from tenfold.training.recipe import Recipe
from tenfold.training.records import OnProgress

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Walk:
    """The results of a walk."""

    run: RunFolder
    evaluation: Evaluation
    findings: list[Finding]
    report: Path


def walk(recipe: Recipe, *, folder: str | Path = "runs", on_progress: OnProgress | None = None) -> Walk:
    """Takes every step on the real data; returns a finished run with a report, in a new folder of `folder`.

    Each step is logged before and after. on_progress: as of `train`.
    """
    log.info("1  Explore the data")
    data = recipe.data.load()
    if not is_known(recipe.data.dataset):
        log.info("   %s: %s", data.name, data.origin)
    data_profile = profile(data)
    counts = data_profile.train.counts[data_profile.train.counts > 0]
    log.info(
        f"   {len(data.train_images):,} training and {len(data.test_images):,} test images; {counts.min():,} of the "
        f"rarest class, {counts.max():,} of the most common; {len(data_profile.overlap)} images in both parts"
    )

    log.info("2  Split and prepare it")
    prepared = prepare(recipe, data)
    log.info(
        f"   {len(prepared.train_indices):,} images to train on, {len(prepared.validation_indices):,} to validate on; "
        f"each is {data.train_images[0].size} pixels, scaled from 0..255 to 0..1"
    )

    log.info("3  Build the network")
    layers = describe_model(prepared.model)
    parameters = sum(layer.parameters for layer in layers)
    log.info(f"   {recipe.description or recipe.name}: {parameters:,} parameters")

    log.info("4  Train it")
    with freed_memory_kept():
        run = train(prepared, folder=folder, on_progress=on_progress)

    log.info("5  Evaluate it on the test images, which it has never seen")
    evaluation = evaluate(run)
    log.info(
        f"   {100 * evaluation.accuracy:.2f} % of {evaluation.images:,} correct, macro F1 "
        f"{100 * evaluation.macro_f1:.2f} %, {len(evaluation.mistakes)} mistakes"
    )

    log.info("6  Predict twelve random test images")
    predictions = predict_random(run, 12, recipe.training.seed)
    log.info("   predicted " + " ".join(data.class_names[p.digit] for p in predictions))
    log.info("   true      " + " ".join(data.class_names[p.label or 0] for p in predictions))

    log.info("7  Diagnose")
    findings = diagnose(run)
    for finding in findings:
        log.info(f"   {finding.fault}: {finding.evidence}; try {finding.remedies[0].flag}")
    if not findings:
        log.info("   no overfitting, no convergence problem")

    log.info("8  Write the report")
    return Walk(run, evaluation, findings, write_report(run, data_profile, evaluation))
