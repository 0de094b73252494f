"""Data sets: loading, validation, download, splits and preprocessing. Heavy imports are deferred until they are
needed."""

from tenfold.data.dataset import Dataset
from tenfold.data.preprocessing import flatten, one_hot, scale_pixels
from tenfold.data.splits import stratified_split, writer_split
from tenfold.data.store import DatasetInfo, dataset_info, list_datasets, load_dataset
from tenfold.files import cache_folder

__all__ = [
    "Dataset",
    "DatasetInfo",
    "cache_folder",
    "dataset_info",
    "flatten",
    "list_datasets",
    "load_dataset",
    "one_hot",
    "scale_pixels",
    "stratified_split",
    "writer_split",
]
