"""Read and write the inference graph as a web file: a JSON header, and weights of 2 to 8 bits or as float16.

    bytes 0-3    "10FD"
    bytes 4-7    length of the header, uint32, little-endian
    header       JSON, UTF-8, padded with spaces so that the weights start at a multiple of 4
    weights      one array after another, each starting at a multiple of 4

The header holds `format` (1), `settings`, and `layers`: each a `kind`, its options, and where its `weight`, `scale`
(of quantized weights) and `bias` are: `{"offset", "shape", "type"}`, offset from the start of the weights. The type is
float32, float16, or int2 to int8, packed as `tenfold.exporters.inference_graph.pack` does it. An option is a number, or
a pair of numbers for rows and columns.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tenfold import files
from tenfold.errors import ExportError, FormatError
from tenfold.exporters.inference_graph import InferenceLayer, pack, quantize, unpack

MAGIC = b"10FD"
FORMAT = 1
_BITS = {f"int{bits}": bits for bits in range(2, 9)}
WEIGHTS = (*_BITS, "float16")


def write_web(layers: Sequence[InferenceLayer], path: Path, settings: Mapping[str, Any], weights: str = "int8") -> Path:
    """Writes `layers` to `path`. Raises `ExportError` for weights other than int2 to int8 and float16."""
    if weights not in WEIGHTS:
        raise ExportError(f"weights of {weights}: a web file holds {', '.join(WEIGHTS[:-1])} or {WEIGHTS[-1]}")
    content = bytearray()
    offsets: dict[bytes, int] = {}

    def place(values: NDArray[Any], kind: str = "") -> dict[str, Any]:
        kind = kind or values.dtype.name
        little = np.ascontiguousarray(values).astype(values.dtype.newbyteorder("<"))
        data = pack(little, _BITS[kind]) if kind in _BITS else little.tobytes()
        if data not in offsets:  # Layers may share weights.
            content.extend(b"\0" * (-len(content) % 4))
            offsets[data] = len(content)
            content.extend(data)
        return {"offset": offsets[data], "shape": list(values.shape), "type": kind}

    entries = []
    for layer in layers:
        entry: dict[str, Any] = {"kind": layer.kind, **layer.options}
        if layer.weight is not None and layer.kind != "scale" and weights in _BITS:
            whole, scales = quantize(layer.weight, _BITS[weights])
            entry |= {"weight": place(whole, weights), "scale": place(scales)}
        elif layer.weight is not None:
            entry["weight"] = place(layer.weight if layer.kind == "scale" else layer.weight.astype(np.float16))
        if layer.bias is not None:
            entry["bias"] = place(layer.bias)
        entries.append(entry)
    header = json.dumps({"format": FORMAT, "settings": dict(settings), "layers": entries}, sort_keys=True).encode()
    header += b" " * (-len(header) % 4)
    return files.write_bytes(path, MAGIC + len(header).to_bytes(4, "little") + header + bytes(content))


def read_web(path: Path) -> tuple[list[InferenceLayer], dict[str, Any]]:
    """Returns a web file's layers, weights as float32, and its settings. Raises `FormatError` for other files."""
    content = path.read_bytes()
    if content[:4] != MAGIC:
        raise FormatError(f"{path} is not a web model: it starts with {content[:4]!r}, not {MAGIC!r}")
    start = 8 + int.from_bytes(content[4:8], "little")
    try:
        header = json.loads(content[8:start])
        if header["format"] != FORMAT:
            raise FormatError(f"{path} has format {header['format']}; this version of Tenfold reads {FORMAT}")
        layers = [_layer(entry, content[start:]) for entry in header["layers"]]
    except (KeyError, ValueError, TypeError) as error:
        raise FormatError(f"{path} is damaged: {error}") from error
    return layers, header["settings"]


def _layer(entry: dict[str, Any], content: bytes) -> InferenceLayer:
    arrays = {name: _array(entry.pop(name), content) for name in ("weight", "scale", "bias") if name in entry}
    weight = arrays.get("weight")
    if weight is not None and "scale" in arrays:
        weight = weight * arrays["scale"].reshape(-1, *[1] * (weight.ndim - 1))
    return InferenceLayer(entry.pop("kind"), entry, weight, arrays.get("bias"))


def _array(place: Mapping[str, Any], content: bytes) -> NDArray[np.float32]:
    shape, start = place["shape"], place["offset"]
    count = int(np.prod(shape))
    values: NDArray[Any]
    if place["type"] in _BITS:
        bits = _BITS[place["type"]]
        # Which raises for a file that was cut short; unpacking would continue with zeros.
        packed = np.frombuffer(content, np.uint8, -(-count * bits // 8), start)
        values = unpack(packed.tobytes(), count, bits)
    else:
        values = np.frombuffer(content, np.dtype(place["type"]).newbyteorder("<"), count, start)
    return values.reshape(shape).astype(np.float32)
