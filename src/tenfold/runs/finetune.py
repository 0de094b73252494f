"""Fine-tuning: a run's weights, trained on with corrections beside its own data."""

from dataclasses import dataclass
from typing import Any

from tenfold.data import load_dataset
from tenfold.evaluation.metrics import Evaluation, measure
from tenfold.runs.run import Run
from tenfold.training.recipe import Recipe

# A short training at a lower rate: what was learned is bent, not broken (docs/log.md has measurements).
EPOCHS = 3
SLOWER = 0.3


def finetuning(run: Run, corrections: str) -> Recipe:
    """The recipe of a training that starts from `run` and learns from the corrections in a folder too.

    Raises `RunError` for a run that is not finished.
    """
    _ = run.digest
    # What was fine-tuned already is slow enough; at each time slower, it would stand still in the end.
    rate = run.recipe.training.learning_rate * (1 if run.recipe.training.start_from else SLOWER)
    return run.recipe.replace(
        start_from=str(run.path), corrections=corrections, epochs=EPOCHS, learning_rate=rate, schedule="linear",
        early_stopping=0, averaging=0.0, keep="last",
    )  # fmt: skip


@dataclass(frozen=True)
class Compared:
    """One set of test images, read by the run that was started from, and by the one that came of it."""

    name: str
    before: Evaluation
    after: Evaluation

    def summary(self) -> dict[str, Any]:
        told = {"before": self.before, "after": self.after}
        return {
            "set": self.name,
            "images": self.after.images,
            **{when: {"accuracy": e.accuracy, "interval": list(e.interval)} for when, e in told.items()},
        }


def before_and_after(run: Run) -> list[Compared]:
    """A fine-tuned run beside the one it started from, on the test images of its set and on the corrections held out.

    Empty for a run that started from none. Raises `RunError` when what it was trained on, or started from, is another
    now.
    """
    if not run.recipe.training.start_from:
        return []
    start = Run.load(run.recipe.training.start_from)
    run.check_start(start)
    sets = [(f"test images of {run.dataset.name}", run.dataset.test_images, run.dataset.test_labels)]
    if run.recipe.data.corrections:
        corrections = load_dataset(run.recipe.data.corrections)
        run.check_corrections(corrections)
        sets.append(("corrections held out", corrections.test_images, corrections.test_labels))
    compared = [
        Compared(name, measure(start.predict(images), labels), measure(run.predict(images), labels))
        for name, images, labels in sets
    ]
    run.add_metrics(before_and_after=[found.summary() for found in compared])
    return compared
