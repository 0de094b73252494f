"""Real handwriting, through the public Reader: floors that no change may fall below.

The sets are not part of the repository: these tests need them in ../shared/ink or in the folder TENFOLD_INK, and are
skipped without them.
"""

import csv
import io
import itertools
import zipfile

import pytest
from PIL import Image

from lab import ink
from lab.ink import SETS, app, measure_ink
from tenfold.cli import main

# Shares read right; of non-digits, shares that are unsure. A point or so below what was measured on these images.
FLOORS = {
    "MNIST test": 0.994,
    "kensanata": 0.99,
    "hwd1000": 0.995,
    "optdigits_orig": 0.987,
    "semeion": 0.968,
    "usps": 0.987,
    "pendigits": 0.99,
    "omniglot": 0.65,
    "notmnist": 0.855,
}


@pytest.fixture(scope="module")
def results(ink_sets):
    """Of every third image of a set, which takes half a minute; all of the strokes."""
    folder = ink_sets(*SETS)

    def a_third(path):
        return itertools.islice(read_pictures(path), 0, None, 3)

    read_pictures = ink._pictures
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ink, "_pictures", a_third)
        return {result.name: result for result in measure_ink(folder)}


@pytest.mark.parametrize("name", FLOORS)
def test_real_ink_is_read_as_well_as_it_was(results, name):
    result = results[name]
    assert (result.unsure if result.right is None else result.right) >= FLOORS[name]


def test_nearly_all_real_digits_are_answered(results):
    digits = [result for result in results.values() if result.right is not None]
    answered = sum(result.count * (1 - result.unsure) for result in digits) / sum(result.count for result in digits)
    assert answered >= 0.989


def ink_folder(mnist, tmp_path):
    """Sets of the form that `python -m lab.ink` reads, made of MNIST's test images."""
    folder = tmp_path / "ink"
    folder.mkdir()
    rows = [(f"{i}.png", str(mnist.test_labels[i])) for i in range(20)]
    with zipfile.ZipFile(folder / "usps.zip", "w") as archive:
        for index, (name, _) in enumerate(rows):
            content = io.BytesIO()
            Image.fromarray(mnist.test_images[index]).save(content, "PNG")
            archive.writestr(name, content.getvalue())
        table = io.StringIO()
        writer = csv.writer(table)
        # One label is wrong, so that there is a failure to draw.
        writer.writerows([("file", "text"), *rows[:-1], (rows[-1][0], str((int(rows[-1][1]) + 1) % 10))])
        archive.writestr("index.csv", table.getvalue())
    return folder


def test_the_ink_command_measures_and_draws_failures(tenfold_json, mnist, tmp_path):
    document = tenfold_json(ink_folder(mnist, tmp_path), "--out", tmp_path / "failures", command=app)
    found = {result["name"]: result for result in document["sets"]}
    assert found["usps"]["count"] == 20
    assert found["usps"]["right"] == pytest.approx(0.95)
    assert found["MNIST test"]["count"] == 10_000
    assert (tmp_path / "failures" / "usps.png").exists()


def test_a_folder_without_sets_is_an_error_in_one_line(tmp_path, capsys):
    with pytest.raises(SystemExit) as stopped:
        main([str(tmp_path)], app)
    assert stopped.value.code == 1
    error = capsys.readouterr().err
    assert "holds none of" in error
    assert error.count("\n") == 1
