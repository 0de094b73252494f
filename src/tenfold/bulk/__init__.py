"""Reading images by the million: any source -> one row for each image, in one Parquet file. No PyTorch.

from tenfold.bulk import read_all

summary = read_all(["shards/*.tar"], "digits.parquet")
print(summary.rows, summary.errors)
"""

from tenfold.bulk.job import Progress, Summary, read_all

__all__ = ["Progress", "Summary", "read_all"]
