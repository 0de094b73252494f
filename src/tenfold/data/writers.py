"""Who wrote which image, from a file of the user's."""

from pathlib import Path

import numpy as np

from tenfold.data.dataset import Writers, describe
from tenfold.errors import FormatError


def load_writers(path: Path) -> Writers:
    """Reads integers[N], the writer of each training image, from an .npy or .npz file.

    An .npz may hold several arrays; `train_writer`, `writers` or the only one is taken. Raises `FormatError` when the
    file is missing or damaged, or holds something else.
    """
    try:
        loaded = np.load(path, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            writers = loaded
        else:
            with loaded:
                names = [name for name in ("train_writer", "train_writers", "writers") if name in loaded.files]
                names = names or (loaded.files if len(loaded.files) == 1 else [])
                if not names:
                    raise FormatError(f"{path} holds {', '.join(loaded.files)}; name the array 'writers'")
                writers = loaded[names[0]]
    except FileNotFoundError as error:
        raise FormatError(f"{path}: no such file") from error
    except (OSError, ValueError, EOFError) as error:
        raise FormatError(f"{path} is not an .npy or .npz file of integers: {error}") from error
    if writers.ndim != 1 or not np.issubdtype(writers.dtype, np.integer):
        raise FormatError(f"{path}: writers are integers[N], not {describe(writers)}")
    return writers
