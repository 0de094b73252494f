"""Bulk reading: millions of images from any source -> a Parquet file with a row for each. Needs no PyTorch.

from tenfold.bulk import read_all

summary = read_all(["shards/*.tar"], "digits.parquet")
print(summary.rows, summary.errors)
"""

from tenfold.bulk.bulk_read import BulkProgress, BulkSummary, read_all

__all__ = ["BulkProgress", "BulkSummary", "read_all"]
