"""The walk: every step of an MNIST project, in order; each uses what the step before it made. Start reading here."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tenfold.data import load_dataset
from tenfold.data.profile import profile
from tenfold.evaluation.diagnose import Finding
from tenfold.machine import freed_memory_kept
from tenfold.models.describe import describe_model
from tenfold.report.run_report import write_report
from tenfold.runs.evaluate import diagnose, evaluate
from tenfold.runs.fit import Watch
from tenfold.runs.predict import predict_random
from tenfold.runs.prepare import prepare
from tenfold.runs.run import Run
from tenfold.runs.train import train
from tenfold.training.recipe import Recipe


@dataclass(frozen=True)
class Walk:
    """The results of a walk."""

    run: Run
    findings: list[Finding]
    report: Path


def walk(recipe: Recipe, *, folder: str | Path = "runs", say: Callable[[str], None], watch: Watch) -> Walk:
    """Takes every step on the real data; returns a finished run with a report, in a new folder of `folder`.

    say: called with a line before and after each step. watch: called with every record of the training.
    """
    say("1  Explore the data")
    data = load_dataset(recipe.data.dataset)
    data_profile = profile(data)
    counts = data_profile.train.counts[data_profile.train.counts > 0]
    say(
        f"   {len(data.train_images):,} training and {len(data.test_images):,} test images; {counts.min():,} of the "
        f"rarest digit, {counts.max():,} of the most common; {len(data_profile.overlap)} images in both parts"
    )

    say("2  Split and prepare it")
    prepared = prepare(recipe, data)
    say(
        f"   {len(prepared.train_indices):,} images to train on, {len(prepared.validation_indices):,} to validate on; "
        f"each is {data.train_images[0].size} pixels, scaled from 0..255 to 0..1"
    )

    say("3  Build the network")
    layers = describe_model(prepared.model)
    parameters = sum(layer.parameters for layer in layers)
    say(f"   {recipe.description or recipe.name}: {parameters:,} parameters")

    say("4  Train it")
    with freed_memory_kept():
        run = train(prepared, folder=folder, watch=watch)

    say("5  Evaluate it on the test images, which it has never seen")
    evaluation = evaluate(run)
    say(
        f"   {100 * evaluation.accuracy:.2f} % of {evaluation.images:,} correct, macro F1 "
        f"{100 * evaluation.macro_f1:.2f} %, {len(evaluation.mistakes)} mistakes"
    )

    say("6  Predict twelve random test images")
    predictions = predict_random(run, 12, recipe.training.seed)
    say("   predicted " + " ".join(data.class_names[p.digit] for p in predictions))
    say("   true      " + " ".join(data.class_names[p.label or 0] for p in predictions))

    say("7  Diagnose")
    findings = diagnose(run)
    for finding in findings:
        say(f"   {finding.fault}: {finding.evidence}; try {finding.remedies[0].flag}")
    if not findings:
        say("   no overfitting, no convergence problem")

    say("8  Write the report")
    return Walk(run, findings, write_report(run, data_profile, evaluation))
