"""evaluate and diagnose: a finished run -> its figures on the test images, and what is wrong with it."""

from tenfold.data import Dataset
from tenfold.errors import RunError
from tenfold.evaluation import diagnose as rules
from tenfold.evaluation.metrics import Evaluation, measure
from tenfold.runs.run import Run


def evaluate(run: Run, data: Dataset | None = None) -> Evaluation:
    """Predicts all test images with the run's model, and stores the figures in the run's `metrics.json`.

    data: in place of the data set that the run's recipe names; then nothing is stored. Raises `RunError` for a run
    that is not finished.
    """
    images, labels = (data or run.dataset).test_images, (data or run.dataset).test_labels
    evaluation = measure(run.predict(images), labels)
    if data is None:
        run.add_metrics(test=evaluation.summary())
    return evaluation


def diagnose(run: Run) -> list[rules.Finding]:
    """Findings such as overfitting, poor convergence or low accuracy, with evidence; empty for a healthy run.

    From training and validation figures only, never from the test set. Raises `RunError` for a run that is not
    finished.
    """
    training, history = run.training, run.history
    if not history:
        raise RunError(f"{run.path / 'events.jsonl'} holds no epoch: it was changed or truncated")
    recipe = run.recipe
    sections = (recipe.data, recipe.model, recipe.augment, recipe.training, recipe.device)
    return rules.diagnose(
        history[-recipe.training.epochs :],  # Of an ensemble, the last network.
        training["train_accuracy"],
        training["validation_accuracy"],
        training["classes_present"],
        scheduled=recipe.training.schedule != "constant",
        fields={name for section in sections for name in vars(section)},
    )
