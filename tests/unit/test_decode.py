"""The texts of a line, their probabilities and places, compared with sums over all ways to spell them."""

import itertools
import math
from collections import defaultdict

import numpy as np
import pytest
from numpy.typing import NDArray

from tenfold.reading.decode import log_likelihoods, places, spellings
from tenfold.reading.symbols import BLANK, SYMBOLS

FEW = ("1", "2")


def log_likelihood(columns, text):
    return float(log_likelihoods([columns], [text])[0, 0])


def columns(count: int, seed: int, symbols: str = "".join(FEW)) -> NDArray[np.float32]:
    """Random log probabilities float32[count,24] of a few symbols and the blank; all others are impossible."""
    logits = np.full((count, BLANK + 1), -np.inf)
    possible = [*(SYMBOLS.index(symbol) for symbol in symbols), BLANK]
    logits[:, possible] = np.random.default_rng(seed).normal(0, 1.5, (count, len(possible)))
    return (logits - np.log(np.exp(logits).sum(1, keepdims=True))).astype(np.float32)


def spelled(path: tuple[int, ...]) -> str:
    return "".join(SYMBOLS[index] for index, _ in itertools.groupby(path) if index != BLANK)


def all_paths(
    log_probabilities: NDArray[np.float32], symbols: str = "".join(FEW)
) -> dict[str, dict[tuple[int, ...], float]]:
    """The probability of each way to spell each text."""
    found: dict[str, dict[tuple[int, ...], float]] = defaultdict(dict)
    possible = [*(SYMBOLS.index(symbol) for symbol in symbols), BLANK]
    for path in itertools.product(possible, repeat=len(log_probabilities)):
        steps = [log_probabilities[column, index] for column, index in enumerate(path)]
        found[spelled(path)][path] = math.exp(sum(map(float, steps)))
    return found


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("count", [1, 2, 5])
def test_a_wide_beam_finds_every_text_with_its_probability(count, seed, monkeypatch):
    monkeypatch.setattr("tenfold.reading.decode.UNLIKELY", 1e-12)
    found = columns(count, seed)
    wanted = {text: math.log(sum(ways.values())) for text, ways in all_paths(found).items()}
    texts = dict(spellings(found, beam=1000))
    assert texts == pytest.approx(wanted)
    assert list(texts) == sorted(wanted, key=wanted.__getitem__, reverse=True)


@pytest.mark.parametrize("seed", range(8))
def test_a_beam_of_eight_finds_the_best_text(seed):
    found = columns(7, seed)
    wanted = {text: math.log(sum(ways.values())) for text, ways in all_paths(found).items()}
    text, log_probability = spellings(found)[0]
    assert text == max(wanted, key=wanted.__getitem__)
    # A little of it was pruned.
    assert wanted[text] - 0.1 < log_probability < wanted[text] + 1e-9


@pytest.mark.parametrize("seed", range(8))
def test_the_likelihood_is_the_sum_over_all_spellings(seed):
    short, long = columns(3, seed), columns(5, seed + 100)
    texts = ["", "1", "11", "121", "2211", "12121", "3", "111"]
    wanted = []
    for each in (short, long):
        ways = all_paths(each)
        wanted.append([math.log(sum(ways[text].values())) if text in ways else -math.inf for text in texts])
    assert log_likelihoods([short, long], texts) == pytest.approx(np.array(wanted))
    assert log_likelihood(long, "121") == pytest.approx(wanted[1][3])


@pytest.mark.parametrize("seed", range(8))
def test_places_are_those_of_the_most_probable_spelling(seed):
    found = columns(6, seed)
    for text, ways in all_paths(found).items():
        path = max(ways, key=ways.__getitem__)
        wanted, column = [], 0
        for index, group in itertools.groupby(path):
            end = column + len(list(group))
            if index != BLANK:
                wanted.append((column, end))
            column = end
        assert places(found, text) == wanted


def test_equal_symbols_need_a_blank_between_them():
    sure = np.full((3, BLANK + 1), -30, np.float32)
    sure[[0, 1, 2], [7, 7, 7]] = 0
    assert spellings(sure)[0][0] == "7"
    sure[1] = -30
    sure[1, BLANK] = 0
    assert spellings(sure)[0] == ("77", pytest.approx(0, abs=1e-9))
    assert places(sure, "77") == [(0, 1), (2, 3)]
    assert log_likelihood(sure, "77") == pytest.approx(0, abs=1e-9)


def test_a_line_without_columns_is_empty():
    none = np.zeros((0, BLANK + 1), np.float32)
    assert spellings(none) == [("", 0.0)]
    assert places(none, "") == []
    assert log_likelihoods([none], ["", "1"]).tolist() == [[0, -math.inf]]
    assert log_likelihoods([], ["1"]).shape == (0, 1)
    assert log_likelihoods([none], []).shape == (1, 0)


def test_a_text_that_columns_cannot_spell_is_refused():
    found = columns(4, 0)
    assert log_likelihood(found, "11122") == -math.inf
    with pytest.raises(ValueError, match="4 columns"):
        places(found, "11122")
    with pytest.raises(ValueError, match="substring"):
        log_likelihood(found, "x")


def test_equally_probable_texts_are_in_alphabetical_order():
    even = np.full((2, BLANK + 1), np.log(1 / (BLANK + 1)), np.float32)
    assert [text for text, _ in spellings(even)][:7] == sorted(SYMBOLS)[:7]
    assert spellings(even) == spellings(even.copy())
    assert places(even, "1") == [(0, 1)]


def test_a_long_line_does_not_underflow():
    found = columns(1000, 3, SYMBOLS)
    text, log_probability = spellings(found)[0]
    assert len(text) > 100
    assert -5000 < log_probability <= log_likelihood(found, text) < -100
    assert len(places(found, text)) == len(text)
