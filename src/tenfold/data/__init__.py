"""Data sets: loaded, checked, fetched and split. Nothing heavy is imported until it is needed."""

from tenfold.data.catalog import CATALOG, Entry, RemoteFile
from tenfold.data.dataset import Dataset
from tenfold.data.splits import stratified_split, writer_split
from tenfold.data.store import DatasetInfo, cache_folder, dataset_info, list_datasets, load_dataset

__all__ = [
    "CATALOG",
    "Dataset",
    "DatasetInfo",
    "Entry",
    "RemoteFile",
    "cache_folder",
    "dataset_info",
    "list_datasets",
    "load_dataset",
    "stratified_split",
    "writer_split",
]
