"""The report's steps: what each shows, and a sentence or two on what the reader sees."""

from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from tenfold import atomic
from tenfold.figures import data as data_figures
from tenfold.figures import evaluation as evaluation_figures
from tenfold.figures.network import network
from tenfold.figures.theme import Draw, to_png, to_svg
from tenfold.figures.training import curves
from tenfold.models import CLASSES, PIXELS
from tenfold.models.config import MLPConfig
from tenfold.models.describe import Layer, Totals
from tenfold.report.blocks import Code, Figure, Step, Table, Text
from tenfold.report.facts import Facts
from tenfold.report.pictures import first_of_each_class
from tenfold.runs.augment import examples

Show = Callable[..., Figure]


def figure_maker(folder: Path) -> Show:
    """Gives a function that draws a figure twice: into the page, and as `folder/<name>.png`."""

    def show(name: str, caption: str, draw: Draw, shape: Any = "wide") -> Figure:
        atomic.write_bytes(folder / f"{name}.png", to_png(draw))
        return Figure(to_svg(draw, name), caption, shape)

    return show


def profile_step(facts: Facts, show: Show) -> Step:
    data, profile = facts.data, facts.profile
    train, names = profile.train, data.class_names
    least, most = int(train.counts.argmin()), int(train.counts.argmax())
    heaviest, lightest = int(profile.ink_mean.argmax()), int(profile.ink_mean.argmin())
    twice = sum(len(group) - 1 for group in train.duplicates + profile.test.duplicates)
    blank = len(train.blank) + len(profile.test.blank)
    counts = [
        [
            names[d],
            f"{train.counts[d]:,}",
            f"{profile.test.counts[d]:,}",
            f"{100 * profile.ink_mean[d]:.1f}",
            f"{100 * profile.ink_spread[d]:.1f}",
        ]
        for d in range(len(names))
    ]
    step = Step("profile", "Know the data")
    step.blocks = [
        Text(
            f"The set {data.name} holds {train.images:,} images to learn from and {profile.test.images:,} to be tested "
            "on, each 28 by 28 pixels from 0 (paper) to 255 (ink). Before any training: what is in there?"
        ),
        show(
            "samples",
            "The first twelve of each class, as stored. The same digit comes in many hands.",
            lambda theme: data_figures.samples(data, theme),
            "fluid",
        ),
        show(
            "distribution",
            f"The rarest class is {names[least]} ({train.counts[least]:,}), the commonest {names[most]} "
            f"({train.counts[most]:,}): {100 * train.balance:.0f} % as many. "
            + (
                "Near enough to even that accuracy is a fair measure."
                if train.balance > 0.7
                else "That is lopsided: read the scores per class, not the accuracy alone."
            ),
            lambda theme: data_figures.distribution(data, profile, theme),
        ),
        show(
            "mean-digits",
            f"Above, the mean image of each class: where it is sharp, writers agree. Below, how much of the image is "
            f"ink, with its spread: most in {names[heaviest]}, least in {names[lightest]}.",
            lambda theme: data_figures.mean_digits(data, profile, theme),
        ),
        Table(["class", ">train", ">test", ">ink, %", ">spread, points"], counts),
        Text(
            f"Looked for faults: {_count(twice, 'exact duplicate')}, {_count(blank, 'blank image')}, and "
            f"{_count(len(profile.overlap), 'image')} in both the training and the test part. Far from the mean of "
            f"their class: {_count(len(train.outlying), 'training image')}."
        ),
    ]
    if len(train.outlying):
        step.blocks.append(
            show(
                "outliers",
                "The training images furthest from the mean of their class, with their labels: bold "
                "pens and unusual shapes.",
                lambda theme: data_figures.oddities(data, profile, theme),
                "fluid",
            )
        )
    return step


def preprocess_step(facts: Facts, show: Show) -> Step:
    recipe = facts.run.recipe
    counts = {
        "train": facts.training["train_images"],
        "validation": facts.training["validation_images"],
        "test": len(facts.data.test_labels),
    }
    parts = [[name, f"{count:,}", PIXELS, CLASSES] for name, count in counts.items()]
    share = 100 * recipe.data.validation
    flow = resources.files("tenfold").joinpath("report/flow.svg").read_text(encoding="utf-8")
    how = "no writer in both" if recipe.data.writers else "each class in proportion"
    split = f"{100 - share:.0f} % train · {share:.0f} % validation, {how}"
    return Step(
        "preprocess",
        "Prepare it",
        [
            Text(
                "Networks learn best from small numbers of one size, so pixels become fractions and each image one row."
            ),
            Figure(flow.replace("SPLIT", split), "From files to what the network sees.", "fluid"),
            show(
                "preprocessing",
                "One training image on its way: as stored, scaled to [0,1] (the same picture, other "
                "numbers), as one row of 784, and its label as one-hot.",
                lambda theme: data_figures.preprocessing(facts.data, theme),
            ),
            Table(["part", ">images", ">numbers an image", ">numbers a label"], parts),
            Text(
                "One-hot labels are how the loss is defined; in code it takes the label's index just as well. "
                "Cross-entropy sums label times log-probability over ten classes, and nine of those labels are 0, so "
                "only the true class's term is left. Training uses the index and saves the other nine."
            ),
        ],
    )


def augment_step(facts: Facts, show: Show) -> Step:
    """What the network saw in place of the images as stored."""
    config = facts.run.recipe.augment
    images = first_of_each_class(facts.data)
    changed = examples(images, config)
    return Step(
        "augment",
        "Change it a little",
        [
            Text(
                "No image was seen twice: each time, it was changed anew, by as much as another hand might have. So "
                "the network can't learn images by heart, and must learn what they have in common."
            ),
            show(
                "augmentation",
                "The first training image of each class, and one draw of each change that the recipe makes.",
                lambda theme: data_figures.augmented(images, changed, theme),
                "fluid",
            ),
            Table(["change", ">at most"], [[name, f"{size:g}"] for name, size in vars(config).items() if size]),
        ],
    )


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
    rows = [
        [
            layer.name,
            layer.kind,
            " x ".join(map(str, layer.output_shape)),
            f"{layer.parameters:,}",
            f"{layer.multiply_adds:,}",
        ]
        for layer in layers
    ]
    rows.append(["", "total", "", f"{total.parameters:,}", f"{total.multiply_adds:,}"])
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
    step.blocks.append(Table(["layer", "kind", ">output", ">parameters", ">multiply-adds"], rows))
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


def _count(number: int, thing: str) -> str:
    return f"{number:,} {thing}{'' if number == 1 else 's'}" if number else f"no {thing}s"


def _number(value: float | None, form: str, scale: float = 1) -> str:
    return "" if value is None else form.format(scale * value)
