"""Number formats of comparison tables."""

from tenfold.evaluation.statistics import Spread


def significant(value: float, digits: int = 3) -> str:
    """`12,400`, `5.41`, `0.0371`: rounded to so many significant digits, without an exponent."""
    if value == 0:
        return "0"
    places = digits - 1 - int(f"{value:e}".rpartition("e")[2])
    return f"{round(value, places):,.{max(0, places)}f}"


def percent(spread: Spread | None) -> str:
    """`97.63 ± 0.15`: mean and standard deviation of a share, in percent."""
    if spread is None:
        return ""
    return f"{100 * spread.mean:.2f}" + ("" if spread.sd is None else f" ± {100 * spread.sd:.2f}")
