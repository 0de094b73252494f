"""The report's steps on the network: what each shows, and a sentence or two on what the reader sees."""

import numpy as np

from tenfold.models.config import MLPConfig
from tenfold.models.describe import LAYER_COLUMNS, Layer, Totals, layer_rows
from tenfold.report.blocks import Code, Step, Table, Text
from tenfold.report.facts import Facts
from tenfold.report.figures import evaluation as evaluation_figures
from tenfold.report.figures.network import network
from tenfold.report.figures.training import curves
from tenfold.report.pictures import Show


def model_step(facts: Facts, layers: list[Layer], total: Totals, show: Show) -> Step:
    model = facts.run.recipe.model
    step = Step(
        "model",
        "Choose a network",
        [
            Text(
                f"{_sentence(facts.run.recipe.description or facts.run.recipe.name)}. Each unit adds up its inputs, "
                "weighted, and passes the sum on through a non-linearity; the softmax at the output turns ten sums "
                "into ten probabilities. The weights are what training finds."
            ),
        ],
    )
    if isinstance(model, MLPConfig):
        widths = [784, *model.hidden, 10]
        captions = [
            "input\n28 x 28 pixels",
            *(f"hidden {i + 1}\n{model.activation}" for i in range(len(model.hidden))),
            "output\nsoftmax",
        ]
        step.blocks.append(
            show(
                "network",
                "The layers, how they are connected, and the size of each table of weights (plus its biases).",
                lambda theme: network(widths, captions, theme),
            )
        )
    if model.members > 1:
        step.blocks.append(
            Text(
                f"{model.members} such networks, each trained from weights of its own, answer with the mean of their "
                "probabilities. The layers below are those of one; the total is of all."
            )
        )
    if model.shifted_copies:
        step.blocks.append(
            Text("Each image is read five times, as it is and moved by a pixel each way; the total counts all five.")
        )
    step.blocks.append(Table(LAYER_COLUMNS, layer_rows(layers, total)))
    return step


def train_step(facts: Facts, show: Show) -> Step:
    training, config = facts.training, facts.run.recipe.training
    history = facts.history[: config.epochs]  # of an ensemble, the first network
    first, last = history[0], history[-1]
    epochs = f"{training['epochs']} epoch" + ("" if training["epochs"] == 1 else "s")
    rate = f"a learning rate of {config.learning_rate:g}"
    if config.schedule != "constant":
        rate = (
            f"a learning rate of at most {config.learning_rate:g}, which goes by a {config.schedule} schedule to zero"
        )
    sentence = (
        f"{epochs} in {training['seconds']:.1f} seconds: {config.optimizer} at {rate}, {config.batch_size} images a "
        "step. The loss is categorical cross-entropy, which punishes a confident mistake most."
    )
    if config.label_smoothing:
        sentence += (
            f" {100 * config.label_smoothing:g} % of each label is spread over all classes, so that the network is "
            "not driven to be certain; that keeps the training loss well above zero."
        )
    if len(history) > 1:
        sentence += f" It fell from {first.train_loss:.3f} in the first epoch to {last.train_loss:.3f} in the last."
    if config.keep == "best":
        kept = training["kept_epoch"]
        sentence += f" The weights kept are those of epoch {kept}, which read the most validation images right."
    rows = [
        [
            r.epoch,
            f"{r.train_loss:.4f}",
            f"{100 * r.train_accuracy:.2f}",
            _number(r.validation_loss, "{:.4f}"),
            _number(r.validation_accuracy, "{:.2f}", 100),
            f"{r.seconds:.2f}",
        ]
        for r in history
    ]
    if facts.run.recipe.model.members > 1:
        sentence += f" Below, the first of the {facts.run.recipe.model.members} networks."
    caption = "Accuracy and loss after each epoch. "
    if last.validation_loss is not None:
        caption += (
            "The training curve counts images while the weights still move; where it goes on improving and the "
            "validation curve does not, the network has begun to learn its images by heart."
        )
    return Step(
        "train",
        "Train it",
        [
            Text(sentence),
            *([show("curves", caption, lambda theme: curves(history, theme))] if len(history) > 1 else []),
            Table([">epoch", ">loss", ">accuracy, %", ">validation loss", ">validation accuracy, %", ">seconds"], rows),
        ],
    )


