"""`write_report`: a finished run -> report.html, one self-contained file."""

from pathlib import Path

from tenfold.data.profile import Profile
from tenfold.evaluation.metrics import Evaluation
from tenfold.models.describe import describe_model, model_totals
from tenfold.report import data_sections, model_sections
from tenfold.report.figures.figure_files import figure_maker
from tenfold.report.html_report import (
    CodeBlock,
    Details,
    Paragraph,
    Section,
    Table,
    environment_table,
    write_html_report,
)
from tenfold.report.run_facts import RunFacts, gather_facts
from tenfold.runs.run import Run


def write_report(run: Run, known_profile: Profile | None = None, evaluation: Evaluation | None = None) -> Path:
    """Writes `report.html` and `figures/*.png` into the run's folder; returns the report's path.

    known_profile, evaluation: computed here unless given. Raises `RunError` for an unfinished run.
    """
    facts = gather_facts(run, known_profile, evaluation)
    show = figure_maker(run.path / "figures")
    model = run.model()
    sections = [data_sections.profile_section(facts, show), data_sections.preprocessing_section(facts, show)]
    if any(vars(run.recipe.augment).values()):
        sections.append(data_sections.augmentation_section(facts, show))
    sections += [
        model_sections.model_section(facts, describe_model(model), model_totals(model), show),
        model_sections.training_section(facts, show),
        model_sections.evaluation_section(facts, show),
        model_sections.predictions_section(facts, show),
        model_sections.diagnosis_section(facts),
    ]
    if run.recipe.name == "tutorial" and facts.data.name == "mnist":
        sections.append(_expectations_section(facts))
    return _write(facts, [*sections, _reproduction_section(facts)])


def _write(facts: RunFacts, sections: list[Section]) -> Path:
    evaluation, training, run = facts.evaluation, facts.training, facts.run
    low, high = evaluation.interval
    wrong = len(evaluation.mistakes)
    description = run.recipe.description or run.recipe.name
    mistakes = f"{wrong:,} mistake{'' if wrong == 1 else 's'}" if wrong else "no mistakes"
    return write_html_report(
        run.path / "report.html",
        title=f"{100 * evaluation.accuracy:.2f} % on {facts.data.name}",
        kicker=run.path.name,
        value=f"{100 * evaluation.accuracy:.2f}\u202f%",
        what=f"accuracy on {evaluation.images:,} test images that the model had never seen",
        lead=f"{description[:1].upper()}{description[1:]}. It made {mistakes} on the test set. The 95 % confidence "
        f"interval of its accuracy is {100 * low:.1f} to {100 * high:.1f} %.",
        facts={
            "training time": f"{training['seconds']:.1f} s",
            "training accuracy": f"{100 * training['train_accuracy']:.2f} %",
            "parameters": f"{training['parameters']:,}",
            "model file": f"{training['model_bytes'] / 1e6:.2f} MB",
        },
        sections=sections,
        footer="All numbers come from this run. The test set was used only for the final evaluation.",
    )


def _expectations_section(facts: RunFacts) -> Section:
    training, evaluation = facts.training, facts.evaluation
    rows = [
        ("training accuracy", "> 98 %", f"{100 * training['train_accuracy']:.2f} %", training["train_accuracy"] > 0.98),
        ("test accuracy", "> 97 %", f"{100 * evaluation.accuracy:.2f} %", evaluation.accuracy > 0.97),
        ("training time", "about 5 minutes", f"{training['seconds']:.1f} seconds", training["seconds"] <= 300),
        ("model size", "about 5 MB", f"{training['model_bytes'] / 1e6:.2f} MB", training["model_bytes"] <= 5e6),
    ]
    return Section(
        "expected",
        "Expected and measured results",
        [
            Paragraph("What tutorials usually promise for this network, and what this run measured."),
            Table(["", ">expected", ">measured", ""], [[*row[:3], "met" if row[3] else "missed"] for row in rows]),
        ],
    )


def _reproduction_section(facts: RunFacts) -> Section:
    environment = facts.run.environment
    # None for a trial of a sweep, whose model.onnx was exported later.
    difference = facts.training["onnx_difference"]
    more = [["data", f"{facts.data.name}: {facts.data.origin}"]]
    if difference is not None:
        more.append(["largest difference between the ONNX and PyTorch outputs", f"{difference:.1g}"])
    return Section(
        "reproduce",
        "Reproduce this run",
        [
            Paragraph("The same recipe, seed, machine and thread count give exactly the same weights."),
            CodeBlock(environment["command"]),
            environment_table(environment, environment["packages"], facts.run.recipe.device.threads, more),
            Details("The complete recipe", [CodeBlock(facts.run.recipe.to_toml())]),
        ],
    )
