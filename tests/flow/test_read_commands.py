"""What a person types to read a picture, and what they get when they mistype it."""

import io
import json
import shutil
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from tenfold import cli, explain
from tenfold.data.idx import encode
from tenfold.reading.explain import evidence, nearest_images
from tenfold.reading.reader import Reader
from tenfold.runs.evaluate import calibrate
from tenfold.runs.export import export
from tenfold.runs.train import train


@pytest.fixture
def seven(mnist, tmp_path):
    path = tmp_path / "seven.png"
    Image.fromarray(255 - mnist.test_images[0]).resize((280, 280)).save(path)
    return path


def test_read_reports_digit_confidence_and_doubt(tenfold_json, seven):
    (reading,) = tenfold_json("read", seven)["readings"]
    assert reading["digit"] == 7
    assert not reading["unsure"]
    assert reading["confidence"] == pytest.approx(max(reading["probabilities"]), abs=1e-5)


def test_a_run_is_a_model_by_its_folder_or_as_latest(run, seven, tenfold_json, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(run.path, tmp_path / "runs" / "only")
    expected = Reader(run.path / "model.onnx").read(seven).confidence
    for model in (run.path, "latest"):
        assert tenfold_json("read", "--model", model, seven)["readings"][0]["confidence"] == pytest.approx(expected)
    summary = tenfold_json("read-all", seven, "--model", "latest", "--out", "out.parquet", "--workers", "1")
    assert summary["rows"] == 1


@pytest.fixture
def number(mnist, tmp_path):
    """A picture of 7, 2 and 1 side by side, with a dot between the last two."""
    page = np.zeros((200, 500), np.uint8)
    for place, index in enumerate((0, 1, 2)):
        digit = np.asarray(Image.fromarray(mnist.test_images[index]).resize((120, 120)))
        page[40:160, 60 + 130 * place : 180 + 130 * place] = digit
    page[132:144, 312:324] = 255
    Image.fromarray(255 - page).save(tmp_path / "number.png")
    return tmp_path / "number.png"


@pytest.fixture
def say(capsys):
    """Runs a command, which must succeed, and returns the lines that it prints."""

    def call(*words):
        with pytest.raises(SystemExit) as stopped:
            cli.main([str(word) for word in words])
        captured = capsys.readouterr()
        assert stopped.value.code == 0, captured.err
        return captured.out.splitlines()

    return call


FIELDS = "name,left,top,right,bottom\nwhole,0,0,500,200\nfirst,50,30,185,170\nnothing,0,0,40,40\n"


def test_read_number_reads_several(tenfold_json, number):
    (read,) = tenfold_json("read", "--number", number)["numbers"]
    assert (read["text"], read["written"]) == ("721", "72.1")
    assert read["unsure"] is False
    assert 0.5 < read["confidence"] <= 1
    assert len(read["digits"][0]["box"]) == 4


def test_read_number_prints_digits_or_what_was_written(say, number):
    assert say("read", "--number", number) == ["721"]
    assert say("read", "--number", "--written", number) == ["72.1"]


def test_a_number_that_is_unsure_says_so_under_its_text(say, number, monkeypatch):
    read_number = Reader.read_number
    monkeypatch.setattr(
        Reader,
        "read_number",
        lambda *words, **more: replace(read_number(*words, **more), confidence=0.31, unsure=True),
    )
    assert say("read", "--number", number) == ["721", "unsure, confidence 31.0 %"]


def test_fields_of_a_form_are_read_by_name(tenfold_json, say, number, tmp_path):
    (tmp_path / "fields.csv").write_text(FIELDS)
    read = tenfold_json("read", "--number", "--fields", tmp_path / "fields.csv", number)["numbers"]
    assert [(one["name"], one["text"]) for one in read] == [("whole", "721"), ("first", "7"), ("nothing", "")]
    assert [one["unsure"] for one in read] == [False, False, True]
    assert all(one["image"] == str(number) for one in read)
    left, top, right, bottom = read[1]["digits"][0]["box"]
    assert 50 <= left < right <= 185
    assert 30 <= top < bottom <= 170
    head, *lines = say("read", "--number", "--written", "--fields", tmp_path / "fields.csv", number)
    assert head.split() == ["field", "text", "confidence"]
    assert [line.split()[:2] for line in lines] == [["whole", "72.1"], ["first", "7"], ["nothing", "0.0"]]
    assert lines[2].endswith("no digits found")


def test_a_list_of_fields_may_come_from_a_spreadsheet(tenfold_json, number, tmp_path):
    """With a byte order mark, Windows' line ends, quotes, further columns and another order."""
    text = '\ufeffpage,right,bottom,left,top,name\r\n1,185.5,170,50,30,"total, net"\r\n'
    (tmp_path / "fields.csv").write_bytes(text.encode())
    (read,) = tenfold_json("read", "--number", "--fields", tmp_path / "fields.csv", number)["numbers"]
    assert (read["name"], read["text"]) == ("total, net", "7")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "has no column name"),
        (b"name,left,top,right\na,1,2,3\n", "has no column bottom"),
        (b"name,left,top,right,bottom\n", "lists no fields"),
        (b"name,left,top,right,bottom\na,1,2,3,4\nb,1,2,x,4\n", "line 3: left,top,right,bottom are numbers of pixels"),
        (b"name,left,top,right,bottom\na,1,2\n", "line 2: left,top,right,bottom are numbers of pixels"),
        (b"\x89PNG\r\n\x1a\n\0\0", "can't be read"),
        (b"name,left,top,right,bottom\na,10,10,900,90\n", "is not in the image"),
        (b"name,left,top,right,bottom\na,90,90,10,10\n", "is not in the image"),
        (b"name,left,top,right,bottom\na,10,10,nan,90\n", "is not in the image"),
        (None, "no such file"),
    ],
)
def test_what_is_no_list_of_fields_is_refused_in_a_line(content, expected, number, tmp_path, capsys):
    if content is not None:
        (tmp_path / "fields.csv").write_bytes(content)
    with pytest.raises(SystemExit) as stopped:
        cli.main(["read", "--number", "--fields", str(tmp_path / "fields.csv"), str(number)])
    assert stopped.value.code == (2 if "image" in expected else 1)
    error = capsys.readouterr().err
    assert expected in error.lower() or expected in error
    assert error.count("\n") == 1


