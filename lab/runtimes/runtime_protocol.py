"""What every runtime offers, so that one worker holds and times them all."""

from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Images = NDArray[np.uint8]
Answers = NDArray[np.float32]


class Runtime(Protocol):
    """An opened model. Each is one file, written as its own documentation teaches."""

    def __init__(self, file: Path, threads: int) -> None:
        """Opens a model for so many threads, which the process is pinned to as well."""

    def answer(self, images: Images) -> Answers:
        """images: uint8[N,28,28], 0 paper to 255 ink, for any N -> probabilities float32[N,10]."""
