"""CTC decoding (Graves et al. 2006): from the symbols' probabilities in each column of a line to texts. NumPy alone.

A line's columns spell a text when it is left after equal neighbors are merged and blanks removed. A text's probability
is the sum over all ways to spell it. web/src/reading/decode.ts does the same, and golden files compare them.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tenfold.reading.symbols import BLANK, SYMBOLS

# Symbols less probable than this in a column are not tried there, which leaves one or two of 23 in most columns.
UNLIKELY = 1e-3
BEAM = 8
# Columns between rescalings in the forward algorithm, whose numbers would underflow; each takes as long as a column.
RESCALE_EVERY = 4
_CLASSES = {symbol: index for index, symbol in enumerate(SYMBOLS)}
_NOTHING = (0.0, 0.0)


def spellings(log_probabilities: NDArray[np.float32], beam: int = BEAM) -> list[tuple[str, float]]:
    """Prefix beam search (Hannun et al. 2014): up to `beam` texts with the log of their probability, the best first.

    log_probabilities: float32[T,24], natural logarithms, whose exponentials sum to 1 in each column. What was pruned is
    missing from a text's probability; `log_likelihoods` gives all of it. Texts as probable as each other are in
    alphabetical order.
    """
    columns = np.exp(log_probabilities.astype(np.float64))
    likely: list[list[int]] = [[] for _ in columns]
    for index, symbol in np.argwhere(columns[:, :BLANK] >= UNLIKELY).tolist():
        likely[index].append(symbol)
    # Of each text, the probability of its spellings that end in a blank, and of those that end in its last symbol; both
    # divided by the same number for all, lest they underflow.
    beams: dict[str, tuple[float, float]] = {"": (1.0, 0.0)}
    log_scale = 0.0
    for column, symbols in zip(columns.tolist(), likely, strict=True):
        blank = column[BLANK]
        kept = {
            text: ((ends_blank + ends_symbol) * blank, ends_symbol * column[_CLASSES[text[-1]]] if text else 0.0)
            for text, (ends_blank, ends_symbol) in beams.items()
        }
        for symbol in symbols:
            added, p = SYMBOLS[symbol], column[symbol]
            for text, (ends_blank, ends_symbol) in beams.items():
                # Without a blank between them, equal symbols are one.
                way = (ends_blank if text.endswith(added) else ends_blank + ends_symbol) * p
                before = kept.get(text + added, _NOTHING)
                kept[text + added] = (before[0], before[1] + way)
        if len(kept) > beam:
            kept = dict(sorted(kept.items(), key=_rank)[:beam])
        scale = max(ends_blank + ends_symbol for ends_blank, ends_symbol in kept.values())
        beams = {text: (ends_blank / scale, ends_symbol / scale) for text, (ends_blank, ends_symbol) in kept.items()}
        log_scale += math.log(scale)
    return [
        (text, math.log(ends_blank + ends_symbol) + log_scale)
        for text, (ends_blank, ends_symbol) in sorted(beams.items(), key=_rank)
        if ends_blank + ends_symbol != 0
    ]


def _rank(entry: tuple[str, tuple[float, float]]) -> tuple[float, str]:
    text, (ends_blank, ends_symbol) = entry
    return -(ends_blank + ends_symbol), text


def log_likelihoods(passes: Sequence[NDArray[np.float32]], texts: Sequence[str]) -> NDArray[np.float64]:
    """The forward algorithm: the log of each text's probability under each pass of a network, float64[passes,texts].

    passes: log probabilities float32[T,24], each with a T of its own; a text too long for T gets -inf. Raises
    `ValueError` for a text with a character that is no symbol.
    """
    states = np.full((len(texts), 2 * max(map(len, texts), default=0) + 1), BLANK)
    for row, text in zip(states, texts, strict=True):
        row[1 : 2 * len(text) : 2] = _classes(text)
    # Columns that are certainly blank change no probability: they make all passes as long as the longest.
    columns = np.zeros((max(map(len, passes), default=0), len(passes), BLANK + 1))
    columns[:, :, BLANK] = 1
    for index, log_probabilities in enumerate(passes):
        columns[: len(log_probabilities), index] = np.exp(log_probabilities.astype(np.float64))
    emitted = columns[:, :, states]
    # Two more states at the start are impossible, so that each state has two before it.
    ways = np.zeros((len(passes), len(texts), states.shape[1] + 2))
    ways[:, :, 2] = 1
    may_skip = _may_skip(states)
    logs = np.zeros(ways.shape[:2])
    with np.errstate(divide="ignore"):
        for start in range(0, len(emitted), RESCALE_EVERY):
            for emission in emitted[start : start + RESCALE_EVERY]:
                ways[:, :, 2:] = (ways[:, :, 2:] + ways[:, :, 1:-1] + ways[:, :, :-2] * may_skip) * emission
            total = ways.sum(2)
            logs += np.log(total)
            ways /= np.where(total > 0, total, 1)[:, :, None]
        ends = np.array([2 * len(text) + 2 for text in texts], int)
        at = np.arange(len(texts))
        # The symbol before the last blank; the empty text has none, but an impossible state.
        return np.asarray(logs + np.log(ways[:, at, ends] + ways[:, at, ends - 1]))


def places(log_probabilities: NDArray[np.float32], text: str) -> list[tuple[int, int]]:
    """Viterbi alignment: each symbol's first and one-past-last column in the most probable spelling of a text.

    log_probabilities: float32[T,24]. Of spellings as probable as each other, the one whose last symbols start earliest
    counts. Raises `ValueError` for a text that is too long for T, or has a character that is no symbol.
    """
    states = np.full(2 * len(text) + 1, BLANK)
    states[1::2] = _classes(text)
    barred = np.where(_may_skip(states), 0, -np.inf)
    emitted = log_probabilities[:, states].astype(np.float64)
    moves = np.zeros(emitted.shape, np.int64)
    # Stay, continue with the next state, or skip a blank: two more states at the start, as in log_likelihoods.
    best = np.full(len(states) + 2, -np.inf)
    best[2] = 0
    for move, emission in zip(moves, emitted, strict=True):
        choices = np.stack([best[2:], best[1:-1], best[:-2] + barred])
        choices.argmax(0, out=move)
        best[2:] = choices.max(0) + emission
    state = len(states) - 1
    if text and best[state + 1] > best[state + 2]:
        state -= 1
    if best[state + 2] == -np.inf:
        raise ValueError(f"{len(moves)} columns can't spell {text}")
    found: list[tuple[int, int]] = [(0, 0)] * len(text)
    for column in range(len(moves) - 1, -1, -1):
        if state % 2:
            _, end = found[state // 2]
            found[state // 2] = (column, end or column + 1)
        state -= int(moves[column, state])
    return found


def _may_skip(states: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether each state may follow that two before it: a symbol may that differs from the symbol before it."""
    skips = np.zeros(states.shape, bool)
    skips[..., 2:] = (states[..., 2:] != BLANK) & (states[..., 2:] != states[..., :-2])
    return skips


def _classes(text: str) -> list[int]:
    return [SYMBOLS.index(symbol) for symbol in text]