def test_a_form_that_is_too_small_for_its_fields_does_not_stop_the_others(number, seven, tmp_path, capsys):
    (tmp_path / "fields.csv").write_text(FIELDS)
    with pytest.raises(SystemExit) as stopped:
        cli.main(["read", "--number", "--fields", str(tmp_path / "fields.csv"), str(seven), str(number), "--json"])
    assert stopped.value.code == 1
    captured = capsys.readouterr()
    numbers = json.loads(captured.out)["numbers"]
    assert [one.get("text") for one in numbers] == ["721", "7", "", None]
    assert numbers[3]["image"] == str(seven)
    assert "is not in the image" in numbers[3]["error"]


def test_read_explains_in_a_picture_beside_the_input(tenfold_json, seven):
    tenfold_json("read", "--explain", seven)
    with Image.open(seven.with_name("seven-explained.png")) as picture:
        assert picture.width > 2 * picture.height


def test_pages_of_a_pdf_are_read_one_by_one(tenfold_json, seven, tmp_path):
    with Image.open(seven) as picture:
        blank = Image.new("L", picture.size, 255)
        picture.save(tmp_path / "form.pdf", save_all=True, append_images=[blank, picture])
    readings = tenfold_json("read", tmp_path / "form.pdf", "--pages", "all")["readings"]
    assert [(r["page"], r["digit"], r["unsure"]) for r in readings if not r["unsure"]] == [(0, 7, False), (2, 7, False)]
    numbers = tenfold_json("read", "--number", tmp_path / "form.pdf", "--pages", "2,1")["numbers"]
    assert [(n["page"], n["text"]) for n in numbers] == [(2, "7"), (1, "")]
    tenfold_json("read", "--explain", tmp_path / "form.pdf", "--pages", "0")
    assert (tmp_path / "form-0-explained.png").is_file()


