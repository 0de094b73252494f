"""A million images are read while nobody looks: each must have its row, right or with its error, none lost."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tenfold.bulk import read_all
from tenfold.data import idx
from tenfold.errors import BulkError, UsageError
from tenfold.jobs.pool import in_process_pool
from tests.flow.bulk.image_sources import MAKERS, folder_of, parquet_of, png, rows, write_tar


@pytest.mark.parametrize("kind", MAKERS)
def test_every_source_gives_the_rows_that_the_reader_gives_one_by_one(kind, digits, reader, tmp_path):
    source = MAKERS[kind](digits, tmp_path)
    summary = read_all([source], tmp_path / "out.parquet", open_pool=in_process_pool, probabilities=True, batch=16)
    found = rows(tmp_path / "out.parquet")
    assert len(found) == summary.rows == len(digits)
    assert [row["index"] for row in found] == list(range(len(digits)))
    # As a file is read where it was one, and as an array is where it was that: the second looks twice at 28x28.
    as_file = kind in ("folder", "pattern", "parquet of files", "parquet of a hub") or kind.startswith("tar")
    for row, image in zip(found, digits, strict=True):
        alone = reader.read(png(image) if as_file else image)
        assert (row["digit"], row["confidence"], row["unsure"]) == (alone.digit, alone.confidence, alone.unsure)
        assert np.array_equal(np.float32(row["probabilities"]), alone.probabilities)
        assert row["error"] is None
    keys = [row["key"] for row in found]
    assert keys == ([None] * 60 if keys[0] is None else sorted(keys))
    assert not (tmp_path / "out.parquet.job").exists()


def test_sources_of_all_kinds_lie_in_one_folder(digits, tmp_path):
    source = tmp_path / "in"
    folder_of(digits[:30], source / "b")
    write_tar(source / "c.tar", {"x.cls": b"7", "x.png": png(digits[0]), "._x.png": b"a Mac's"})
    (source / ".hidden.png").write_bytes(b"")
    (source / "notes.txt").write_text("none")
    np.save(source / "a.npy", digits[:5])
    folder_of(digits[:2], source / "d")
    (source / "t-labels-idx1-ubyte").write_bytes(idx.encode(np.zeros(5, np.uint8)))
    summary = read_all([source], tmp_path / "out.parquet", open_pool=in_process_pool)
    found = rows(tmp_path / "out.parquet")
    names = [(Path(row["source"]).name, row["key"], row["index"]) for row in found]
    assert names == [
        *[("a.npy", None, index) for index in range(5)],
        *[("in", f"b/{index // 25}/{index:03d}.png", index) for index in range(30)],
        ("c.tar", "x.png", 0),
        # A folder's places continue after what came between.
        ("in", "d/0/000.png", 30),
        ("in", "d/0/001.png", 31),
    ]
    assert (summary.rows, summary.skipped, summary.errors) == (38, 1, 0)


def test_a_bad_image_is_a_row_with_its_error_wherever_it_lies(digits, tmp_path):
    good = png(digits[0])
    odd = [good, b"no image", good[:80], b"", good]
    folder = tmp_path / "folder"
    folder.mkdir()
    for number, content in enumerate(odd):
        (folder / f"{number}\n.png").write_bytes(content)
    (folder / "gone.png").symlink_to("nowhere")
    tar = write_tar(tmp_path / "a.tar", {f"{number}.png": content for number, content in enumerate(odd)})
    encoded = parquet_of(pa.array([*odd, None], pa.binary()), tmp_path / "a.parquet")
    lists = [digits[0].tolist(), None, [[1, 2], [3]], digits[0].tolist(), [[300] * 28] * 28]
    pixels = parquet_of(pa.array(lists), tmp_path / "b.parquet")
    summary = read_all([folder, tar, encoded, pixels], tmp_path / "out.parquet", open_pool=in_process_pool)
    found = rows(tmp_path / "out.parquet")
    bad = [False, True, True, True, False]
    assert [row["error"] is not None for row in found] == [*bad, *bad, *bad, True, False, True, True, False, True]
    for row in found:
        assert (row["digit"] is None) == (row["confidence"] is None) == (row["error"] is not None)
        assert "\n" not in (row["error"] or "")
    assert found[0]["key"] == "0\n.png"
    assert (summary.errors, summary.broken) == (13, 0)


def test_the_output_is_the_same_to_the_last_byte_whoever_reads(digits, tmp_path):
    folder = folder_of(digits, tmp_path / "folder")
    made = {}
    for name, options in {
        "here": {"open_pool": in_process_pool},
        "1": {"workers": 1},
        "2": {"workers": 2, "batch": 7},
    }.items():
        read_all([folder, *[folder] * 3], tmp_path / f"{name}.parquet", **options)
        made[name] = (tmp_path / f"{name}.parquet").read_bytes()
    assert made["here"] == made["1"] == made["2"]


def test_a_folder_of_several_files_is_written_where_the_name_has_no_ending(digits, tmp_path, monkeypatch):
    monkeypatch.setattr("tenfold.bulk.bulk_output.FILE_ROWS", 100)
    monkeypatch.setattr("tenfold.bulk.bulk_output._GROUP", 50)
    folder = folder_of(digits, tmp_path / "folder")
    out = tmp_path / "set"
    summary = read_all([folder] * 4, out, open_pool=in_process_pool)
    assert summary.rows == 240
    assert sorted(path.name for path in out.iterdir()) == [f"part-{number:05d}.parquet" for number in range(2)]
    assert pq.read_table(out).num_rows == 240
    with pytest.raises(BulkError, match="--overwrite"):
        read_all([folder], out, open_pool=in_process_pool)
    assert read_all([folder], out, open_pool=in_process_pool, overwrite=True).rows == 60
    assert pq.read_table(out).num_rows == 60


@pytest.mark.parametrize("kind", ["folder", "tar", "tar.gz", "parquet of files", "npy"])
def test_numbers_of_every_source_are_those_that_the_reader_reads_one_by_one(kind, numbers, reader, tmp_path):
    source = MAKERS[kind](numbers, tmp_path)
    summary = read_all([source], tmp_path / "out.parquet", open_pool=in_process_pool, number=True)
    table = pq.read_table(tmp_path / "out.parquet")
    assert table.column_names == ["source", "key", "index", "text", "written", "confidence", "unsure", "error"]
    alone = [reader.read_number(image) for image in numbers]
    for row, number in zip(table.to_pylist(), alone, strict=True):
        assert (row["text"], row["written"], row["unsure"]) == (number.text, number.written, number.unsure)
        assert row["confidence"] == np.float32(number.confidence)
        assert row["error"] is None
    assert sum(len(number.text) == 3 for number in alone) > 30
    assert (summary.rows, summary.unsure) == (40, sum(number.unsure for number in alone))


def test_a_stopped_job_of_numbers_is_resumed_as_one_of_numbers(numbers, tmp_path):
    folder, out = folder_of(numbers, tmp_path / "folder"), tmp_path / "out.parquet"
    (folder / "0" / "005.png").write_bytes(b"no image")

    def interrupt(progress):
        if progress.inputs >= 32:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        read_all([folder], out, open_pool=in_process_pool, number=True, on_progress=interrupt)
    with pytest.raises(UsageError, match="columns"):
        read_all([folder], out, open_pool=in_process_pool, resume=True)
    summary = read_all([folder], out, open_pool=in_process_pool, number=True, resume=True)
    assert (summary.rows, summary.already_read, summary.errors) == (40, 32, 1)
    read_all([folder], tmp_path / "whole.parquet", workers=2, number=True)
    assert out.read_bytes() == (tmp_path / "whole.parquet").read_bytes()
    assert [row["index"] for row in rows(out) if row["error"]] == [5]


@pytest.mark.parametrize("kind", ["idx", "npy", "npy of 784", "parquet of 784", "parquet of tensors"])
def test_numbers_are_not_looked_for_in_arrays_of_digits(kind, digits, tmp_path):
    source = MAKERS[kind](digits, tmp_path)
    if kind.startswith("parquet"):  # Whose pixels are seen when they are read.
        summary = read_all([source], tmp_path / "out.parquet", open_pool=in_process_pool, number=True)
        found = rows(tmp_path / "out.parquet")
        assert (summary.rows, summary.broken) == (len(found), len(found))
        assert all("one digit each: leave out --number" in row["error"] for row in found)
        return
    with pytest.raises(UsageError, match="one digit each: leave out --number"):
        read_all([source], tmp_path / "out.parquet", open_pool=in_process_pool, number=True)
    assert not list(tmp_path.glob("out*"))


def test_probabilities_are_not_those_of_numbers(digits, tmp_path):
    with pytest.raises(UsageError, match="--probabilities"):
        read_all([folder_of(digits[:2], tmp_path / "f")], tmp_path / "o.parquet", number=True, probabilities=True)
