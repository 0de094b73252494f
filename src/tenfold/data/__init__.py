"""Data sets: loading, validation, download and splits. Heavy imports are deferred until they are needed."""

from tenfold.data.dataset import Dataset
from tenfold.data.splits import stratified_split, writer_split
from tenfold.data.store import DatasetInfo, dataset_info, list_datasets, load_dataset
from tenfold.files import cache_folder

__all__ = [
    "Dataset",
    "DatasetInfo",
    "cache_folder",
    "dataset_info",
    "list_datasets",
    "load_dataset",
    "stratified_split",
    "writer_split",
]
