"""diagnose: a finished run -> what is wrong with it."""

from tenfold.errors import RunError
from tenfold.evaluation import diagnose as rules
from tenfold.runs.run import Run


def diagnose(run: Run) -> list[rules.Finding]:
    """Names overfitting, poor convergence and low accuracy where they are; empty for a healthy run.

    Looks at the training and validation figures only, never at the test set. Raises `RunError` for a run that is not
    finished.
    """
    training, history = run.training, run.history
    if not history:
        raise RunError(f"{run.path / 'events.jsonl'} holds no epoch: it was changed or cut short")
    recipe = run.recipe
    sections = (recipe.data, recipe.model, recipe.augment, recipe.training, recipe.engine)
    return rules.diagnose(
        history[-recipe.training.epochs :],  # of an ensemble, the last network
        training["train_accuracy"],
        training["validation_accuracy"],
        training["classes_present"],
        scheduled=recipe.training.schedule != "constant",
        fields={name for section in sections for name in vars(section)},
    )
