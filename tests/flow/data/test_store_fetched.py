"""If these fail, a set that has to be fetched is fetched again and again, comes out sideways, or loses its writers."""

import gzip
import hashlib
import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from tenfold.data import catalog, dataset_info, load_dataset, store
from tenfold.data.catalog import CatalogEntry, RemoteFile
from tenfold.data.idx import encode
from tenfold.errors import DownloadError, FormatError, StorageError


def served_entry(mirror, name: str, files: dict[str, bytes], **changes) -> CatalogEntry:
    mirror.files.update(files)
    remote = tuple(
        RemoteFile(
            name=file,
            urls=(f"{mirror.url}/good/{file}",),
            digest=f"md5:{hashlib.md5(content).hexdigest()}",
            size_bytes=len(content),
        )
        for file, content in files.items()
    )
    fields = {
        "name": name, "title": "A set", "files": remote, "train": tuple(files)[:2], "test": tuple(files)[2:],
        "train_count": 20, "test_count": 10, "class_names": tuple("abcdefghij"), "license": "", "citation": "",
        "homepage": "http://example.org",
    }  # fmt: skip
    return CatalogEntry(**{**fields, **changes})


def standard_files(digits) -> dict[str, bytes]:
    images, labels = digits(30)
    return {
        "train-images.gz": gzip.compress(encode(images[:20])),
        "train-labels.gz": gzip.compress(encode(labels[:20])),
        "t10k-images.gz": gzip.compress(encode(images[20:])),
        "t10k-labels.gz": gzip.compress(encode(labels[20:])),
    }


def use(monkeypatch: pytest.MonkeyPatch, entry: CatalogEntry) -> None:
    monkeypatch.setattr(catalog, "CATALOG", (entry,))
    monkeypatch.setattr(store, "CATALOG", (entry,))


def test_a_set_is_fetched_once_and_then_mapped(digits, mirror, cache: Path, monkeypatch) -> None:
    use(monkeypatch, served_entry(mirror, "some-set", standard_files(digits)))
    assert dataset_info("some-set").location == "not fetched"
    assert dataset_info("some-set").fetch_bytes == sum(map(len, mirror.files.values()))
    calls = []
    dataset = load_dataset("Some_Set", on_progress=lambda *call: calls.append(call[0]))
    np.testing.assert_array_equal(dataset.train_images, digits(30)[0][:20])
    assert dataset.class_names == tuple("abcdefghij")
    assert set(calls) == set(mirror.files)
    assert dataset_info("some-set").location == "cached"
    assert dataset_info("some-set").fetch_bytes == 0
    mirror.requests.clear()
    again = load_dataset("some-set")
    assert mirror.requests == []
    assert again.origin == dataset.origin == "A set, fetched (http://example.org)"
    np.testing.assert_array_equal(again.test_images, dataset.test_images)


def test_damaged_arrays_are_made_again_without_fetching(digits, mirror, cache: Path, monkeypatch) -> None:
    use(monkeypatch, served_entry(mirror, "some-set", standard_files(digits)))
    load_dataset("some-set")
    next(cache.glob("arrays/some-set-*/train-images.npy")).write_bytes(b"")
    mirror.requests.clear()
    np.testing.assert_array_equal(load_dataset("some-set").train_images, digits(30)[0][:20])
    assert mirror.requests == []


def test_qmnists_writers_are_kept(digits, mirror, cache: Path, monkeypatch) -> None:
    images, labels = digits(30)
    extended = np.zeros((30, 8), np.int32)
    extended[:, 0], extended[:, 2] = labels, np.arange(30) + 2100
    files = {
        "train-images.gz": gzip.compress(encode(images[:20])),
        "train-labels.gz": gzip.compress(encode(extended[:20])),
        "test-images.gz": gzip.compress(encode(images[20:])),
        "test-labels.gz": gzip.compress(encode(extended[20:])),
    }
    use(monkeypatch, served_entry(mirror, "some-set", files))
    for _ in ("fetched", "cached"):
        dataset = load_dataset("some-set")
        np.testing.assert_array_equal(dataset.train_writers, np.arange(20) + 2100)
        np.testing.assert_array_equal(dataset.test_writers, np.arange(20, 30) + 2100)
        np.testing.assert_array_equal(dataset.train_labels, labels[:20])


@pytest.mark.parametrize(("first_label", "names"), [(0, "0123456789"), (1, "ABCDEFGHIJKLMNOPQRSTUVWXYZ")])
def test_emnists_images_come_out_of_their_zip_upright(
    digits, mirror, cache: Path, monkeypatch, first_label, names
) -> None:
    images, labels = digits(30)
    labels += first_label
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, array in (
            ("gzip/train-images.gz", images[:20].transpose(0, 2, 1)),
            ("gzip/train-labels.gz", labels[:20]),
            ("gzip/test-images.gz", images[20:].transpose(0, 2, 1)),
            ("gzip/test-labels.gz", labels[20:]),
        ):
            archive.writestr(name, gzip.compress(encode(np.ascontiguousarray(array))))
    entry = served_entry(
        mirror, "some-set", {"all.zip": packed.getvalue()}, archive="all.zip", transposed=True,
        train=("gzip/train-images.gz", "gzip/train-labels.gz"), test=("gzip/test-images.gz", "gzip/test-labels.gz"),
        first_label=first_label, class_names=tuple(names),
    )  # fmt: skip
    use(monkeypatch, entry)
    for _ in ("fetched", "cached"):
        data = load_dataset("some-set")
        np.testing.assert_array_equal(data.train_images, images[:20])
        np.testing.assert_array_equal(data.train_labels, labels[:20] - first_label)
        assert data.class_names == tuple(names)


def test_a_zip_without_the_files_is_named(mirror, cache: Path, monkeypatch) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("other", b"")
    files = {"all.zip": packed.getvalue()}
    use(monkeypatch, served_entry(mirror, "some-set", files, archive="all.zip", train=("a", "b"), test=("c", "d")))
    with pytest.raises(FormatError, match=r"all\.zip is not the expected zip"):
        load_dataset("some-set")


def test_another_count_than_published_is_named(digits, mirror, cache: Path, monkeypatch) -> None:
    use(monkeypatch, served_entry(mirror, "some-set", standard_files(digits), train_count=21))
    with pytest.raises(FormatError, match="20 images, 21 expected"):
        load_dataset("some-set")


def test_a_failed_download_leaves_nothing_that_looks_loaded(digits, mirror, cache: Path, monkeypatch) -> None:
    entry = served_entry(mirror, "some-set", standard_files(digits))
    mirror.files["t10k-labels.gz"] = b"something else"
    use(monkeypatch, entry)
    with pytest.raises(DownloadError, match=r"t10k-labels\.gz"):
        load_dataset("some-set")
    assert dataset_info("some-set").location == "not fetched"


def test_nowhere_to_put_a_download_is_a_storage_error(digits, mirror, cache: Path, monkeypatch) -> None:
    use(monkeypatch, served_entry(mirror, "some-set", standard_files(digits)))
    cache.write_text("in the way")
    with pytest.raises(StorageError, match="cannot write"):
        load_dataset("some-set")


def test_a_hand_placed_file_is_used(digits, mirror, cache: Path, monkeypatch) -> None:
    files = standard_files(digits)
    use(monkeypatch, served_entry(mirror, "some-set", files))
    folder = cache / "downloads" / "some-set"
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    load_dataset("some-set")
    assert mirror.requests == []
