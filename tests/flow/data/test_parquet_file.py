"""Image sets as the Hugging Face hub stores them."""

import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from tenfold.data import parquet_file
from tenfold.data.formats import read_source
from tenfold.errors import FormatError


def png(pixels):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def table(images, labels):
    return pa.table({"image": [{"bytes": png(image), "path": None} for image in images], "label": labels})


@pytest.fixture(scope="module")
def real(mnist):
    return np.array(mnist.test_images[:60]), [int(label) for label in mnist.test_labels[:60]]


def test_shards_of_train_and_test(real, tmp_path):
    images, labels = real
    folder = tmp_path / "data"
    folder.mkdir()
    pq.write_table(table(images[:20], labels[:20]), folder / "train-00000-of-00002.parquet")
    pq.write_table(table(images[20:40], [*labels[20:39], None]), folder / "train-00001-of-00002.parquet")
    pq.write_table(table(images[40:], labels[40:]), folder / "test-00000-of-00001.parquet")
    data = read_source(tmp_path)
    assert np.array_equal(data.train_images, images[:39])
    assert data.train_labels.tolist() == labels[:39]
    assert np.array_equal(data.test_images, images[40:])
    assert "images without a label, left out: 1" in data.origin


def test_an_arrow_file_of_a_saved_set(real, tmp_path):
    images, labels = real
    path = tmp_path / "data-00000-of-00001.arrow"
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_stream(sink, table(images, labels).schema) as writer:
        writer.write_table(table(images, labels))
    data = read_source(path)
    assert len(data.train_labels) + len(data.test_labels) == 60
    assert "it has no test part" in data.origin


def test_what_save_to_disk_writes(real, tmp_path):
    images, labels = real
    (tmp_path / "dataset_dict.json").write_text('{"splits": ["train", "test"]}')
    for name, rows in (("train", slice(40)), ("test", slice(40, 60))):
        (tmp_path / name).mkdir()
        (tmp_path / name / "state.json").write_text("{}")
        part = table(images[rows], labels[rows])
        write = pa.ipc.new_stream if name == "train" else pa.ipc.new_file
        with (
            pa.OSFile(str(tmp_path / name / "data-00000-of-00001.arrow"), "wb") as sink,
            write(sink, part.schema) as out,
        ):
            out.write_table(part)
    (tmp_path / "train" / "cache-2b7f.arrow").write_bytes(
        (tmp_path / "train" / "data-00000-of-00001.arrow").read_bytes()
    )
    data = read_source(tmp_path)
    assert np.array_equal(data.train_images, images[:40])
    assert data.test_labels.tolist() == labels[40:]


def test_more_rows_than_a_set_of_digits_has_are_refused(real, tmp_path, monkeypatch):
    pq.write_table(table(*real), tmp_path / "train.parquet")
    monkeypatch.setattr(parquet_file, "_MOST", 50)
    with pytest.raises(FormatError, match="more than 50 rows"):
        read_source(tmp_path)


def test_half_a_file_is_refused(real, tmp_path):
    for suffix in (".parquet", ".arrow"):
        path = tmp_path / f"train{suffix}"
        pq.write_table(table(*real), path)
        path.write_bytes(path.read_bytes()[:3000])
        with pytest.raises(FormatError, match=rf"train\{suffix} can't be read"):
            read_source(path)


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"picture": [b""], "label": [1]}, "one of image, img, images is expected"),
        ({"image": [b"none"], "label": [1]}, "row 0: .*is not an image"),
        ({"image": ["seven.png"], "label": [1]}, "row 0: it holds no image file"),
        ({"image": [b""], "label": [None]}, "holds no labeled images"),
    ],
)
def test_other_tables_are_refused(columns, said, tmp_path):
    pq.write_table(pa.table(columns), tmp_path / "train.parquet")
    with pytest.raises(FormatError, match=said):
        read_source(tmp_path / "train.parquet")


def test_half_a_file_is_named(real, tmp_path):
    path = tmp_path / "train.parquet"
    pq.write_table(table(*real), path)
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(FormatError, match=r"train\.parquet can't be read"):
        read_source(path)
