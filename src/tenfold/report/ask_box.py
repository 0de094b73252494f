"""The box "Ask the model" of a run's report: one draws, and the run's network, which is in the file, answers."""

import base64
import hashlib
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from tenfold.errors import ExportError
from tenfold.exporters.web import read_web
from tenfold.runs.export import export_model
from tenfold.runs.run_folder import RunFolder

# Built from web/src/ask.ts.
SCRIPT = Path(__file__).with_name("ask.js")
# Of a web file: with it a report grows by less than 200 kB.
MOST_BYTES = 125_000


@dataclass(frozen=True)
class AskBox:
    """model: a web file in base64, or empty where `lack` says what the box lacks: `script`, `web file` or `space`.

    size_bytes: of the web file. unsure_below: the confidence below which the box is unsure, where the run is
    calibrated. example: uint8[28,28] in base64, shown before anything is drawn.
    """

    model: str = ""
    lack: str = ""
    size_bytes: int = 0
    unsure_below: float | None = None
    example: str = ""
    script: str = ""

    @property
    def script_digest(self) -> str:
        """As a Content-Security-Policy names the script."""
        return _base64(hashlib.sha256(self.script.encode()).digest())


def ask_box(run: RunFolder, images: NDArray[np.uint8]) -> AskBox:
    """The box of a finished run, or what it lacks.

    images: uint8[N,28,28], of which int8 weights may change the answer to one; the first is the example.
    """
    with TemporaryDirectory(prefix="tenfold-") as folder:
        path = Path(folder) / "model.10fd"
        try:
            export_model(run, "web", path, images, changes=1)
        except ExportError:
            return AskBox(lack="web file")
        content, settings = path.read_bytes(), read_web(path)[1]
    if len(content) > MOST_BYTES:
        return AskBox(lack="space", size_bytes=len(content))
    if not SCRIPT.is_file():
        return AskBox(lack="script")
    script = SCRIPT.read_text(encoding="utf-8")
    return AskBox(
        _base64(content), "", len(content), settings.get("unsure_below"), _base64(images[0].tobytes()), script
    )


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()
