"""A race for a record trains, logs and continues as it says."""

import json

import pytest

from lab.records.__main__ import app
from tenfold.cli import main


def test_a_race_is_logged_continued_and_no_record_with_one_seed(tenfold_json, tmp_path, capsys):
    recipe = tmp_path / "mine.toml"
    sections = {
        "model": 'architecture = "mlp"\nhidden = [8]',
        "data": "validation = 0.0",
        "training": "epochs = 1\nbatch_size = 1024",
    }
    recipe.write_text("\n".join(f"[{name}]\n{options}" for name, options in sections.items()))
    folders = "--out", tmp_path / "race", "--records", tmp_path
    words = recipe, "99.0-seconds", "--who", "a test", "--seeds", "1", *folders
    first = tenfold_json("race", *words, command=app)
    assert first["record"] is False
    assert "1 seeds, of 20" in first["missing"]
    log = (tmp_path / "race" / "log.jsonl").read_text()
    assert json.loads(log.splitlines()[0])["who"] == "a test"
    assert 0.1 < json.loads(log.splitlines()[1])["accuracy"] < 0.95
    assert tenfold_json("race", *words, command=app) == first
    assert (tmp_path / "race" / "log.jsonl").read_text() == log
    assert not (tmp_path / "99.0-seconds").exists()

    header, *trainings = log.splitlines(keepends=True)
    elsewhere = json.loads(header) | {"machine": {"processor": "another"}}
    (tmp_path / "race" / "log.jsonl").write_text("".join([json.dumps(elsewhere) + "\n", *trainings]))
    with pytest.raises(SystemExit):
        main(["race", *map(str, words)], app)
    assert "a race of another machine" in capsys.readouterr().err
