"""Export a run's model: ONNX, ONNX with int8 weights, the web app's format, or C."""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from tenfold.data.dataset import DIGITS
from tenfold.errors import ExportError, UsageError, check_kind, nearest
from tenfold.exporters.c import run_c, write_c
from tenfold.exporters.from_torch import inference_layers
from tenfold.exporters.inference_graph import Array, InferenceLayer, dequantized, evaluate_layers, softmax
from tenfold.exporters.onnx import TOLERANCE, export_onnx
from tenfold.exporters.onnx_graph import write_onnx
from tenfold.exporters.web import read_web, write_web
from tenfold.reading.model_file import ModelFile
from tenfold.reading.symbols import first_names
from tenfold.runs.run import Run
from tenfold.training.trainer import predict_logits

FORMATS = {"onnx": ".onnx", "onnx-int8": ".onnx", "web": ".10fd", "c": ".h"}
# The share of the parity images whose digit quantized weights may change.
CHANGED = 0.005

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ExportResult:
    """path, size_bytes: of the file. difference: the largest difference of a probability from the run's model.
    changed: how many of `images` real digits get another prediction."""

    path: Path
    size_bytes: int
    difference: float
    changed: int
    images: int


def export(run: Run, to: str = "onnx", out: str | Path | None = None) -> ExportResult:
    """Writes a run's model in a format, one of onnx, onnx-int8, web and c, to `out` or into the run's folder.

    A calibrated run gives calibrated probabilities, and its file stores the confidence below which to abstain. Raises
    `UsageError` for another format, and `ExportError` for a model that the format can't express, or a file that
    disagrees with the run's model on 512 real digits.
    """
    check_kind(run, Run, "Run.load")
    if to not in FORMATS:
        raise UsageError(f"--to {to}{nearest(to, FORMATS)}")
    if to == "web" and run.class_names != DIGITS:
        raise UsageError(f"{run.name} classifies {first_names(run.class_names)}: the web app reads digits")
    path = Path(out) if out else run.file(f"model{'-int8' if to == 'onnx-int8' else ''}{FORMATS[to]}")
    images = run._parity_images
    return export_model(run, to, path, images, int(CHANGED * len(images)))


def export_model(run: Run, to: str, path: Path, images: NDArray[np.uint8], changes: int) -> ExportResult:
    """`export` to `path`, of any classes, compared on other images; rounded weights may change `changes` predictions.

    Raises `ExportError` as it does.
    """
    model = run.model()
    temperature, settings = run.temperature, run._file_settings()
    expected = softmax(predict_logits(model, torch.from_numpy(np.array(images))).numpy() / temperature)
    if to == "onnx":
        export_onnx(model, path, images, temperature, settings)
        found = ModelFile(path).probabilities(images)
    else:
        layers, bits = inference_layers(model, temperature), run.recipe.model.weight_bits or 8
        found = _write(to, layers, path, settings, (bits, 8 if bits < 8 else 16), images)
        if to == "c" and bits < 8 and (found.argmax(1) != expected.argmax(1)).sum() > changes:
            # Scales of 8 bits are too coarse for a network that is hardly trained.
            found = _write(to, layers, path, settings, (bits, 16), images)
    changed = int((found.argmax(1) != expected.argmax(1)).sum())
    if changed > changes:
        path.unlink()
        raise ExportError(f"rounded weights change {changed} of {len(images)} predictions: export it with --to onnx")
    return ExportResult(path, path.stat().st_size, float(np.abs(found - expected).max()), changed, len(images))


def _write(
    to: str,
    layers: list[InferenceLayer],
    path: Path,
    settings: dict[str, Any],
    precision: tuple[int, int],
    images: NDArray[np.uint8],
) -> Array:
    """Writes a file with quantized weights, and returns its probabilities of images, which are those of its weights.

    precision: bits of a weight, and in a C header of a scale or bias.
    """
    bits, _ = precision
    found: Array | None
    if to == "onnx-int8":
        write_onnx(layers, path, settings, bits)
        found = ModelFile(path).probabilities(images)
    elif to == "web":
        write_web(layers, path, settings, f"int{bits}")
        found = softmax(evaluate_layers(read_web(path)[0], images))
    else:
        rounded = write_c(layers, path, settings, precision)
        found = run_c(path, images)
    if to != "c":
        rounded = [dequantized(layer, bits) for layer in layers]
    own = softmax(evaluate_layers(rounded, images))
    if found is None:
        _log.warning("%s was not compiled and compared: there is no C compiler", path)
        return own
    apart = float(np.abs(found - own).max())
    if not apart <= TOLERANCE:
        path.unlink()
        raise ExportError(f"{path.name} differs from its own weights by {apart:.2g}; {TOLERANCE:g} is allowed")
    return found