@pytest.mark.parametrize(
    ("words", "code", "expected"),
    [
        (["read"], 2, "no image given"),
        (["read", "-n", "x.png"], 2, "unknown option -n"),
        (["read", "x.pdf", "--pages", "first"], 2, "--pages is 'first'; it takes all, or numbers such as 0,2"),
        (["read", "gone.png"], 1, "no such file"),
        (["read", "--number", "--explain", "x.png"], 2, "--explain"),
        (["read", "--written", "x.png"], 2, "--written works for whole numbers: add --number"),
        (["read", "--fields", "f.csv", "x.png"], 2, "--fields works for whole numbers: add --number"),
        (["read", "--number", "--fields", "f.csv", "--pages", "0", "x.pdf"], 2, "leave out --pages"),
        (["read", "x.png", "--model", "gone.onnx"], 1, "no such file"),
    ],
)
def test_mistakes_are_reported_in_a_line(words, code, expected, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stopped:
        cli.main(words)
    assert stopped.value.code == code
    error = capsys.readouterr().err
    assert expected in error
    assert error.count("\n") == 1


def test_evidence_lies_on_the_ink_and_speaks_for_the_digit(mnist):
    reader = Reader()
    found = explain(reader, mnist.test_images[0])
    assert found.digit == 7
    assert not found.evidence[mnist.test_images[0] == 0].any()
    assert found.evidence.sum() > 0
    assert (found.neighbor_labels == 7).mean() >= 0.5
    assert not evidence(np.zeros((28, 28), np.uint8), 3, reader.probabilities).any()


def test_the_nearest_of_an_image_is_itself(mnist):
    assert nearest_images(mnist.train_images[5], mnist.train_images[:3000], 3)[0] == 5


def test_a_run_with_synthetic_ink_is_trained_calibrated_and_exported(quick, tmp_path, monkeypatch):
    monkeypatch.setattr("tenfold.runs.evaluate.NON_DIGITS", 500)
    run = train(quick.replace(synthetic=200, non_digits=150, epochs=2), folder=tmp_path)
    assert 0 <= run.training.train_accuracy <= 1
    assert run.training.train_images == 1600
    made = calibrate(run)
    assert made.error_after <= made.error_before + 0.01
    assert made.answered >= 0.99
    for to in ("onnx", "onnx-int8"):
        opened = Reader(export(run, to, tmp_path / f"{to}.onnx").path)
        assert opened.unsure_below == pytest.approx(made.unsure_below)
    assert json.loads((run.path / "calibration.json").read_text())["images"] == 400


def test_synthetic_ink_is_the_same_for_the_same_seed(quick, tmp_path):
    import torch

    recipe = quick.replace(synthetic=50, non_digits=50, epochs=1)
    first, second = (train(recipe, folder=tmp_path / name).model().state_dict() for name in "ab")
    assert all(torch.equal(first[key], second[key]) for key in first)


def test_reading_continues_after_a_bad_file_and_says_so_at_the_end(seven, tmp_path, capsys, monkeypatch):
    (tmp_path / "bad.png").write_bytes(b"none")
    words = ["read", str(tmp_path / "bad.png"), "-", str(seven), "--json"]
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(seven.read_bytes())))
    with pytest.raises(SystemExit) as stopped:
        cli.main(words)
    captured = capsys.readouterr()
    assert stopped.value.code == 1
    readings = json.loads(captured.out)["readings"]
    assert [(r["image"], r.get("digit")) for r in readings] == [
        ("-", 7), (str(seven), 7), (str(tmp_path / "bad.png"), None)
    ]  # fmt: skip
    assert "is not an image" in readings[2]["error"]
    assert captured.err.splitlines()[-1] == "error: 1 of 3 images could not be read"
    with pytest.raises(SystemExit) as stopped:
        cli.main(["read", str(tmp_path)])
    assert stopped.value.code == 2
    assert "tenfold read-all" in capsys.readouterr().err


