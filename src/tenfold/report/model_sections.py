"""The report's sections on the model: architecture, training, evaluation, predictions and diagnosis."""

import numpy as np

from tenfold.models.describe import LAYER_COLUMNS, LayerSummary, ModelTotals, layer_rows
from tenfold.models.model_config import MLPConfig
from tenfold.report.figures import evaluation_figures
from tenfold.report.figures.figure_files import Show
from tenfold.report.figures.training_figures import learning_curves, network_diagram
from tenfold.report.html_report import CodeBlock, Paragraph, Section, Table
from tenfold.report.run_facts import RunFacts


def model_section(facts: RunFacts, layers: list[LayerSummary], total: ModelTotals, show: Show) -> Section:
    recipe = facts.run.recipe
    model = recipe.model
    description = recipe.description or recipe.name
    section = Section(
        "model",
        "Build the model",
        [
            Paragraph(
                f"{description[:1].upper()}{description[1:]}. Each unit computes a weighted sum of its inputs and "
                "applies a non-linear activation function. The softmax at the output turns ten scores into ten "
                "probabilities that add up to 1. Training finds the weights."
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
        section.blocks.append(
            show(
                "network",
                "The layers and their connections. Between two layers: the shape of the weight matrix, and the number "
                "of biases.",
                lambda theme: network_diagram(widths, captions, theme),
            )
        )
    if model.ensemble_size > 1:
        section.blocks.append(
            Paragraph(
                f"This is an ensemble of {model.ensemble_size} such networks with different initial weights; its "
                "prediction is the mean of their probabilities. The table lists the layers of one network; the totals "
                "cover all of them."
            )
        )
    if model.test_time_augmentation:
        section.blocks.append(
            Paragraph(
                "With test-time augmentation, each image is read five times: as it is, and shifted by one pixel in "
                "each direction. The multiply-adds cover all five."
            )
        )
    section.blocks.append(Table(LAYER_COLUMNS, layer_rows(layers, total)))
    return section


def training_section(facts: RunFacts, show: Show) -> Section:
    config = facts.run.recipe.training
    # Of an ensemble, the first network.
    history = facts.history[: config.epochs]
    rows = [
        [
            record.epoch,
            f"{record.train_loss:.4f}",
            f"{100 * record.train_accuracy:.2f}",
            _number(record.validation_loss, "{:.4f}"),
            _number(record.validation_accuracy, "{:.2f}", 100),
            f"{record.seconds:.2f}",
        ]
        for record in history
    ]
    caption = "Accuracy and loss after each epoch. "
    if history[-1].validation_loss is not None:
        caption += (
            "Training values are averaged over the epoch while the weights still change; validation values are "
            "measured at its end. When training accuracy keeps rising while validation accuracy does not, the network "
            "is overfitting: it memorizes its training images."
        )
    return Section(
        "train",
        "Train the model",
        [
            Paragraph(_training_summary(facts)),
            *([show("curves", caption, lambda theme: learning_curves(history, theme))] if len(history) > 1 else []),
            Table([">epoch", ">loss", ">accuracy, %", ">validation loss", ">validation accuracy, %", ">seconds"], rows),
        ],
    )


def _training_summary(facts: RunFacts) -> str:
    training, recipe = facts.training, facts.run.recipe
    config = recipe.training
    history = facts.history[: config.epochs]
    epochs = f"{training['epochs']} epoch" + ("" if training["epochs"] == 1 else "s")
    rate = f"a learning rate of {config.learning_rate:g}"
    if config.schedule != "constant":
        rate = f"a learning rate of at most {config.learning_rate:g}, decayed to zero by a {config.schedule} schedule"
    text = (
        f"The model was trained for {epochs} in {training['seconds']:.1f} seconds, with the {config.optimizer} "
        f"optimizer, {rate}, and batches of {config.batch_size} images. The loss function is categorical "
        "cross-entropy, which penalizes confident mistakes most."
    )
    if config.label_smoothing:
        text += (
            f" Label smoothing spreads {100 * config.label_smoothing:g} % of each label over all classes, which keeps "
            "the network from becoming overconfident; it also keeps the training loss well above zero."
        )
    if len(history) > 1:
        first, last = history[0].train_loss, history[-1].train_loss
        change = "fell" if last < first else "went"
        text += f" The training loss {change} from {first:.3f} in the first epoch to {last:.3f} in the last."
    if config.final_weights == "best":
        text += f" The weights of epoch {training['kept_epoch']} were kept: they have the best validation accuracy."
    if recipe.model.ensemble_size > 1:
        text += f" The curves and the table show the first of the {recipe.model.ensemble_size} networks."
    return text


def evaluation_section(facts: RunFacts, show: Show) -> Section:
    evaluation, names = facts.evaluation, facts.data.class_names
    low, high = evaluation.interval
    weakest = min(range(len(names)), key=lambda d: evaluation.classes[d].f1 if evaluation.classes[d].support else 2.0)
    pairs = ", ".join(f"{names[t]} read as {names[p]} ({n} times)" for t, p, n in evaluation.confused_pairs(5))
    confusions = f"The most frequent mistakes: {pairs}." if pairs else "There are no mistakes."
    rows = [
        [names[d], f"{100 * s.precision:.2f}", f"{100 * s.recall:.2f}", f"{100 * s.f1:.2f}", f"{s.support:,}"]
        for d, s in enumerate(evaluation.classes)
    ]
    means = (evaluation.macro_precision, evaluation.macro_recall, evaluation.macro_f1)
    rows.append(["mean", *(f"{100 * value:.2f}" for value in means), f"{evaluation.images:,}"])
    section = Section(
        "evaluate",
        "Evaluate the model",
        [
            Paragraph(
                f"The test set has {evaluation.images:,} images, which were used neither for training nor for any "
                f"choice. The model classified {100 * evaluation.accuracy:.2f} % of them correctly (95 % confidence "
                f"interval: {100 * low:.2f} to {100 * high:.2f} %). The log loss is {evaluation.log_loss:.4f}. "
                f"Confidence and accuracy differ by {100 * evaluation.calibration_error:.2f} percentage points on "
                "average (expected calibration error)."
            ),
            show(
                "confusion",
                "Confusion matrix: a row for each true class, a column for each predicted class. Correct predictions "
                f"are blue and mistakes orange; darker means more. {confusions}",
                lambda theme: evaluation_figures.confusion(evaluation, names, theme),
                "shrink",
            ),
            show(
                "class-scores",
                "Precision is the share of predictions of a class that are correct. Recall is the share of images of a "
                f"class that were found. F1 is their harmonic mean; it is lowest for {names[weakest]}.",
                lambda theme: evaluation_figures.class_scores(evaluation, names, theme),
            ),
            Table(["class", ">precision, %", ">recall, %", ">F1, %", ">images"], rows),
            show(
                "reliability",
                "Reliability diagram: of predictions made with 90 % confidence, are 90 % correct? Points below the "
                "diagonal mean overconfidence. Larger points stand for more images.",
                lambda theme: evaluation_figures.reliability_diagram(evaluation, theme),
                "shrink",
            ),
            show(
                "risk-coverage",
                "Risk-coverage curve: if the model answered only the images it is most confident about (coverage), "
                "how many of these answers would be wrong (risk)?",
                lambda theme: evaluation_figures.risk_coverage_curve(evaluation, theme),
            ),
        ],
    )
    if len(evaluation.mistakes):
        shown = min(40, len(evaluation.mistakes))
        section.blocks.append(
            show(
                "mistakes",
                f"The {shown} most confident of {len(evaluation.mistakes)} mistakes: the prediction with its "
                "confidence, and the true label.",
                lambda theme: evaluation_figures.mistakes(evaluation, facts.data.test_images, names, theme),
                "shrink",
            )
        )
    return section


def predictions_section(facts: RunFacts, show: Show) -> Section:
    picks = facts.picks
    images, labels = facts.data.test_images[picks], facts.data.test_labels[picks]
    probabilities = facts.run.predict(images)
    correct = int((probabilities.argmax(1) == labels).sum())
    return Section(
        "predict",
        "Make predictions",
        [
            Paragraph(
                f"{len(picks)} random test images with the model's predictions, {correct} of them correct. The bars "
                "show the probabilities of the ten classes."
            ),
            show(
                "predictions",
                "The predicted digit and its confidence. Mistakes are orange, with the true label.",
                lambda theme: evaluation_figures.predictions(
                    images, probabilities, facts.data.class_names, theme, np.asarray(labels)
                ),
            ),
            Paragraph("To classify your own image:"),
            CodeBlock(f"tenfold predict {facts.run.path} photo-of-a-digit.png"),
        ],
    )


def diagnosis_section(facts: RunFacts) -> Section:
    section = Section("diagnose", "Diagnose and improve")
    if not facts.findings:
        section.blocks.append(
            Paragraph(
                "There are no signs of overfitting, poor convergence or low accuracy. To improve further, try another "
                "architecture: tenfold train --help lists everything that you can change."
            )
        )
    for finding in facts.findings:
        section.blocks.append(Paragraph(f"{finding.fault.capitalize()}: {finding.evidence}."))
        section.blocks.append(
            Table(["try", "because", "measured"], [[r.flag, r.why, r.measured] for r in finding.remedies])
        )
        section.blocks.append(CodeBlock(f"tenfold train {facts.run.recipe.name} {finding.remedies[0].flag}"))
    return section


def _number(value: float | None, form: str, scale: float = 1) -> str:
    return "" if value is None else form.format(scale * value)
