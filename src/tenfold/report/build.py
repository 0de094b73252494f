"""write_report: a finished run -> report.html, one file that needs nothing else."""

from pathlib import Path

from tenfold import files
from tenfold.data.profile import Profile
from tenfold.evaluation.metrics import Evaluation
from tenfold.models.describe import describe_model, totals
from tenfold.report import data_steps, steps
from tenfold.report.blocks import Code, Step, Table, Text, environment_table
from tenfold.report.facts import Facts, gather
from tenfold.report.page import render
from tenfold.report.pictures import figure_maker
from tenfold.runs.run import Run


def write_report(run: Run, profile: Profile | None = None, evaluation: Evaluation | None = None) -> Path:
    """Writes `report.html` and `figures/*.png` into the run's folder, and returns the page's path.

    profile, evaluation: handed over by who has them already. Raises `RunError` for a run that is not finished.
    """
    facts = gather(run, profile, evaluation)
    show = figure_maker(run.path / "figures")
    model = run.model()
    told = [
        data_steps.profile_step(facts, show),
        data_steps.preprocess_step(facts, show),
        *([data_steps.augment_step(facts, show)] if any(vars(run.recipe.augment).values()) else []),
        steps.model_step(facts, describe_model(model), totals(model), show),
        steps.train_step(facts, show),
        steps.evaluate_step(facts, show),
        steps.predict_step(facts, show),
        steps.diagnose_step(facts),
    ]
    if run.recipe.name == "tutorial" and facts.data.name == "mnist":
        told.append(_expectations(facts))
    told.append(_provenance(facts))
    return files.write_text(run.path / "report.html", _render(facts, told))


def _render(facts: Facts, told: list[Step]) -> str:
    evaluation, training = facts.evaluation, facts.training
    low, high = evaluation.interval
    wrong = len(evaluation.mistakes)
    description = facts.run.recipe.description or facts.run.recipe.name
    return render(
        title=f"{100 * evaluation.accuracy:.2f} % on {facts.data.name}",
        kicker=facts.run.path.name,
        value=f"{100 * evaluation.accuracy:.2f}\u202f%",
        what=f"of {evaluation.images:,} digits that it had never seen, read right",
        lead=f"{description[:1].upper()}{description[1:]}. It got {wrong:,} wrong; with other test "
        f"images of the same kind, expect {100 * low:.1f} to {100 * high:.1f} %.",
        facts={
            "training took": f"{training['seconds']:.1f} s",
            "training accuracy": f"{100 * training['train_accuracy']:.2f} %",
            "parameters": f"{training['parameters']:,}",
            "model file": f"{training['model_bytes'] / 1e6:.2f} MB",
        },
        steps=told,
        footer="Every figure above was measured in this run; the test images took no part in any choice.",
    )


def _expectations(facts: Facts) -> Step:
    training, evaluation = facts.training, facts.evaluation
    rows = [
        ("training accuracy", "> 98 %", f"{100 * training['train_accuracy']:.2f} %", training["train_accuracy"] > 0.98),
        ("test accuracy", "> 97 %", f"{100 * evaluation.accuracy:.2f} %", evaluation.accuracy > 0.97),
        ("training time", "about 5 minutes", f"{training['seconds']:.1f} seconds", training["seconds"] <= 300),
        ("model size", "about 5 MB", f"{training['model_bytes'] / 1e6:.2f} MB", training["model_bytes"] <= 5e6),
    ]
    return Step(
        "expected",
        "Expected and measured",
        [
            Text("What tutorials promise of this network, and what came of it here."),
            Table(["", ">expected", ">measured", ""], [[*row[:3], "met" if row[3] else "missed"] for row in rows]),
        ],
    )


def _provenance(facts: Facts) -> Step:
    environment = facts.run.environment
    # None for the trial of a sweep, whose model.onnx was written later.
    difference = facts.training["onnx_difference"]
    return Step(
        "again",
        "Do it again",
        [
            Text("The same recipe, seed, machine and thread count give the same weights."),
            Code(environment["command"]),
            environment_table(
                environment,
                environment["packages"],
                facts.run.recipe.engine.threads,
                [
                    ["data", f"{facts.data.name}: {facts.data.origin}"],
                    *([] if difference is None else [["largest difference, ONNX to torch", f"{difference:.1g}"]]),
                ],
            ),
            Text("The recipe, with every field spelled out:"),
            Code(facts.run.recipe.to_toml()),
        ],
    )
