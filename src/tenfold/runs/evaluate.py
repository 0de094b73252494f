"""evaluate: a finished run and the test images -> an Evaluation."""

from tenfold.data import Dataset
from tenfold.evaluation.metrics import Evaluation, measure
from tenfold.runs.run import Run


def evaluate(run: Run, data: Dataset | None = None) -> Evaluation:
    """Reads all test images with the run's model, and keeps the figures in the run's `metrics.json`.

    data: in place of the data set that the run's recipe names; then nothing is kept. Raises `RunError` for a run
    that is not finished.
    """
    images, labels = (data or run.dataset).test_images, (data or run.dataset).test_labels
    evaluation = measure(run.predict(images), labels)
    if data is None:
        run.add_metrics(test=evaluation.summary())
    return evaluation
