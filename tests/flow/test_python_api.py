"""If these fail, Python code that uses only names of `tenfold` can't do what the commands do."""

from importlib import metadata

import numpy as np
import pytest

import tenfold
from tenfold import (
    Reader,
    Recipe,
    RunFolder,
    calibrate,
    diagnose,
    evaluate,
    explain,
    export,
    finetuning_recipe,
    load_dataset,
    normalize,
    predict,
    preprocess,
    profile,
    read_all,
    resume_seeds,
    train,
    train_seeds,
    write_report,
)
from tenfold.errors import FormatError, UsageError


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
    pictures = [Image.open(path) for path in paths]
    found = predict(run, pictures)
    assert [(one.digit, one.source) for one in found] == [*zip(expected, "012", strict=True)]
    assert predict(run, pictures[1])[0].digit == expected[1]
    mixed = predict(run, [paths[0], pictures[1], mnist.test_images[2]])
    assert [(one.digit, one.source) for one in mixed] == [*zip(expected, [str(paths[0]), "1", "2"], strict=True)]
    for path, picture, one in zip(paths, pictures, found, strict=True):
        np.testing.assert_array_equal(normalize(path), one.pixels)
        np.testing.assert_array_equal(normalize(picture), one.pixels)


def test_a_folder_is_normalized_as_normalize_does(mnist, tmp_path):
    from PIL import Image

    for digit in range(10):
        (tmp_path / str(digit)).mkdir()
        for index in np.flatnonzero(mnist.test_labels == digit)[:2]:
            Image.fromarray(255 - mnist.test_images[index]).resize((90, 90)).save(tmp_path / f"{digit}/{index}.png")
    pixels = {image.tobytes() for image in load_dataset(tmp_path).train_images}
    assert pixels <= {normalize(path).tobytes() for path in tmp_path.glob("*/*.png")}


def test_what_is_no_image_is_refused_with_what_to_do(run, mnist):
    for images in (mnist.test_images[:3] / 255, mnist.test_images[0], np.zeros((3, 90, 90), np.uint8)):
        with pytest.raises(FormatError, match=r"uint8\[N,28,28\], not .*: pass a list .* or tenfold\.normalize each"):
            predict(run, images)
    with pytest.raises(UsageError, match="no images to predict"):
        predict(run, mnist.test_images[:0])
    with pytest.raises(FormatError, match="an image is a path, a PIL image or an array, not int"):
        normalize(7)


def test_a_prediction_shows_what_was_predicted(run, mnist):
    (found,) = predict(run, mnist.test_images[:1])
    assert repr(found) == f"Prediction(source='0', class_name='7', confidence={found.confidence:.3f})"


RUN = r"'latest' is not a Run(Folder)?: pass Run\.load\('latest'\)"
DATA = r"'mnist' is not a Dataset: pass load_dataset\('mnist'\)"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda run: evaluate("latest"), RUN),
        (lambda run: diagnose("latest"), RUN),
        (lambda run: calibrate("latest"), RUN),
        (lambda run: export("latest"), RUN),
        (lambda run: predict("latest", "seven.png"), RUN),
        (lambda run: explain("latest", "seven.png"), RUN),
        (lambda run: write_report("latest"), RUN),
        (lambda run: finetuning_recipe("latest", "feedback"), RUN),
        (lambda run: train("tutorial", "mnist"), DATA),
        (lambda run: train_seeds("tutorial", 2, "mnist"), DATA),
        (lambda run: evaluate(run, "mnist"), DATA),
        (lambda run: explain(run, np.zeros((28, 28), np.uint8), "mnist"), DATA),
        (lambda run: profile("mnist"), DATA),
        (lambda run: preprocess("mnist"), DATA),
        (lambda run: evaluate(Recipe.load("tutorial")), r"a Recipe is not a Run: pass what Run\.load returns"),
    ],
)
def test_a_name_in_place_of_a_run_or_a_data_set_is_refused_with_what_to_pass(call, message, run):
    with pytest.raises(UsageError, match=message):
        call(run)


def test_seeds_are_not_resumed_on_a_name(quick, small, tmp_path):
    done = train_seeds(quick.replace(epochs=1), 1, small, folder=tmp_path)
    with pytest.raises(UsageError, match=DATA):
        resume_seeds(done.path, "mnist")


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
