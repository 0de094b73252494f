"""A record that is none would make every one after it, and the table of them, untrue."""

import json
import tomllib
from pathlib import Path

import pytest

from lab.records.record import MARKS, Race, last_record, read_race, shortcomings
from tenfold.errors import UsageError
from tenfold.training.recipe import Recipe


def race(accuracies, seconds, last_seconds=(), parameters=1000):
    new = {
        s: {"accuracy": a, "seconds": t, "parameters": parameters}
        for s, (a, t) in enumerate(zip(accuracies, seconds, strict=True))
    }
    last = {seed: {"accuracy": 0.99, "seconds": t, "parameters": 1200} for seed, t in enumerate(last_seconds)}
    return Race(Path("race"), {}, new, last)


ABOVE = [0.9901 + 0.0002 * (seed % 5) for seed in range(20)]
FAST, SLOW = [1.0 + 0.01 * (seed % 4) for seed in range(20)], [1.2 + 0.01 * (seed % 3) for seed in range(20)]
BEFORE = race(ABOVE, SLOW, parameters=1200)


def test_the_first_above_a_mark_is_its_record():
    assert shortcomings(race(ABOVE, FAST), "99.0-seconds", None) == []


def test_faster_in_turn_is_a_record():
    assert shortcomings(race(ABOVE, FAST, SLOW), "99.0-seconds", BEFORE) == []


def test_fewer_parameters_are_a_record_whatever_the_time():
    assert shortcomings(race(ABOVE, SLOW), "99.0-parameters", BEFORE) == []


@pytest.mark.parametrize(
    ("tried", "mark", "lacks"),
    [
        (race(ABOVE[:19], FAST[:19], SLOW[:19]), "99.0-seconds", "19 seeds, of 20"),
        (race([0.989, 0.9915] * 10, FAST, SLOW), "99.0-seconds", "above 99.0 %"),
        (race(ABOVE, FAST, SLOW), "99.4-parameters", "above 99.4 %"),
        (race(ABOVE, FAST), "99.0-seconds", "in 0 trainings in turn"),
        (race(ABOVE, FAST, FAST[::-1]), "99.0-seconds", "faster than the last record"),
        (race(ABOVE, FAST, parameters=1200), "99.0-parameters", "1,200 parameters; the record has 1,200"),
    ],
)
def test_what_is_no_record_says_why(tried, mark, lacks):
    assert any(lacks in missing for missing in shortcomings(tried, mark, BEFORE))


def test_an_unknown_mark_is_refused():
    with pytest.raises(UsageError, match=r"99.0-second is no mark; did you mean '99.0-seconds'"):
        shortcomings(race(ABOVE, FAST), "99.0-second", None)


def test_a_log_that_was_cut_short_is_read_up_to_there(tmp_path):
    training = {"of": "new", "seed": 3, "accuracy": 0.99}
    lines = [json.dumps({"who": "me"}), json.dumps(training), json.dumps(training)[:20]]
    (tmp_path / "log.jsonl").write_text("\n".join(lines))
    assert read_race(tmp_path).new == {3: training}


@pytest.mark.parametrize("mark", [mark for mark in MARKS if last_record(mark)])
def test_the_records_keep_their_own_rule(mark):
    record = last_record(mark)
    assert shortcomings(record, mark, None) == []
    # Recipes may have got fields since then, which have their defaults.
    stored, loaded = (tomllib.loads(text) for text in (record.recipe.read_text(), Recipe.load(record.recipe).to_toml()))
    for section in ("data", "model", "augment", "training", "device"):
        assert {key: loaded[section].get(key) for key in stored[section]} == stored[section]
