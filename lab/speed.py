"""Speed and memory of the public Reader: `python -m lab.speed`."""

import io
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
from cyclopts import App
from numpy.typing import NDArray
from PIL import Image

from tenfold.cli import main
from tenfold.cli.console import PLAIN, Screen
from tenfold.cli.flags import given
from tenfold.data import load_dataset
from tenfold.reading.reader import Reader

# Start-up time and memory of a process that only reads.
_ALONE = """
import time; started = time.perf_counter()
from tenfold import Reader
reader = Reader()
ready = time.perf_counter() - started
import numpy as np
from lab.memory import peak_bytes
for _ in range(20): reader.read(np.random.default_rng(0).integers(0, 256, (100, 100), dtype=np.uint8))
print(ready, peak_bytes())
"""


@dataclass(frozen=True)
class Speed:
    """A measurement: the median of `repeats`, in `unit`."""

    name: str
    value: float
    unit: str
    repeats: int


def measure_speed(model: str | None = None) -> list[Speed]:
    """Times the Reader; takes half a minute."""
    reader = Reader(model)
    data = load_dataset("mnist")
    digits = np.array(data.test_images)
    large = _sheet(digits[:1], 1000, 1000, 700)
    photo = _jpeg(_sheet(digits[:10], 4000, 3000, 300))
    alone = [_alone() for _ in range(5)]
    return [
        Speed("Reader(), imports included", statistics.median(ready for ready, _ in alone), "s", 5),
        Speed("memory of a process that only reads", statistics.median(peak for _, peak in alone) / 1e6, "MB", 5),
        Speed("read, 28x28", _milliseconds(lambda i: reader.read(digits[i]), 1000), "ms", 1000),
        Speed(
            "read, 28x28, not as MNIST made it", _milliseconds(lambda i: reader.read(255 - digits[i]), 500), "ms", 500
        ),
        Speed("read, 1,000 pixels", _milliseconds(lambda i: reader.read(large), 50), "ms", 50),
        Speed(
            "read_number, a 12-megapixel JPEG of 10 digits",
            _milliseconds(lambda i: reader.read_number(photo), 9),
            "ms",
            9,
        ),
        Speed("read_many, 10,000 of 28x28", 10_000 / _seconds(lambda: reader.read_many(digits), 5), "a second", 5),
    ]


def _alone() -> tuple[float, float]:
    output = subprocess.run([sys.executable, "-c", _ALONE], check=True, capture_output=True, text=True).stdout
    ready, peak = map(float, output.split())
    return ready, peak


def _milliseconds(call: Callable[[int], object], repeats: int) -> float:
    call(0)
    times = []
    for index in range(repeats):
        started = time.perf_counter()
        call(index)
        times.append(time.perf_counter() - started)
    return 1000 * statistics.median(times)


def _seconds(call: Callable[[], object], repeats: int) -> float:
    call()
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        call()
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def _sheet(digits: NDArray[np.uint8], width: int, height: int, size: int) -> NDArray[np.uint8]:
    """Dark digits of `size` pixels in a row in the middle of a sheet of paper."""
    sheet = np.full((height, width), 235, np.uint8)
    step = width // (len(digits) + 1)
    for number, digit in enumerate(digits):
        ink = np.asarray(Image.fromarray(digit).resize((size, size), Image.Resampling.BICUBIC))
        left, top = (number + 1) * step - size // 2, (height - size) // 2
        place = sheet[top : top + size, max(0, left) : max(0, left) + size]
        np.minimum(place, 235 - (ink[:, : place.shape[1]] * 0.8).astype(np.uint8), out=place)
    return sheet


def _jpeg(sheet: NDArray[np.uint8]) -> bytes:
    content = io.BytesIO()
    Image.fromarray(sheet).convert("RGB").save(content, "JPEG", quality=90)
    return content.getvalue()


app = App(name="python -m lab.speed", version_flags=[])


@app.default
def speed(
    *,
    model: Annotated[Path | None, given("An .onnx file of tenfold export. [default: the shipped model]")] = None,
    screen: Screen = PLAIN,
) -> None:
    """Measure the speed and the memory of the public Reader."""
    results = measure_speed(None if model is None else str(model))
    screen.table(["", ">median", "", ">of"], [[r.name, f"{r.value:,.4g}", r.unit, r.repeats] for r in results])
    screen.result({"speed": [vars(result) for result in results]})


if __name__ == "__main__":
    main(command=app)
