"""The interface of every runtime."""

from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Images = NDArray[np.uint8]
Answers = NDArray[np.float32]


class Runtime(Protocol):
    """A loaded model. Each runtime is one file, written as its documentation recommends."""

    def __init__(self, file: Path, threads: int) -> None:
        """Loads a model for this number of threads; the process is pinned to as many cores."""

    def answer(self, images: Images) -> Answers:
        """images: uint8[N,28,28], 0 paper to 255 ink, for any N -> probabilities float32[N,10]."""
