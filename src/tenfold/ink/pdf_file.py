"""PDF as a format of Pillow: its pages are frames, drawn by PDFium (pip install pypdfium2)."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from PIL import Image, ImageFile

# Pixels of a page's longer side: of A4, 274 to the inch.
LONGER_SIDE = 3200
# "PDFium is not thread-safe": pypdfium2's documentation.
_LOCK = threading.Lock()


class PdfFile(ImageFile.ImageFile):
    """The pages of a PDF, in color. Raises `ModuleNotFoundError` without pypdfium2, and `PdfiumError` for damage."""

    format = "PDF"
    _frame = 0

    def _open(self) -> None:
        assert self.fp is not None
        self._content = self.fp.read()
        self._mode = "RGB"
        with self._document() as document:
            self.n_frames = len(document)
            self._size = _size(document[0])
        self.is_animated = self.n_frames > 1

    def seek(self, frame: int) -> None:
        self._frame = frame
        with self._document() as document:
            self._size = _size(document[frame])
        self._im = None

    def load(self) -> Any:
        if self._im is None:
            with self._document() as document:
                page = document[self._frame]
                drawn = page.render(scale=LONGER_SIDE / max(page.get_size())).to_pil().convert("RGB")
            self.im, self._size = drawn.im, drawn.size
        return Image.Image.load(self)

    @contextmanager
    def _document(self) -> Iterator[Any]:
        from pypdfium2 import PdfDocument

        with _LOCK, PdfDocument(self._content) as document:
            yield document


def _size(page: Any) -> tuple[int, int]:
    width, height = page.get_size()
    scale = LONGER_SIDE / max(width, height)
    return max(1, round(width * scale)), max(1, round(height * scale))
