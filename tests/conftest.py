"""What the tests share: a small data set of real digits, a quick recipe, and one trained run."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from tenfold.data import Dataset, load_dataset
from tenfold.training.recipe import Recipe


@pytest.fixture(scope="session")
def mnist() -> Dataset:
    return load_dataset("mnist")


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
def chromium() -> str:
    """The browser's path. Without one a test is skipped; in CI that is a failure, so that no test is lost unseen."""
    path = shutil.which("chromium")
    if path is None:
        reason = "Chromium is not installed (apt-get install chromium)"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)
    return str(path)


@pytest.fixture
def tenfold_json(capsys: pytest.CaptureFixture[str]):  # type: ignore[no-untyped-def]
    """Runs a command under --json in this process, which must succeed, and returns its document."""
    import json

    from tenfold import cli

    def call(*words: object) -> object:
        with pytest.raises(SystemExit) as stopped:
            cli.main([*(str(word) for word in words), "--json"])
        told = capsys.readouterr()
        assert stopped.value.code == 0, told.err
        return json.loads(told.out)

    return call
