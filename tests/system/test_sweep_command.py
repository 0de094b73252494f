"""The command tenfold sweep, from its words to the recipe that it writes."""

from pathlib import Path


def test_the_command_sweeps_and_says_what_is_next(small_file, tmp_path, tenfold_json):
    words = ["sweep", "--dataset", small_file, "--epochs", 1, "--param", "learning_rate=log:1e-3..1e-2", "--param",
             "batch_size=32,64", "--trials", 5, "--workers", 2, "--out", tmp_path]  # fmt: skip
    document = tenfold_json(*words)
    assert len(document["rows"]) == 5
    assert Path(document["report"]).exists()
    assert document["rows"][document["best"]]["accuracy"] == max(row["accuracy"] or 0 for row in document["rows"])
    again = tenfold_json("sweep", "--resume", document["path"])
    assert again["rows"] == document["rows"]
    run = tenfold_json("train", Path(document["path"]) / "best.toml", "--out", tmp_path / "runs")
    assert run["training"]["epochs"] == 1
    seeds = tenfold_json("train", Path(document["path"]) / "best.toml", "--seeds", 2, "--workers", 2, "--out", tmp_path)
    assert seeds["summary"]["test_accuracy"]["n"] == 2
