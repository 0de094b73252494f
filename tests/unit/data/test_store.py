"""If these fail, loading is slow, needs a network it should not need, or breaks on a damaged or read-only cache."""

import dataclasses
import errno
import hashlib
import os
import shutil
import time
from pathlib import Path

import numpy as np
import pytest

from tenfold.data import Dataset, cache_folder, catalog, dataset_info, list_datasets, load_dataset, store
from tenfold.data.catalog import CatalogEntry, find_entry
from tenfold.data.idx import encode
from tenfold.errors import DataError, UsageError

MNIST_COUNTS = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]


class TestEmbedded:
    def test_mnist_is_mnist(self, mnist_cache: Path, monkeypatch) -> None:
        monkeypatch.setenv("TENFOLD_CACHE", str(mnist_cache))
        dataset = load_dataset("MNIST")
        assert dataset.name == "mnist"
        assert dataset.train_images.shape == (60_000, 28, 28)
        assert dataset.test_images.shape == (10_000, 28, 28)
        assert np.bincount(dataset.train_labels).tolist() == MNIST_COUNTS
        assert dataset.train_labels[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
        assert (
            hashlib.sha256(encode(np.asarray(dataset.test_images))).hexdigest()
            == find_entry("mnist").unpacked_sha256["t10k-images-idx3-ubyte"]
        )

    def test_a_cached_load_takes_less_than_50_ms(self, mnist_cache: Path, monkeypatch) -> None:
        monkeypatch.setenv("TENFOLD_CACHE", str(mnist_cache))
        times = []
        for _ in range(5):
            started = time.perf_counter()
            dataset = load_dataset("mnist")
            times.append(time.perf_counter() - started)
        assert min(times) < 0.05
        assert isinstance(dataset.train_images.base, np.memmap)
        assert not dataset.train_images.flags.writeable

    @pytest.mark.parametrize("name", ["train-images", "test-labels"])
    @pytest.mark.parametrize(
        "damage",
        [
            lambda content: content[:-1],
            lambda content: content[:60],
            lambda content: b"",
            lambda content: content + b"x",
            lambda content: b"\x93NUMPY\x01\x00\x76\x00(((" + content[13:],
            lambda content: content.replace(b"'|u1'", b"'|O' "),
            lambda content: content.replace(b"(20,", b"(19,"),
            lambda content: content.replace(b"|u1", b"|i1"),
            lambda content: content[:128] + b"\xff" * (len(content) - 128) if len(content) < 200 else b"",
        ],
    )
    def test_a_damaged_file_is_rebuilt_silently(self, cache: Path, name: str, damage, monkeypatch, capfd) -> None:
        small_mnist(monkeypatch)
        load_dataset("mnist")
        sound = {path: path.read_bytes() for path in cache.glob("arrays/*/*.npy")}
        assert len(sound) == 4
        path = next(path for path in sound if path.stem == name)
        path.write_bytes(damage(sound[path]))
        assert path.read_bytes() != sound[path]
        dataset = load_dataset("mnist")
        assert np.bincount(dataset.test_labels).tolist() == [2] * 10
        assert isinstance(dataset.train_images.base, np.memmap)
        assert {path: path.read_bytes() for path in cache.glob("arrays/*/*.npy")} == sound
        assert capfd.readouterr() == ("", "")

    @pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES])
    def test_a_cache_that_can_not_be_written_does_not_stop_loading(self, cache: Path, number: int, monkeypatch) -> None:
        def refuse(*args, **options):
            raise OSError(number, os.strerror(number))

        small_mnist(monkeypatch)
        monkeypatch.setattr(Path, "touch", refuse)
        assert len(load_dataset("mnist").train_labels) == 20

    def test_a_cache_path_that_is_a_file_does_not_stop_loading(self, cache: Path, monkeypatch) -> None:
        small_mnist(monkeypatch)
        cache.write_text("in the way")
        assert len(load_dataset("mnist").train_labels) == 20

    def test_a_disk_that_fills_up_leaves_no_half_file(self, cache: Path, monkeypatch) -> None:
        def fill_up(path, array) -> None:
            Path(path).write_bytes(b"half")
            raise OSError(errno.ENOSPC, "No space left on device")

        small_mnist(monkeypatch)
        monkeypatch.setattr(np, "save", fill_up)
        assert len(load_dataset("mnist").train_labels) == 20
        assert [path for path in cache.rglob("*") if path.is_file()] == []

    def test_a_damaged_package_is_said_to_be_damaged(self, cache: Path, tmp_path: Path, monkeypatch) -> None:
        folder = tmp_path / "package" / "mnist"
        shutil.copytree(Path(store.__file__).parent / "mnist", folder)
        monkeypatch.setattr(store, "_EMBEDDED", folder.parent)
        (folder / "train-labels-idx1-ubyte.xz").write_bytes(b"\xfd7zXZ\x00 damaged")
        shutil.copy(folder / "t10k-images-idx3-ubyte.xz", folder / "train-images-idx3-ubyte.xz")
        with pytest.raises(DataError, match="does not have its published SHA-256: the package is damaged"):
            load_dataset("mnist")
        (folder / "train-images-idx3-ubyte.xz").unlink()
        with pytest.raises(DataError, match="the package is damaged; install it again"):
            load_dataset("mnist")


