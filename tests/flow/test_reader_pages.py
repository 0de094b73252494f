"""The numbers on each page of a file are read."""

import pytest

from tests.unit.test_reader_inputs import KINDS_WITH_PAGES, two_pages


@pytest.mark.parametrize("kind", KINDS_WITH_PAGES)
def test_the_numbers_of_several_pages_are_read(reader, kind):
    assert [number.text for number in reader.read_number(two_pages(kind), pages="all")] == ["7", "1"]
