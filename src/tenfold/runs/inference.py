"""A model.onnx of a run, read and run: NumPy and ONNX Runtime alone."""

from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from tenfold.errors import RunError

_BATCH = 4096


def predict(path: Path, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """images: uint8[N,28,28], 0 paper to 255 ink -> probabilities float32[N,10].

    Raises `RunError` when `path` is missing, cut short, or not a Tenfold model.
    """
    if not path.is_file():
        raise RunError(f"{path} is missing: the run was not finished (tenfold train --resume {path.parent})")
    try:
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        parts = [
            session.run(["probabilities"], {"images": np.ascontiguousarray(images[start : start + _BATCH])})[0]
            for start in range(0, len(images), _BATCH)
        ]
    except Exception as error:  # ONNX Runtime has a class of its own for each fault, and no common one below it.
        raise RunError(f"{path} can't be run: {str(error).splitlines()[0]}") from error
    return np.concatenate(parts) if parts else np.zeros((0, 10), np.float32)
