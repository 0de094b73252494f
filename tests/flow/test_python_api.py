"""If these fail, Python code that uses only names of `tenfold` can't do what the commands do."""

from importlib import metadata

import numpy as np
import pytest

import tenfold
from tenfold import (
    Reader,
    RunFolder,
    explain,
    predict,
    read_all,
)


def test_every_public_name_exists_and_is_listed():
    assert tenfold.__all__ == sorted(set(tenfold.__all__))
    for name in tenfold.__all__:
        assert getattr(tenfold, name) is not None
    with pytest.raises(AttributeError):
        _ = tenfold.tarin
    assert tenfold.__version__ == metadata.version("tenfold")


def test_an_explanation_draws_itself(run, mnist):
    for model in (Reader(), run):
        found = explain(model, mnist.test_images[0])
        assert found.digit == 7
        assert found.evidence.shape == (28, 28)
        assert found.draw().width > found.draw().height
    assert explain(Reader(), Reader().read(mnist.test_images[0])).digit == 7


def test_predict_takes_arrays_files_and_folders(run, mnist, tmp_path):
    from PIL import Image

    for number in range(3):
        Image.fromarray(255 - mnist.test_images[number]).resize((90, 90)).save(tmp_path / f"{number}.png")
    paths = [tmp_path / f"{number}.png" for number in range(3)]
    expected = mnist.test_labels[:3].tolist()
    for images in (mnist.test_images[:3], paths, [str(path) for path in paths], tmp_path):
        assert [one.digit for one in predict(run, images)] == expected
    assert predict(run, paths[0])[0].source == str(paths[0])


def test_a_run_is_opened_once_for_many_images(run, small, monkeypatch):
    read, names = RunFolder._read_document, []
    monkeypatch.setattr(RunFolder, "_read_document", lambda self, name: (names.append(name), read(self, name))[1])
    assert len(predict(run, small.test_images)) == len(small.test_images)
    assert len(names) <= 2


def test_many_files_are_read_to_a_table(mnist, tmp_path):
    import pyarrow.parquet as pq

    np.save(tmp_path / "digits.npy", mnist.test_images[:20])
    summary = read_all([tmp_path / "digits.npy"], tmp_path / "out.parquet", workers=1)
    assert summary.rows == 20
    assert pq.read_table(tmp_path / "out.parquet")["digit"].to_pylist()[:3] == [7, 2, 1]
