"""Who wrote which image, from a file of the user's."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tenfold.data.dataset import Writers, describe
from tenfold.errors import FormatError


def load_writers(path: Path) -> Writers:
    """Reads integers[N], the writer of each training image, from an .npy or .npz file.

    An .npz may hold several arrays; `train_writer`, `writers` or the only one is taken. Raises `FormatError` when the
    file is missing or damaged, or holds something else.
    """
    try:
        # Opened here: NumPy leaves a file open that it fails to read.
        with path.open("rb") as file:
            writers = _only_array(np.load(file, allow_pickle=False), path)
    except FormatError:
        raise
    except FileNotFoundError as error:
        raise FormatError(f"{path}: no such file") from error
    except Exception as error:  # zipfile, zlib and NumPy's header parser raise whatever they stumble on.
        raise FormatError(f"{path} is not an .npy or .npz file of integers: {error}") from error
    if writers.ndim != 1 or not np.issubdtype(writers.dtype, np.integer):
        raise FormatError(f"{path}: writers are integers[N], not {describe(writers)}")
    return writers


def _only_array(loaded: Any, path: Path) -> NDArray[Any]:
    if isinstance(loaded, np.ndarray):
        return loaded
    names = [name for name in ("train_writer", "train_writers", "writers") if name in loaded.files]
    names = names or (loaded.files if len(loaded.files) == 1 else [])
    if not names:
        raise FormatError(f"{path} holds {', '.join(loaded.files) or 'nothing'}; name the array 'writers'")
    return np.asarray(loaded[names[0]])
