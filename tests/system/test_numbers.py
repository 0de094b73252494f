"""Whole numbers, through the public Reader: floors that no change may fall below, and the command that measures them.

The sets are not part of the repository: see test_ink.py.
"""

import csv
import io
import shutil
import zipfile

import numpy as np
import pytest
from PIL import Image, ImageDraw

from lab.numbers import app, measure_numbers
from tenfold.cli import main
from tenfold.reading.reader import Reader

# Shares of pictures, or lines, whose digits are all read right: a point or so below what was measured on these.
FLOORS = {
    "orand_car_a": 0.6,
    "photo_numbers, lines": 0.7,
    "pages": 0.7,
    "pages, none": 1.0,
    "cases": 0.75,
}
# Share of all pictures that are read wrong, and not unsure.
WRONG_AND_SURE = 0.08


@pytest.fixture(scope="module")
def results(ink_sets):
    """Of sixty cheques, and of all pages and photos, which takes a quarter of a minute."""
    folder = ink_sets("orand_car_a.zip", "photo_numbers.zip", "pages.zip")
    return {result.name: result for result in measure_numbers(folder, sample=60).results}


@pytest.mark.parametrize("name", FLOORS)
def test_real_numbers_are_read_as_well_as_they_were(results, name):
    assert results[name].right >= FLOORS[name]


def test_wrong_numbers_are_nearly_all_unsure(results):
    assert results["all but scenes"].wrong_and_sure <= WRONG_AND_SURE


def number_folder(mnist, tmp_path):
    """A set of the form that `python -m lab.numbers` reads: digits of MNIST's test images, three a picture."""
    folder = tmp_path / "ink"
    folder.mkdir()
    rows = []
    with zipfile.ZipFile(folder / "pages.zip", "w") as archive:
        for index in range(4):
            places = range(3 * index, 3 * index + 3)
            page = np.full((84, 240), 255, np.uint8)
            for place, digit in enumerate(places):
                page[28:56, 28 + 60 * place : 56 + 60 * place] -= mnist.test_images[digit]
            content = io.BytesIO()
            Image.fromarray(page).save(content, "PNG")
            archive.writestr(f"{index}.png", content.getvalue())
            rows.append((f"{index}.png", "".join(str(mnist.test_labels[digit]) for digit in places), "row"))
        # One label is wrong, so that there is a failure to draw.
        rows[-1] = (rows[-1][0], "4444", "row")
        table = io.StringIO()
        csv.writer(table).writerows([("file", "text", "kind"), *rows])
        archive.writestr("index.csv", table.getvalue())
    return folder


def test_the_numbers_command_measures_draws_failures_and_resumes(tenfold_json, mnist, tmp_path, monkeypatch):
    words = (number_folder(mnist, tmp_path), "--out", tmp_path / "out")
    document = tenfold_json(*words, command=app)
    rows = {row["name"]: row for row in document["numbers"]}
    assert rows["pages, row"]["count"] == 4
    assert rows["pages, row"]["right"] == pytest.approx(0.75)
    assert sum(row["count"] for row in document["calibration"]) == 4
    assert (tmp_path / "out" / "tenfold-pages.png").exists()

    def read_number(*arguments, **options):
        raise AssertionError("it was read before")

    monkeypatch.setattr(Reader, "read_number", read_number)
    assert tenfold_json(*words, command=app) == document


def test_what_a_peer_reads_is_scored_as_the_reader_is(tenfold_json, mnist, tmp_path, monkeypatch):
    from lab import numbers
    from lab.peers.number_peers import Peer, PeerWord

    peer = Peer("1", {"well": lambda: lambda *_: [PeerWord("721", 0.9)], "badly": lambda: lambda *_: []})
    monkeypatch.setattr(numbers, "open_peer", lambda name: peer)
    document = tenfold_json(number_folder(mnist, tmp_path), "--peer", "somebody", command=app)
    rows = {(row["reader"], row["name"]): row for row in document["numbers"]}
    assert rows["somebody", "pages"]["right"] == 0.25
    assert rows["somebody", "pages"]["wrong_and_sure"] == 0.75
    assert {way["way"]: way["best"] for way in document["ways"]} == {"well": True, "badly": False}


@pytest.mark.skipif(shutil.which("tesseract") is None, reason="Tesseract is not installed")
def test_every_way_of_tesseract_reads_print():
    from lab.peers.number_peers import join_words, open_peer

    picture = Image.new("RGB", (400, 120), "white")
    ImageDraw.Draw(picture).text((40, 20), "1234", "black", font_size=72)
    for way in open_peer("tesseract").ways.values():
        assert join_words(way()(picture, False), marks=False)[0] == "1234"


@pytest.mark.parametrize(
    ("words", "said"), [((), "holds none of"), (("--peer", "tesserakt"), "did you mean 'tesseract'")]
)
def test_a_wrong_call_is_an_error_in_one_line(tmp_path, capsys, words, said):
    with pytest.raises(SystemExit) as stopped:
        main([str(tmp_path), *words], app)
    assert stopped.value.code in (1, 2)
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
