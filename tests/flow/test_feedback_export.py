"""Feedback as a data set: every sample once, in the same part for good, and nothing half-written."""

import json
import os
import uuid
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from tenfold.data import load_dataset
from tenfold.errors import (
    FeedbackError,
    FormatError,
    StorageError,
)
from tenfold.serve.feedback import FeedbackSample, FeedbackStore
from tenfold.serve.feedback.sample_export import export_samples, held_out


def sample(**fields):
    wanted = {"id": uuid.uuid4(), "label": 7, "pixels": os.urandom(784), "created_at": datetime.now(UTC)}
    return FeedbackSample(**{**wanted, **fields})


def test_samples_export_as_a_dataset(tmp_path):
    samples = [sample(label=number % 10, predicted=(number + number % 3) % 10) for number in range(200)]
    made = export_samples(samples, tmp_path / "set")
    data = load_dataset(tmp_path / "set")
    assert (made.train, made.test) == (len(data.train_images), len(data.test_images))
    assert made.train + made.test == 200
    assert 20 <= made.test <= 60
    by_ink = {one.pixels: one.label for one in samples}
    for images, labels in ((data.train_images, data.train_labels), (data.test_images, data.test_labels)):
        assert [by_ink[image.tobytes()] for image in images] == labels.tolist()
    assert all(held_out(image.tobytes()) for image in data.test_images)
    manifest = json.loads((tmp_path / "set" / "manifest.json").read_text())
    assert sum(manifest["digits"].values()) == 200
    assert manifest["misread"] == sum(one.predicted != one.label for one in samples)
    lines = (tmp_path / "set" / "strokes.jsonl").read_text().splitlines()
    assert len(lines) == 200
    parts = {"train": data.train_images, "test": data.test_images}
    by_id = {str(one.id): one for one in samples}
    for line in map(json.loads, lines):
        assert parts[line["part"]][line["row"]].tobytes() == by_id[line["id"]].pixels
    assert manifest["digest"] == data.digest


def test_later_exports_keep_each_image_in_its_part(tmp_path):
    samples = [sample() for _ in range(100)]
    export_samples(samples[:60], tmp_path / "few")
    export_samples(samples, tmp_path / "many")
    few, many = (load_dataset(tmp_path / name) for name in ("few", "many"))
    before, after = ({image.tobytes() for image in data.test_images} for data in (few, many))
    assert before <= after
    assert not after & {image.tobytes() for image in many.train_images}


def test_duplicates_count_once_and_contradictions_not_at_all(tmp_path):
    samples = [sample() for _ in range(60)]
    again = [sample(pixels=samples[0].pixels), sample(pixels=samples[1].pixels, label=3)]
    made = export_samples([*samples, *again], tmp_path)
    assert (made.duplicates, made.contradictory, made.train + made.test) == (1, 2, 59)


def test_no_samples_and_too_few_are_reported(tmp_path, tenfold_json):
    with pytest.raises(FeedbackError, match="no feedback yet"):
        export_samples([], tmp_path / "none")
    with pytest.raises(FeedbackError, match="collect more"):
        export_samples([sample()], tmp_path / "one")
    assert not list(tmp_path.iterdir())


def test_a_folder_of_something_else_is_left_alone(tmp_path):
    (tmp_path / "train-images-idx3-ubyte").write_bytes(b"years of work")
    with pytest.raises(FeedbackError, match="other files"):
        export_samples([sample() for _ in range(60)], tmp_path)
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"years of work"]


@pytest.mark.parametrize("written", range(4))
def test_an_export_that_is_stopped_leaves_no_images_with_labels_of_others(tmp_path, monkeypatch, written):
    from tenfold import files

    samples = [sample(label=number % 10) for number in range(100)]
    export_samples(samples[:60], tmp_path)
    whole, calls = files.write_bytes, []

    def full(path, content):
        if "idx" in path.name:
            calls.append(path)
            if len(calls) > written:
                raise StorageError("the disk is full")
        return whole(path, content)

    monkeypatch.setattr(files, "write_bytes", full)
    with pytest.raises(StorageError):
        export_samples(samples, tmp_path)
    with pytest.raises(FormatError, match="missing"):
        load_dataset(tmp_path)
    monkeypatch.undo()
    export_samples(samples, tmp_path)
    assert len(load_dataset(tmp_path).train_labels) + len(load_dataset(tmp_path).test_labels) == 100


def test_an_empty_database_is_named(tmp_path, capsys):
    from tenfold import cli

    with pytest.raises(SystemExit) as stopped:
        cli.main(["feedback", "export", str(tmp_path / "out"), "--database", f"sqlite:///{tmp_path / 'none.db'}"])
    assert stopped.value.code == 1
    assert "none.db holds no feedback yet" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_the_command_exports(tmp_path, tenfold_json):
    url = f"sqlite:///{tmp_path / 'feedback.db'}"
    with FeedbackStore(url) as store:
        for future in [store.add(sample()) for _ in range(50)]:
            future.result()
    document = tenfold_json("feedback", "export", tmp_path / "out", "--database", url)
    assert document["train"] + document["test"] == 50
    assert np.array_equal(load_dataset(Path(document["folder"])).train_labels, np.full(document["train"], 7))
