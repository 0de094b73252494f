"""Packs MNIST for the web app's training: 12,000 images a file. Needs nothing but Python.

A file is zlib's: the labels, then the pixels row by row. Pixels are rounded to 32 levels, 0 paper to 31 ink: that makes
the files a quarter smaller.
"""

import lzma
import zlib
from pathlib import Path

MNIST = Path(__file__).parent.parent / "src" / "tenfold" / "data" / "mnist"
IMAGES = 12_000
# By pixel, 0 to 255.
LEVELS = bytes((31 * value + 127) // 255 for value in range(256))


def pack_images(folder: Path) -> None:
    """Writes `train-0.bin` to `train-4.bin`, and `test.bin`, where they are missing."""
    folder.mkdir(parents=True, exist_ok=True)
    for part, name in (("train", "train-{}.bin"), ("t10k", "test.bin")):
        files = [folder / name.format(number) for number in range(5 if part == "train" else 1)]
        if all(file.is_file() for file in files):
            continue
        labels, images = (
            lzma.decompress((MNIST / f"{part}-{kind}.xz").read_bytes())[header:]
            for kind, header in (("labels-idx1-ubyte", 8), ("images-idx3-ubyte", 16))
        )
        for number, file in enumerate(files):
            start, end = number * IMAGES, (number + 1) * IMAGES
            pixels = images[784 * start : 784 * end].translate(LEVELS)
            file.write_bytes(zlib.compress(labels[start:end] + pixels, 9))
