"""A model as one ONNX file: raw pixels in, logits and probabilities out; nothing is left to get wrong outside."""

import io
import logging
import warnings
from collections.abc import Mapping
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tenfold import files
from tenfold.errors import ExportError
from tenfold.exporters.from_torch import inference_layers
from tenfold.exporters.inference_graph import PARITY_IMAGES as PARITY_IMAGES
from tenfold.exporters.onnx_graph import describe, write_onnx
from tenfold.models.layers import set_memory_format
from tenfold.onnx_runtime import onnxruntime
from tenfold.training.trainer import predict_logits

# Largest difference between torch's and ONNX Runtime's outputs that passes for rounding in float32: of a probability,
# of a logit up to 1, and of a larger logit as a share of it.
TOLERANCE = 1e-4


class _Deployed(nn.Module):
    """images uint8[N,28,28] -> logits float32[N,10], probabilities float32[N,10]."""

    def __init__(self, model: nn.Module, temperature: float) -> None:
        super().__init__()
        self.model = model
        self.temperature = temperature

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        logits = self.model(images.float() * (1 / 255))
        if self.temperature != 1:
            logits = logits / self.temperature
        return logits, logits.softmax(1)


def export_onnx(
    model: nn.Module,
    path: Path,
    images: NDArray[np.uint8],
    temperature: float = 1.0,
    settings: Mapping[str, Any] | None = None,
) -> float:
    """Writes `model` to `path`, proven on `images` (uint8[N,28,28], real digits) to agree with torch.

    The file's input is `images` uint8[N,28,28], 0 paper to 255 ink, for any N; its outputs are `logits` and
    `probabilities`, float32[N,10]. temperature: what logits are divided by. settings: what the file says of itself:
    `tenfold.reading.model_file.ModelFile.settings`. Returns the largest difference found; raises `ExportError`, leaving
    no file, when that is over 1e-4.
    """
    model = model.cpu().eval()
    set_memory_format(model, torch.contiguous_format)
    differences: list[float] = []

    def write(temporary: Path) -> None:
        try:
            write_onnx(inference_layers(model, temperature), temporary, settings or {})
        except ExportError:  # Ensembles, test-time augmentation, some architectures.
            _export(_Deployed(model, temperature), temporary, settings or {})
        differences.append(_difference(model, temporary, images[:PARITY_IMAGES], temperature))
        if not differences[0] <= TOLERANCE:
            raise ExportError(f"{path.name} differs from the model by {differences[0]:.2g}; {TOLERANCE:g} is allowed")

    files.write_with(path, write)
    return differences[0]


def _export(module: nn.Module, path: Path, settings: Mapping[str, Any]) -> None:
    """Through PyTorch's own exporter, which takes any module, and seconds."""
    example = torch.zeros(2, 28, 28, dtype=torch.uint8)
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "torch.export", "onnxscript")]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        # The exporter narrates on stdout, and warns of packages that nothing here uses.
        with warnings.catch_warnings(), redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            program = torch.onnx.export(
                module,
                (example,),
                input_names=["images"],
                output_names=["logits", "probabilities"],
                dynamic_shapes=({0: torch.export.Dim("n")},),
                dynamo=True,
                verbose=False,
            )
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
    assert program is not None
    describe(program.model_proto, settings)
    onnx.save(program.model_proto, path)


def _difference(model: nn.Module, path: Path, images: NDArray[np.uint8], temperature: float) -> float:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    logits, probabilities = session.run(["logits", "probabilities"], {"images": np.ascontiguousarray(images)})
    expected = predict_logits(model, torch.from_numpy(np.array(images))) / temperature
    pairs = [(logits, expected.numpy()), (probabilities, expected.softmax(1).numpy())]
    # A NaN on either side must not pass for agreement: max() of it is NaN, and no comparison with NaN holds.
    return float(np.max([(np.abs(ours - theirs) / np.maximum(1, np.abs(theirs))).max() for ours, theirs in pairs]))
