"""The walk: every step of an MNIST project, in order. Begin reading here."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tenfold.data import load_dataset
from tenfold.data.preprocessing import preprocess
from tenfold.data.profile import profile
from tenfold.evaluation.diagnose import Finding
from tenfold.evaluation.metrics import Evaluation
from tenfold.models import build_model
from tenfold.models.describe import describe_model
from tenfold.report.run_report import write_report
from tenfold.runs.diagnose import diagnose
from tenfold.runs.evaluate import evaluate
from tenfold.runs.predict import predict_random
from tenfold.runs.run import Run
from tenfold.runs.train import Watch, train
from tenfold.training.recipe import Recipe


@dataclass(frozen=True)
class Walk:
    """What a walk ends with."""

    run: Run
    evaluation: Evaluation
    findings: list[Finding]
    report: Path


def walk(recipe: Recipe, *, folder: str | Path = "runs", tell: Callable[[str], None], watch: Watch) -> Walk:
    """Takes every step on the real data, and leaves a finished run with a report in a new folder of `folder`.

    tell: is called with a line before and after each step. watch: with what training says of itself.
    """
    tell("1  Know the data")
    data = load_dataset(recipe.data.dataset)
    looked = profile(data)
    present = looked.train.counts[looked.train.counts > 0]
    rarest, commonest = present.min(), present.max()
    tell(
        f"   {len(data.train_images):,} training and {len(data.test_images):,} test images; "
        f"{rarest:,} of the rarest digit, {commonest:,} of the commonest; {len(looked.overlap)} in both parts"
    )

    tell("2  Prepare it")
    ready = preprocess(data, recipe.data.validation, recipe.data.split_seed)
    tell(
        f"   {len(ready.train_images):,} to train on, {len(ready.validation_images):,} to watch, "
        f"each {ready.train_images.shape[1]} numbers from 0 to 1"
    )
    del ready  # Training makes its own, batch by batch, from the bytes.

    tell("3  Choose a network")
    layers = describe_model(build_model(recipe.model))
    tell(f"   {recipe.description or recipe.name}: {sum(layer.parameters for layer in layers):,} parameters")

    tell("4  Train it")
    run = train(recipe, data, folder=folder, watch=watch)

    tell("5  Test it on images that it has never seen")
    evaluation = evaluate(run)
    tell(
        f"   {100 * evaluation.accuracy:.2f} % of {evaluation.images:,} read right, macro F1 "
        f"{100 * evaluation.macro_f1:.2f} %, {len(evaluation.mistakes)} mistakes"
    )

    tell("6  Use it: twelve random test images")
    read = predict_random(run, 12, recipe.training.seed)
    tell("   read " + " ".join(data.class_names[p.digit] for p in read))
    tell("   true " + " ".join(data.class_names[p.label or 0] for p in read))

    tell("7  Diagnose")
    findings = diagnose(run)
    for finding in findings:
        tell(f"   {finding.fault}: {finding.evidence}; try {finding.remedies[0].flag}")
    if not findings:
        tell("   a healthy run")

    tell("8  Write the report")
    report = write_report(run, looked, evaluation)
    return Walk(run, evaluation, findings, report)
