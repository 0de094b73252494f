"""If these fail, a known set can't be found by its name, or its record is incomplete."""

import re

import pytest

from tenfold.data.catalog import CATALOG, find_entry, is_known
from tenfold.errors import UsageError


@pytest.mark.parametrize(
    "name", ["mnist", "MNIST", " Fashion_MNIST ", "fashionmnist", "EMNIST-digits", "qmnist", "KMNIST"]
)
def test_names_are_forgiving(name: str) -> None:
    assert is_known(name)
    find_entry(name)


def test_a_near_miss_is_named() -> None:
    with pytest.raises(UsageError, match="'fasion-mnist'; did you mean 'fashion-mnist'"):
        find_entry("fasion-mnist")


@pytest.mark.parametrize("entry", CATALOG, ids=lambda entry: entry.name)
def test_every_record_is_complete(entry) -> None:
    assert len(entry.class_names) == (26 if entry.name == "emnist-letters" else 10)
    assert entry.license
    assert entry.citation
    assert entry.homepage.startswith("http")
    names = {file.name for file in entry.files}
    assert {*entry.train, *entry.test} <= names or entry.archive in names
    for file in entry.files:
        assert re.fullmatch("md5:[0-9a-f]{32}", file.digest)
        assert len(file.urls) >= 2, "one mirror is no mirror"
        assert len(set(file.urls)) == len(file.urls)
    assert len({file.digest for file in entry.files}) == len(entry.files)


def test_no_digest_stands_for_two_files() -> None:
    files = {file for entry in CATALOG for file in entry.files}
    assert len({file.digest for file in files}) == len(files)


def test_only_mnist_ships_with_the_package() -> None:
    assert [entry.name for entry in CATALOG if entry.embedded] == ["mnist"]
