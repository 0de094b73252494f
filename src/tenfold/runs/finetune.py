"""Fine-tuning: continue training a run's weights on its own data and on feedback samples."""

from typing import Any

from tenfold.errors import check_kind
from tenfold.evaluation.metrics import measure
from tenfold.runs.prepare import load_feedback
from tenfold.runs.run_folder import RunFolder
from tenfold.training.recipe import Recipe

# A short training at a lower rate, which keeps what was learned (docs/development/log.md has the measurements).
EPOCHS = 3
SLOWER = 0.3


def finetuning_recipe(run: RunFolder, feedback: str) -> Recipe:
    """The recipe of a training that starts from `run` and also trains on the feedback samples in the folder `feedback`.

    Raises `RunError` for a run that is not finished.
    """
    check_kind(run, RunFolder, "Run.load")
    _ = run.digest
    # A run that was fine-tuned keeps its rate: lowered each time, it would come to a standstill.
    rate = run.recipe.training.learning_rate * (1 if run.recipe.training.initial_run else SLOWER)
    return run.recipe.replace(
        initial_run=str(run.path), feedback=feedback, epochs=EPOCHS, learning_rate=rate, schedule="linear",
        early_stopping=0, weight_averaging=0.0, final_weights="last", hard_examples=1.0,
    )  # fmt: skip


def before_and_after(run: RunFolder) -> list[dict[str, Any]]:
    """Compares a fine-tuned run with the one that it started from: on the test images of its data set, and on the
    held-out feedback samples. Stores the figures in the run's `metrics.json`.

    Of each `set` its name, the number of `images`, and the `accuracy` with its 95 % `interval`, `before` and `after`.
    Empty for a run that started from none. Raises `RunError` when the data or the starting weights have changed since.
    """
    start = run.initial_run()
    if start is None:
        return []
    sets = [(f"test images of {run.dataset.name}", run.dataset.test_images, run.dataset.test_labels)]
    if run.recipe.data.feedback:
        feedback = load_feedback(run.recipe.data)
        run._check_feedback(feedback)
        sets.append(("held-out feedback samples", feedback.test_images, feedback.test_labels))
    compared = []
    for name, images, labels in sets:
        figures: dict[str, Any] = {"set": name, "images": len(labels)}
        for when, measured in (("before", start), ("after", run)):
            found = measure(measured.predict(images), labels)
            figures[when] = {"accuracy": found.accuracy, "interval": list(found.interval)}
        compared.append(figures)
    run._add_metrics(before_and_after=compared)
    return compared
