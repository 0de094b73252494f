"""diagnose: a finished run -> what is wrong with it."""

from tenfold.errors import RunError
from tenfold.evaluation import diagnose as rules
from tenfold.runs.run import Run


def diagnose(run: Run) -> list[rules.Finding]:
    """Names overfitting, poor convergence and low accuracy where they are; empty for a healthy run.

    Looks at the training and validation figures only, never at the test set. Raises `RunError` for a run that is not
    finished.
    """
    training = run.metrics.get("training")
    if not run.finished or training is None:
        raise RunError(f"{run.path} is not finished: tenfold train --resume {run.path}")
    return rules.diagnose(run.history, training["train_accuracy"], training["validation_accuracy"])
