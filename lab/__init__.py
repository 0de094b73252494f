"""Tenfold's laboratory: comparisons with other software, and benchmarks. Run from a clone; not part of the package."""

from pathlib import Path

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "lab" / "results"
PICTURES = ROOT / "docs" / "pictures"
