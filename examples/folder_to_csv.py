"""Read every image of a folder, one digit each, into a CSV file: file, digit, confidence, unsure, error.

Install: pip install tenfold
Run:     python folder_to_csv.py FOLDER digits.csv
For millions of images, or to resume after a stop: tenfold read-all FOLDER --out digits.parquet
"""

import csv
import sys
from pathlib import Path

from tenfold import Reader, TenfoldError

BATCH = 256  # images in memory together

folder, table = sys.argv[1:]
paths = sorted(path for path in Path(folder).rglob("*") if path.is_file())
reader = Reader()
unreadable = 0
with open(table, "w", newline="", encoding="utf-8") as file:
    rows = csv.writer(file)
    rows.writerow(["file", "digit", "confidence", "unsure", "error"])
    for start in range(0, len(paths), BATCH):
        batch = paths[start : start + BATCH]
        # read_each returns the error in place of the reading; read_many raises it.
        for path, reading in zip(batch, reader.read_each(batch), strict=True):
            name = path.relative_to(folder)
            if isinstance(reading, TenfoldError):
                rows.writerow([name, "", "", "", reading])
                unreadable += 1
            else:
                rows.writerow([name, reading.digit, f"{reading.confidence:.4f}", int(reading.unsure), ""])
print(f"{len(paths)} files in {table}, {unreadable} of them unreadable")
