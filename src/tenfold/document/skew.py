"""The angle of a page: where its printed lines or its writing are level, ink lies in the fewest rows."""

import numpy as np
from numpy.typing import NDArray

# Degrees that are tried, first all and then around the best: of writing and of printed lines.
_ANGLES, _FINER = np.arange(-46, 47, 2.0), np.arange(-1.75, 2, 0.25)
_LINES, _LINES_FINER = np.arange(-15, 15.5, 0.5), np.arange(-0.4, 0.5, 0.1)
# Pixels of ink that vote at most.
_VOTES = 6000
# How much better than level an angle is at least: one digit leans, and a few of different heights look askew; printed
# lines are straight.
_BETTER, _STRAIGHTER = 1.12, 1.25
# A page is turned by this much at least: a line of writing that is less askew is straightened by itself.
_ASKEW, _LINES_ASKEW = 3.0, 0.6
# Writing is longer than high by this factor along the angle that is taken.
_LONGER = 2.2
# What is no higher than so many digits is one line, and turned only if that makes it lower: slanted strokes are
# straight too. The height is that between these shares of all ink.
_ONE_LINE, _INNER = 2, (0.1, 0.9)


def lines_angle(mask: NDArray[np.bool_]) -> float:
    """Degrees that printed lines fall to the right, -15 to 15; 0 where there are none, or where they are level.

    mask: bool[H,W], all ink.
    """
    x, y = _votes(mask)
    if len(x) == 0:
        return 0.0
    best = _best(x, y, _LINES, _LINES_FINER, 1.5)
    straighter = _score(x, y, best, 1.5) >= _STRAIGHTER * _score(x, y, 0.0, 1.5)
    # Writing is askew by any angle; only lines are this much straighter than at angles near.
    sharp = _score(x, y, best, 1.5) >= _STRAIGHTER * max(_score(x, y, best + off, 1.5) for off in (-3, 3))
    return best if abs(best) >= _LINES_ASKEW and straighter and sharp else 0.0


def writing_angle(mask: NDArray[np.bool_], written: NDArray[np.bool_], height: float) -> float:
    """Degrees that the lines of writing fall to the right, -46 to 46; 0 where nothing speaks for another angle.

    mask: bool[H,W], all ink. written: bool[H,W], that of writing. height: of a digit, in pixels.
    """
    x, y = _votes(written)
    if len(x) == 0:
        return 0.0
    row = max(1.0, height / 6)
    best = _best(x, y, _ANGLES, _FINER, row)
    if abs(best) < _ASKEW or _score(x, y, best, row) < _BETTER * _score(x, y, 0.0, row):
        return 0.0
    long = np.ptp(_turned(-y, x, best)) >= _LONGER * min(np.ptp(_turned(x, y, best)), _ONE_LINE * height)
    x, y = _votes(mask)
    level = _height(y) <= min(_ONE_LINE * height, _height(_turned(x, y, best)))
    return best if long and not level else 0.0


def _turned(x: NDArray[np.float64], y: NDArray[np.float64], angle: float) -> NDArray[np.float64]:
    """The rows of places once the page is turned by the angle."""
    radians = np.radians(angle)
    return np.asarray(y * np.cos(radians) - x * np.sin(radians))


def _height(rows: NDArray[np.float64]) -> float:
    low, high = np.quantile(rows, _INNER)
    return float(high - low)


def _votes(mask: NDArray[np.bool_]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    rows, columns = np.nonzero(mask)
    step = max(1, -(-len(rows) // _VOTES))
    return columns[::step].astype(float), rows[::step].astype(float)


def _best(
    x: NDArray[np.float64], y: NDArray[np.float64], angles: NDArray[np.float64], finer: NDArray[np.float64], row: float
) -> float:
    best = max(angles.tolist(), key=lambda angle: _score(x, y, angle, row))
    return float(max((best + finer).tolist(), key=lambda angle: _score(x, y, angle, row)))


def _score(x: NDArray[np.float64], y: NDArray[np.float64], angle: float, row: float) -> float:
    """How much ink lies in few rows, each `row` pixels high, once the page is turned by the angle."""
    across = _turned(x, y, angle) / row
    counts = np.bincount((across - across.min()).astype(int)).astype(float)
    # Neighboring rows together, so that the borders of the bins do not matter.
    counts = np.convolve(counts, (0.5, 1, 0.5))
    return float(np.square(counts).sum())
