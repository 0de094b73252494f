"""If this fails, a file as large as Kaggle's takes minutes."""

import time
from pathlib import Path

import numpy as np

from tenfold.data.csv_file import read_csv
from tests.unit.data.test_csv_file import HEADER, rows


def test_42000_lines_are_read_in_a_few_seconds(digits, tmp_path: Path) -> None:
    images, labels = digits(500)
    block = "\n".join(rows(images, labels)) + "\n"
    (tmp_path / "train.csv").write_text(f"{HEADER}\n{block * 84}")
    started = time.process_time()
    part, _ = read_csv(tmp_path / "train.csv")
    assert time.process_time() - started < 5
    assert len(part.labels) == 42_000
    np.testing.assert_array_equal(part.images[-500:], images)