def evaluate_step(facts: Facts, show: Show) -> Step:
    evaluation, names = facts.evaluation, facts.data.class_names
    low, high = evaluation.interval
    weakest = min(range(len(names)), key=lambda d: evaluation.classes[d].f1 if evaluation.classes[d].support else 2.0)
    pairs = ", ".join(f"{names[t]} read as {names[p]} ({n} times)" for t, p, n in evaluation.confused_pairs(5))
    rows = [
        [names[d], f"{100 * s.precision:.2f}", f"{100 * s.recall:.2f}", f"{100 * s.f1:.2f}", f"{s.support:,}"]
        for d, s in enumerate(evaluation.classes)
    ]
    rows.append(
        [
            "mean",
            f"{100 * evaluation.macro_precision:.2f}",
            f"{100 * evaluation.macro_recall:.2f}",
            f"{100 * evaluation.macro_f1:.2f}",
            f"{evaluation.images:,}",
        ]
    )
    step = Step(
        "evaluate",
        "Test it",
        [
            Text(
                f"{evaluation.images:,} images that had no part in training or in any choice. "
                f"{100 * evaluation.accuracy:.2f} % were read right; of ever more images of this kind, the share would "
                f"lie between {100 * low:.2f} and {100 * high:.2f} % (95 % interval). Log loss "
                f"{evaluation.log_loss:.4f}; confidence and accuracy differ by "
                f"{100 * evaluation.calibration_error:.2f} points on average (expected calibration error)."
            ),
            show(
                "confusion",
                "Each row is a true class, each column what was read. Blue is right, orange is wrong, the "
                f"deeper the more often. Commonest: {pairs or 'no mistake at all'}.",
                lambda theme: evaluation_figures.confusion(evaluation, names, theme),
                "fluid",
            ),
            show(
                "class-scores",
                "Precision: of what was read as this class, the share that is. Recall: of what is this "
                f"class, the share that was read so. F1 is their harmonic mean; it is lowest for {names[weakest]}.",
                lambda theme: evaluation_figures.class_scores(evaluation, names, theme),
            ),
            Table(["class", ">precision, %", ">recall, %", ">F1, %", ">images"], rows),
            show(
                "reliability",
                "Does 90 % sure mean right nine times of ten? Points below the line are overconfident. "
                "Larger points stand for more images.",
                lambda theme: evaluation_figures.reliability_diagram(evaluation, theme),
                "fluid",
            ),
            show(
                "risk-coverage",
                "What it would gain to answer only when sure: of the most confident share of the readings, the share "
                "that is wrong.",
                lambda theme: evaluation_figures.risk_coverage_curve(evaluation, theme),
            ),
        ],
    )
    if len(evaluation.mistakes):
        shown = min(40, len(evaluation.mistakes))
        step.blocks.append(
            show(
                "mistakes",
                f"The {shown} most confident of {len(evaluation.mistakes)} mistakes: what was read, how "
                "surely, and what the label says.",
                lambda theme: evaluation_figures.mistakes(evaluation, facts.data.test_images, names, theme),
                "fluid",
            )
        )
    return step


def predict_step(facts: Facts, show: Show) -> Step:
    picks = facts.picks
    images, labels = facts.data.test_images[picks], facts.data.test_labels[picks]
    probabilities = facts.run.predict(images)
    right = int((probabilities.argmax(1) == labels).sum())
    return Step(
        "predict",
        "Use it",
        [
            Text(
                f"{len(picks)} test images drawn at random, and what the network makes of each: {right} of them right. "
                "The bars are the ten probabilities."
            ),
            show(
                "predictions",
                "The digit that was read with its confidence; a mistake is orange, with its true label.",
                lambda theme: evaluation_figures.predictions(
                    images, probabilities, facts.data.class_names, theme, np.asarray(labels)
                ),
            ),
            Code(f"tenfold predict {facts.run.path} photo-of-a-digit.png"),
        ],
    )


def diagnose_step(facts: Facts) -> Step:
    step = Step("diagnose", "Improve it")
    if not facts.findings:
        step.blocks.append(
            Text(
                "The curves show no overfitting, no poor convergence and no low accuracy. To go further, try another "
                "network: tenfold train --help lists what can be changed."
            )
        )
    for finding in facts.findings:
        step.blocks.append(Text(f"{finding.fault.capitalize()}: {finding.evidence}."))
        step.blocks.append(
            Table(["try", "because", "measured"], [[r.flag, r.why, r.measured] for r in finding.remedies])
        )
        step.blocks.append(Code(f"tenfold train {facts.run.recipe.name} {finding.remedies[0].flag}"))
    return step


def _sentence(text: str) -> str:
    """The text with a capital at its beginning."""
    return text[:1].upper() + text[1:]


def _number(value: float | None, form: str, scale: float = 1) -> str:
    return "" if value is None else form.format(scale * value)
