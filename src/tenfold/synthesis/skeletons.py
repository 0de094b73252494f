"""Pen strokes of digits, and of letters and signs that are no digits, read from `skeletons.txt`."""

from dataclasses import dataclass
from importlib import resources

# How often a way of writing is used, relative to the other ways of its character.
_WEIGHTS = {"usual": 3.0, "rare": 1.0}


@dataclass(frozen=True)
class Allograph:
    """One way of writing a character. path: its skeleton, as `skeletons.txt` describes it. weight: how often it is
    used, relative to other ways."""

    character: str
    name: str
    path: str
    weight: float


def _read_skeletons() -> list[Allograph]:
    lines = (resources.files("tenfold.synthesis") / "skeletons.txt").read_text("utf-8").splitlines()
    rows = [[cell.strip() for cell in line.split("|")] for line in lines if line and not line.startswith("#")]
    return [Allograph(character, name, path, _WEIGHTS[usage]) for character, usage, _source, name, path in rows]


_ALLOGRAPHS = _read_skeletons()
DIGITS = tuple(way for way in _ALLOGRAPHS if way.character.isdigit())
SIGNS = tuple(way for way in _ALLOGRAPHS if not way.character.isdigit())
