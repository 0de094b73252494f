"""The symbols of a line of writing, and their places in what the line reader's network gives."""

from collections.abc import Sequence

# In the order of the network's classes. Where one way of typing a mark has several, it is written as here.
DIGITS = "0123456789"
MARKS = ".,-/:+×÷=%()"
# Anything else that is written: letters, words, signatures, doodles.
OTHER = "?"
SYMBOLS = DIGITS + MARKS + OTHER
# The class of the columns between symbols, after all of them: the blank of CTC (Graves et al. 2006).
BLANK = len(SYMBOLS)


def first_names(names: Sequence[str]) -> str:
    """The names of classes, as messages list them: `A, B, C, ...`."""
    return ", ".join([*names[:3], *(["..."] if len(names) > 3 else [])])
