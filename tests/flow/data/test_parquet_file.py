"""Image sets as the Hugging Face hub stores them."""

import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

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
    assert "1 images without a label were left out" in data.origin


def test_an_arrow_file_of_a_saved_set(real, tmp_path):
    images, labels = real
    path = tmp_path / "data-00000-of-00001.arrow"
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_stream(sink, table(images, labels).schema) as writer:
        writer.write_table(table(images, labels))
    data = read_source(path)
    assert len(data.train_labels) + len(data.test_labels) == 60
    assert "it has no test part" in data.origin


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"picture": [b""], "label": [1]}, "one of image, img, images is expected"),
        ({"image": [b"none"], "label": [1]}, "row 0: .*is not an image"),
        ({"image": ["seven.png"], "label": [1]}, "row 0: image holds no image file"),
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