FIELDS = ("train-images", "train-labels", "test-images", "test-labels")


def dataset_of(entry: CatalogEntry, arrays, origin: str):
    return Dataset(
        name=entry.name, class_names=entry.class_names, origin=origin,
        **{field.replace("-", "_"): array for field, array in arrays.items()},
    )  # fmt: skip


def small_mnist(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes the package unpack quickly, to 20 images a part."""
    use(monkeypatch, dataclasses.replace(find_entry("mnist"), train_count=20, test_count=20))
    labels = (np.arange(20) % 10).astype(np.uint8)
    images = np.zeros((20, 28, 28), np.uint8)
    arrays = dict(zip(FIELDS, (images, labels, images, labels), strict=True))
    monkeypatch.setattr(store, "_from_package", lambda entry, origin: dataset_of(entry, arrays, origin))


def use(monkeypatch: pytest.MonkeyPatch, entry: CatalogEntry) -> None:
    monkeypatch.setattr(catalog, "CATALOG", (entry,))
    monkeypatch.setattr(store, "CATALOG", (entry,))


class TestNamesAndInfo:
    def test_an_unknown_name_gets_the_nearest(self) -> None:
        with pytest.raises(UsageError, match="'mnits'; did you mean 'mnist'"):
            load_dataset("mnits")
        with pytest.raises(UsageError, match="known: emnist-digits"):
            load_dataset("zzz")
        with pytest.raises(UsageError, match="did you mean 'qmnist'"):
            dataset_info("qmnst")

    @pytest.mark.parametrize(
        "path", ["no/such/folder", "nothing.csv", Path("nothing"), "~nobody-here/x", "a\0b/c", "x" * 5000 + "/y"]
    )
    def test_a_path_with_nothing_there_is_named(self, path) -> None:
        with pytest.raises(DataError, match="no file or folder") as caught:
            load_dataset(path)
        assert not isinstance(caught.value, UsageError)

    def test_no_name_is_not_the_current_folder(self) -> None:
        with pytest.raises(UsageError):
            load_dataset("")

    def test_every_set_is_listed_without_loading_it(self, cache: Path) -> None:
        infos = list_datasets()
        names = ["mnist", "fashion-mnist", "kmnist", "emnist-digits", "emnist-letters", "qmnist"]
        assert [info.name for info in infos] == names
        assert {info.name: info.location for info in infos} == {
            "mnist": "embedded", "fashion-mnist": "not fetched", "kmnist": "not fetched",
            "emnist-digits": "not fetched", "emnist-letters": "not fetched", "qmnist": "not fetched",
        }  # fmt: skip
        mnist = dataset_info("Mnist")
        assert (mnist.train_count, mnist.test_count, mnist.image_shape) == (60_000, 10_000, (28, 28))
        assert mnist.license == "CC BY-SA 3.0"
        assert dataset_info("qmnist").fetch_bytes is None
        assert not cache.exists()

    def test_the_cache_is_where_the_variable_says_else_the_users(self, monkeypatch, tmp_path: Path) -> None:
        monkeypatch.setenv("TENFOLD_CACHE", str(tmp_path))
        assert cache_folder() == tmp_path
        monkeypatch.delenv("TENFOLD_CACHE")
        assert cache_folder().name == "tenfold"
        monkeypatch.setenv("TENFOLD_CACHE", "~/digits")
        assert cache_folder() == Path.home() / "digits"
