"""Models as ONNX files: pixels in, probabilities out. NumPy and ONNX Runtime alone."""

import json
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from tenfold.errors import ModelError
from tenfold.machine import usable_cores
from tenfold.onnx_runtime import onnxruntime
from tenfold.reading.symbols import DIGITS

# Images a call: small enough for what layers hand on to stay in a core's cache.
BATCH = 256
# Where a model file says what its probabilities are worth: JSON, among the ONNX metadata.
METADATA = "tenfold"
# Of the strips that a line network reads, in pixels: their height, and what their width is a multiple of.
STRIP_STEP = 16


class _OnnxFile:
    """An opened model. Safe to share between threads, and pickled with its content.

    content: the file's. settings: what the file says of itself, such as `unsure_below`, and `class_names` where the
    classes are not the digits; empty for one that says nothing.
    """

    # The output that a subclass reads.
    _output: ClassVar[str]

    def __init__(self, model: str | Path | bytes, threads: int | None = None) -> None:
        """model: a file's path or content. threads: how many work on one call of many images; all cores, unless said.

        Raises `ModelError` when the file is missing, cut short, or takes and gives other than a Tenfold model.
        """
        self._name = "the model" if isinstance(model, bytes) else str(model)
        self._wanted = threads
        self._threads = threads or len(usable_cores())
        try:
            self.content = model if isinstance(model, bytes) else Path(model).read_bytes()
        except OSError as error:
            reason = (error.strerror or str(error)).lower().replace(" or directory", "")
            raise ModelError(
                f"{self._name}: {reason}; a model is an .onnx file that tenfold export has written"
            ) from error
        options = onnxruntime.SessionOptions()
        # One thread a call: a pool that spins costs more than it gains on nets this small. Many images are spread
        # over calls instead.
        options.intra_op_num_threads = 1
        options.log_severity_level = 4
        # Int8 weights become floats once, here, and not in each call: 2.4 times as fast, and the same to the last bit.
        options.add_session_config_entry("session.disable_quant_qdq", "1")
        try:
            self._session = onnxruntime.InferenceSession(self.content, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # ONNX Runtime has a class of its own for each fault, and no common one below it.
            fault = re.sub(r"\[ONNXRuntimeError\] : \d+ : \w+ : ", "", str(error).splitlines()[0])
            raise ModelError(f"{self._name} is not an ONNX model, or is damaged: {fault}") from error
        inputs = [(i.name, i.type) for i in self._session.get_inputs()]
        outputs = [output.name for output in self._session.get_outputs()]
        if inputs != [("images", "tensor(uint8)")] or self._output not in outputs:
            raise ModelError(
                f"{self._name} is ONNX, but not a Tenfold model that gives {self._output}: it takes {inputs} and gives "
                f"{', '.join(outputs)}"
            )
        self.settings = self._read_settings()

    def __reduce__(self) -> tuple[type[Self], tuple[bytes, int | None]]:
        return type(self), (self.content, self._wanted)

    def _run(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        try:
            rows: NDArray[np.float32] = self._session.run([self._output], {"images": np.ascontiguousarray(images)})[0]
        except Exception as error:
            raise ModelError(f"{self._name} can't be run: {str(error).splitlines()[0]}") from error
        return rows

    def _read_settings(self) -> dict[str, Any]:
        text = self._session.get_modelmeta().custom_metadata_map.get(METADATA, "{}")
        try:
            settings = json.loads(text)
        except ValueError as error:
            raise ModelError(f"{self._name}: its metadata is not JSON: {error}") from error
        if not isinstance(settings, dict):
            raise ModelError(f"{self._name}: its metadata is no JSON object")
        return settings


class ModelFile(_OnnxFile):
    """A model that classifies images of 28x28 pixels. classes: into how many classes."""

    _output = "probabilities"

    @property
    def classes(self) -> int:
        shape = next(output.shape for output in self._session.get_outputs() if output.name == self._output)
        return shape[-1] if isinstance(shape[-1], int) else len(DIGITS)

    def probabilities(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """images: uint8[N,28,28], 0 paper to 255 ink -> float32[N,C] of C classes, rows that sum to 1."""
        if len(images) <= BATCH:
            return self._run(images) if len(images) else np.zeros((0, self.classes), np.float32)
        parts = [images[start : start + BATCH] for start in range(0, len(images), BATCH)]
        if self._threads == 1:
            return np.concatenate([self._run(part) for part in parts])
        with ThreadPoolExecutor(self._threads) as pool:
            return np.concatenate(list(pool.map(self._run, parts)))


class LineModelFile(_OnnxFile):
    """A model that reads lines of digits and marks. One thread works on a call."""

    _output = "log_probabilities"

    def log_probabilities(self, strips: Sequence[NDArray[np.uint8]]) -> list[NDArray[np.float32]]:
        """The symbols' log probabilities in each column of two pixels, blank last: `tenfold.reading.symbols`.

        strips: each uint8[32,W], 0 paper to 255 ink, with a W of its own -> float32[W/2 rounded up,24]. Raises
        `ModelError` for another height.
        """
        # One at a time: batches are no faster, and would need strips of one width.
        return [self._columns(strip) for strip in strips]

    def _columns(self, strip: NDArray[np.uint8]) -> NDArray[np.float32]:
        height, width = strip.shape
        padded = np.zeros((1, height, max(1, -(-width // STRIP_STEP)) * STRIP_STEP), np.uint8)
        padded[0, :, :width] = strip
        return self._run(padded)[0, : (width + 1) // 2]
