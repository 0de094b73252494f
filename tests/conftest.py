"""What the tests share: a small data set of real digits, a quick recipe, and one trained run.

A test's folder is its marker: `unit`, `flow` or `system` (CONTRIBUTING.md).
"""

import base64
import os
import time
import uuid
from collections.abc import Callable
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from cyclopts import App
from hypothesis import settings
from numpy.typing import NDArray

from tenfold.data import Dataset, load_dataset
from tenfold.reading.reader import Reader
from tenfold.training.recipe import Recipe
from tests.log_lines import logged

if "PYTEST_XDIST_WORKER" in os.environ:
    # Each worker has a core; threads of several would only wait for each other.
    os.environ["OMP_NUM_THREADS"] = "1"
# An example may take long beside other work; `UNIT_SECONDS` bounds computing.
settings.register_profile("tenfold", deadline=None)
settings.load_profile("tenfold")
# Seconds of computing that a unit test may take. What trains or starts something exceeds them; the slowest unit test
# takes 1.5, and up to twice that on a slower machine that is busy.
UNIT_SECONDS = 5.0
# Fixtures that train or start something.
NOT_FOR_UNITS = {
    "run",
    "tuned",
    "swept",
    "two_workers",
    "one_at_a_time",
    "chromium",
    "ray_cluster",
    "serving",
    "postgres",
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    tests = Path(__file__).parent
    for item in items:
        kind = item.path.relative_to(tests).parts[0]
        item.add_marker(kind)
        if kind == "unit" and (used := NOT_FOR_UNITS.intersection(getattr(item, "fixturenames", ()))):
            raise pytest.UsageError(f"{item.nodeid} uses {', '.join(used)}: it belongs to tests/flow or tests/system")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item):  # type: ignore[no-untyped-def]
    is_unit = item.get_closest_marker("unit") is not None
    started = time.process_time()
    result = yield
    seconds = time.process_time() - started
    if is_unit and seconds > UNIT_SECONDS:
        pytest.fail(f"took {seconds:.1f} s of {UNIT_SECONDS:g}: make it smaller, or move it to tests/flow")
    return result


@pytest.fixture(scope="session")
def mnist() -> Dataset:
    return load_dataset("mnist")


@pytest.fixture
def digits() -> Callable[..., tuple[NDArray[np.uint8], NDArray[np.uint8]]]:
    """Makes n images with labels 0, 1, 2, ..., each image different and with a dark border."""

    def make(n: int, seed: int = 0) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        images = np.zeros((n, 28, 28), np.uint8)
        images[:, 4:24, 4:24] = np.random.default_rng(seed).integers(0, 256, (n, 20, 20))
        return images, (np.arange(n) % 10).astype(np.uint8)

    return make


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of the test's own, empty."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("TENFOLD_CACHE", str(folder))
    return folder


@pytest.fixture(scope="session")
def mnist_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache with MNIST unpacked, which takes a second: shared, so not to be written to."""
    folder = tmp_path_factory.mktemp("mnist-cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TENFOLD_CACHE", str(folder))
        load_dataset("mnist")
    return folder


@pytest.fixture(scope="session")
def reader() -> Reader:
    """The shipped reader."""
    return Reader()


@pytest.fixture(scope="session")
def small(mnist: Dataset) -> Dataset:
    """The first 2,000 training and 500 test images."""
    return Dataset(
        name="mnist-small",
        train_images=np.array(mnist.train_images[:2000]),
        train_labels=np.array(mnist.train_labels[:2000]),
        test_images=np.array(mnist.test_images[:500]),
        test_labels=np.array(mnist.test_labels[:500]),
        class_names=mnist.class_names,
        origin="the first images of MNIST",
    )


@pytest.fixture(scope="session")
def small_file(small: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small set as a file of a user's own."""
    path = tmp_path_factory.mktemp("data") / "small.npz"
    np.savez(path, x_train=small.train_images, y_train=small.train_labels, x_test=small.test_images,
             y_test=small.test_labels)  # fmt: skip
    return path


@pytest.fixture(scope="session")
def quick(small_file: Path) -> Recipe:
    """The tutorial recipe on the small set for three epochs: under a second."""
    return Recipe.load("tutorial").replace(dataset=str(small_file), epochs=3)


@pytest.fixture(scope="session")
def run(quick: Recipe, tmp_path_factory: pytest.TempPathFactory):  # type: ignore[no-untyped-def]
    """A finished run, for tests that only read it."""
    from tenfold.runs.train import train

    return train(quick, folder=tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="session")
