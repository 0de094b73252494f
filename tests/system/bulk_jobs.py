"""What the tests of bulk reading share: jobs that stand still in the middle, and an image that kills its reader."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

COMMAND = [sys.executable, "-m", "tenfold", "read-all"]

# A Pillow plugin that does to its process what a fault in a decoder's C does, for files that begin so.
DEADLY = """
import os
from PIL import Image, ImageFile
class Deadly(ImageFile.ImageFile):
    format = "DEADLY"
    def _open(self):
        os.abort()
Image.register_open("DEADLY", Deadly, lambda begins: begins.startswith(b"DEADLY"))
"""


def deadly_path(folder: Path) -> str:
    """A PYTHONPATH with which processes cannot survive files that begin with DEADLY."""
    (folder / "sitecustomize.py").write_text(DEADLY)
    return f"{folder}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"


@contextmanager
def without_end(last: Path) -> Iterator[bytes]:
    """Whoever reads the last image waits for it, so that a job is in the middle however fast or slow it is."""
    content = last.read_bytes()
    last.unlink()
    os.mkfifo(last)
    try:
        yield content
    finally:
        last.unlink()
        last.write_bytes(content)


def wait_for_parts(out: Path, count: int, process: subprocess.Popen) -> None:
    while len(list(Path(f"{out}.job/parts").glob("[0-9]*.parquet"))) < count:
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.01)