def test_predict_says_which_run_it_used(run, seven, say, tmp_path):
    assert say("predict", run.path, seven)[0].strip() == str(run.path)
    table = tmp_path / "one.csv"
    assert say("predict", run.path, seven, "--out", table) == [f"1 prediction by {run.path} in {table}"]


def test_predictions_of_many_images_are_a_table(run, small, seven, tmp_path, tenfold_json):
    pixels = small.test_images[:30].reshape(30, -1)
    np.savetxt(tmp_path / "test.csv", pixels, fmt="%d", delimiter=",", header=",".join(f"pixel{i}" for i in range(784)),
               comments="")  # fmt: skip
    document = tenfold_json("predict", run.path, tmp_path / "test.csv", "--out", tmp_path / "submission.csv")
    assert document["images"] == 30
    rows = (tmp_path / "submission.csv").read_text().splitlines()
    expected = run.predict(small.test_images[:30]).argmax(1)
    assert rows == ["ImageId,Label", *(f"{n},{digit}" for n, digit in enumerate(expected, start=1))]
    folder = tmp_path / "photos"
    folder.mkdir()
    shutil.copy(seven, folder)
    tenfold_json("predict", run.path, folder, "--out", tmp_path / "digits.csv")
    head, row = (tmp_path / "digits.csv").read_text().splitlines()
    assert head == "image,digit,confidence"
    assert row.startswith("seven.png,7,")


def test_predictions_of_every_input_are_written_as_csv_and_parquet(run, small, seven, tmp_path, tenfold_json):
    from pyarrow.parquet import read_table

    images = np.array(small.test_images[:30])
    digits = run.predict(images).argmax(1).tolist()
    np.savez(tmp_path / "test.npz", images=images, labels=small.test_labels[:30])
    np.savez(tmp_path / "white.npz", images=255 - images, labels=small.test_labels[:30])
    (tmp_path / "t10k-images-idx3-ubyte").write_bytes(encode(images))
    for name in ("test.npz", "white.npz", "t10k-images-idx3-ubyte"):
        document = tenfold_json("predict", run.path, tmp_path / name, "--out", tmp_path / "out.parquet")
        assert document["notes"] == (["images on white paper, inverted: 30"] if "white" in name else [])
        assert read_table(tmp_path / "out.parquet").to_pydict() == {"ImageId": [*range(1, 31)], "Label": digits}
    rows = [f"{number},{','.join(map(str, image.ravel()))}" for number, image in enumerate(images, 28_000)]
    names = ",".join(["id", *(f"pixel{i}" for i in range(784))])
    (tmp_path / "test.csv").write_text("\n".join([names, *rows]))
    tenfold_json("predict", run.path, tmp_path / "test.csv", "--out", tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_text().splitlines()[1] == f"28000,{digits[0]}"
    np.savez(tmp_path / "floats.npz", images=images / 255)
    document = tenfold_json("predict", run.path, tmp_path / "floats.npz", "--out", tmp_path / "out.csv")
    assert document["notes"] == ["its floats from 0 to 1 were scaled to 0 to 255"]
    tenfold_json("predict", run.path, seven, "--out", tmp_path / "one.csv")
    assert (tmp_path / "one.csv").read_text().splitlines()[1].startswith(f"{seven},7,")


@pytest.mark.parametrize("words", [["7.png", "--out", "x.txt"], ["."], [".", "--out", "x.png"], [".", "7.png"]])
def test_what_predictions_can_not_be_written_to_is_refused_before_they_are_made(
    words, run, tmp_path, capsys, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    Image.new("L", (9, 9)).save("7.png")
    with pytest.raises(SystemExit) as stopped:
        cli.main(["predict", str(run.path), *words])
    assert stopped.value.code == 2
    assert ".csv or .parquet" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["7.png"]


def test_predictions_do_not_overwrite_what_they_are_of(run, tmp_path, capsys):
    (tmp_path / "own.csv").write_text("not read")
    with pytest.raises(SystemExit) as stopped:
        cli.main(["predict", str(run.path), str(tmp_path / "own.csv"), "--out", str(tmp_path / "own.csv")])
    assert stopped.value.code == 2
    assert "which is an input" in capsys.readouterr().err