def odd_hand(mnist: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Feedback samples of someone who writes on paper turned by 40 degrees."""
    from scipy import ndimage

    from tenfold.serve.feedback import FeedbackSample
    from tenfold.serve.feedback.sample_export import export_samples

    samples = []
    for image, label in zip(mnist.train_images[3000:3300], mnist.train_labels[3000:3300], strict=True):
        turned = ndimage.rotate(image.astype(np.float32), 40, reshape=False, order=1).clip(0, 255).astype(np.uint8)
        samples.append(
            FeedbackSample(
                id=uuid.UUID(int=len(samples)), label=int(label), pixels=turned.tobytes(), created_at=datetime.now(UTC)
            )
        )
    folder = tmp_path_factory.mktemp("feedback_samples")
    export_samples(samples, folder)
    return folder


@pytest.fixture(scope="session")
def tuned(run, odd_hand: Path, tmp_path_factory: pytest.TempPathFactory):  # type: ignore[no-untyped-def]
    """A run that was fine-tuned on these samples."""
    from tenfold.runs.finetune import finetuning_recipe
    from tenfold.runs.train import train

    return train(finetuning_recipe(run, str(odd_hand)), folder=tmp_path_factory.mktemp("tuned"))


@pytest.fixture
def without_drawing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures are empty: drawing those of a report takes five seconds."""
    from tenfold.report import html_report
    from tenfold.report.figures import figure_files

    monkeypatch.setattr(html_report, "to_png", lambda draw: b"")
    monkeypatch.setattr(html_report, "to_svg", lambda draw, name: "<svg></svg>")
    monkeypatch.setattr(figure_files, "to_png", lambda draw: b"")


@pytest.fixture(scope="session")
def brief(quick: Recipe) -> Recipe:
    """The quick recipe for two epochs, with all training images, as the recipes with a test figure have it."""
    return quick.replace(epochs=2, validation=0.0, final_weights="last")


@pytest.fixture(scope="session")
def two_workers():  # type: ignore[no-untyped-def]
    """Opens a pool of two processes, the same each time: each of its own would import PyTorch for seconds."""
    from tenfold.jobs.local import local_pool

    with local_pool(2) as pool:
        yield lambda: nullcontext(pool)


@pytest.fixture(scope="session")
def one_at_a_time(two_workers):  # type: ignore[no-untyped-def]
    """Opens the same pool for one job at a time, so that the order of events is fixed."""
    from tenfold.jobs.pool import WorkerPool

    class One(WorkerPool):
        size = 1
        submit = next_event = answer = None

        def __init__(self, pool) -> None:  # type: ignore[no-untyped-def]
            self.submit, self.next_event, self.answer = pool.submit, pool.next_event, pool.answer

    with two_workers() as pool:
        return lambda: nullcontext(One(pool))


@pytest.fixture(scope="session")
def grid(brief: Recipe):  # type: ignore[no-untyped-def]
    """A plan of six trials that come to the same whoever trains them."""
    from tenfold.studies.sweep_plan import SweepPlan

    return SweepPlan.make(brief, ["learning_rate=0.0003,0.001,0.003", "hidden=16,32/16"], sampler="grid", pruner="none")


@pytest.fixture(scope="session")
def swept(grid, two_workers, tmp_path_factory: pytest.TempPathFactory):  # type: ignore[no-untyped-def]
    """A finished sweep of the grid in two processes, its rows, and the lines that it logged."""
    from tenfold.studies.sweep import Sweep

    sweep = Sweep.create(grid, tmp_path_factory.mktemp("sweeps"))
    with logged() as lines:
        return sweep, sweep.run(two_workers), lines


@pytest.fixture(scope="session")
def ink_sets():  # type: ignore[no-untyped-def]
    """Returns the folder with sets of real handwriting: ../shared/ink, or TENFOLD_INK. Skips the test without the sets.

    They are not published, so CI does not require them. When TENFOLD_INK is set, a missing set is a failure.
    """
    asked = os.environ.get("TENFOLD_INK")
    folder = Path(asked) if asked else Path(__file__).parents[2] / "shared" / "ink"

    def check(*names: str) -> Path:
        if missing := [name for name in names if not (folder / name).exists()]:
            reason = f"{folder} does not hold {', '.join(missing)}: set TENFOLD_INK to the folder with the sets"
            (pytest.fail if asked else pytest.skip)(reason)
        return folder

    return check


@pytest.fixture(scope="session")
def feedback_sample():  # type: ignore[no-untyped-def]
    """Creates feedback samples as the API accepts them, each with a new id."""

    def make() -> dict[str, object]:
        return {
            "id": str(uuid.uuid4()), "label": 7, "predicted": None, "confidence": None, "probabilities": None,
            "pixels": base64.b64encode(bytes([9] * 784)).decode(), "strokes": None, "source": "api",
            "model_digest": None, "created_at": "2026-11-23T10:00:00Z",
        }  # fmt: skip

    return make


@pytest.fixture
def tenfold_json(capsys: pytest.CaptureFixture[str]):  # type: ignore[no-untyped-def]
    """Runs a command under --json in this process, which must succeed, and returns its document."""
    import json

    from tenfold import cli

    def call(*words: object, command: App = cli.app) -> object:
        with pytest.raises(SystemExit) as stopped:
            cli.main([*(str(word) for word in words), "--json"], command)
        captured = capsys.readouterr()
        assert stopped.value.code == 0, captured.err
        return json.loads(captured.out)

    return call


@pytest.fixture
def needs():  # type: ignore[no-untyped-def]
    """Skips where what is named is missing; in CI that is a failure, so that no test is lost unseen."""

    def check(missing: object) -> None:
        if missing:
            (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(f"needs {missing}")

    return check
