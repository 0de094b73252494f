"""The command is what most people meet: it must answer immediately, in words, and with the right exit code."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tenfold import cli
from tenfold.runs.run_folder import latest_run


@pytest.fixture
def tenfold(capsys):
    """Runs a command in this process: exit code, stdout, stderr."""

    def call(*words):
        with pytest.raises(SystemExit) as stopped:
            cli.main([str(word) for word in words])
        captured = capsys.readouterr()
        return stopped.value.code, captured.out, captured.err

    return call


def test_every_step_runs_by_its_own_command(tenfold, quick, run, small_file, tmp_path, monkeypatch, without_drawing):
    monkeypatch.chdir(tmp_path)
    recipe = tmp_path / "quick.toml"
    recipe.write_text(quick.to_toml())
    for words, expected in (
        (["profile", small_file, "--out", "pictures"], "balance"),
        (["preprocess", small_file, "--out", "ready.npz"], "1600 x 784"),
        (["model"], "109,386"),
        (["train", recipe], "training accuracy"),
        (["evaluate"], "macro F1"),
        (["predict", "latest", "--count", "5", "--out", "read.png"], "confidence"),
        (["diagnose"], ""),
        (["report", "latest"], "report.html"),
        (["data", "list"], "kmnist"),
        (["data", "info", "mnist"], "CC BY-SA"),
    ):
        code, out, err = tenfold(*words)
        assert (code, err) == (0, ""), words
        assert expected in out, words
    assert (tmp_path / "read.png").exists()
    assert {path.stem for path in (tmp_path / "pictures").iterdir()} >= {"samples", "distribution", "mean-digits"}
    made = latest_run()
    files = {"recipe.toml", "environment.json", "events.jsonl", "metrics.json", "model.safetensors", "model.onnx",
             "figures", "report.html"}  # fmt: skip
    assert {path.name for path in made.glob("[!.]*")} == files


@pytest.mark.parametrize(
    "words",
    [["profile", "SET"], ["preprocess", "SET"], ["model"], ["evaluate", "RUN"], ["predict", "RUN"], ["diagnose", "RUN"],
     ["data", "list"], ["data", "info"]],
)  # fmt: skip
def test_json_is_one_document_on_stdout(tenfold, run, small_file, words):
    words = [str({"SET": small_file, "RUN": run.path}.get(word, word)) for word in words]
    code, out, _ = tenfold(*words, "--json")
    assert code == 0
    assert json.loads(out)


def test_walk_takes_every_step_and_leaves_a_report(tenfold, quick, tmp_path):
    recipe = tmp_path / "quick.toml"
    recipe.write_text(quick.to_toml())
    code, out, err = tenfold("walk", recipe, "--out", tmp_path / "runs", "--json", "--epochs", "2")
    document = json.loads(out)
    assert code == 0
    assert Path(document["report"]).stat().st_size > 100_000
    assert len(Path(document["run"], "events.jsonl").read_text().splitlines()) == 2
    assert 0.5 < document["test"]["accuracy"] < 1
    steps = [line[0] for line in err.splitlines() if line[:1].isdigit()]
    assert steps == list("12345678")


def test_seeds_and_comparisons_run_by_their_commands(tenfold, quick, tmp_path, monkeypatch, without_drawing):
    monkeypatch.chdir(tmp_path)
    for name, rate in (("slow", 1e-4), ("fast", 1e-3)):
        (tmp_path / f"{name}.toml").write_text(quick.replace(epochs=1, learning_rate=rate).to_toml())
    code, out, _ = tenfold("train", "fast.toml", "--seeds", "2", "--json")
    document = json.loads(out)
    assert code == 0
    assert document["summary"]["test_accuracy"]["n"] == 2
    code, out, _ = tenfold("train", "--resume", "latest")
    assert (code, "test accuracy, %" in out) == (0, True)
    for words in (
        ["recipes", "slow.toml", "fast.toml"],
        ["models", "slow.toml", "fast.toml"],
    ):
        code, out, err = tenfold("compare", *words, "--seeds", "1")
        assert (code, err) == (0, "")
        assert "compare.html" in out
    made = next(tmp_path.glob("runs/*compare-recipes*"))
    code, out, _ = tenfold("compare", "recipes", "--resume", made, "--json")  # A finished one reports again.
    assert code == 0
    assert [row["label"] for row in json.loads(out)["rows"]] == ["slow.toml", "fast.toml"]


def test_augmentation_is_shown_with_its_cost(tenfold, small_file, tmp_path):
    picture = tmp_path / "changed.png"
    code, out, err = tenfold("augment", "--show", "--out", picture, "--dataset", small_file, "--width", "4")
    assert (code, err) == (0, "")
    assert all(word in out for word in ("rotation", "shift", "zoom", "shear", "elastic", "thickness", "all together"))
    with Image.open(picture) as drawn:
        assert min(drawn.size) > 400
    code, out, _ = tenfold("augment", "cnn", "--dataset", small_file, "--json")
    assert [cost["name"] for cost in json.loads(out)["cost"]] == ["rotation", "shear", "zoom", "shift", "all together"]


def test_image_files_are_read(tenfold, run, small, tmp_path):
    digits = [int(np.flatnonzero(small.test_labels == digit)[0]) for digit in (0, 1)]
    paths = []
    for digit, index in enumerate(digits):
        paper = 255 - np.kron(small.test_images[index], np.ones((6, 6), np.uint8))
        Image.fromarray(paper).save(tmp_path / f"{digit}.png")
        paths.append(tmp_path / f"{digit}.png")
    code, out, _ = tenfold("predict", run.path, *paths, "--json")
    read = json.loads(out)["predictions"]
    assert code == 0
    assert [p["digit"] for p in read] == [0, 1]
    assert all(abs(sum(p["probabilities"]) - 1) < 1e-5 for p in read)


@pytest.mark.parametrize(
    ("words", "code", "expected"),
    [
        (["wlak"], 2, "walk"),
        (["train", "--epoch", "3"], 2, "--epochs"),
        (["train", "--epochs", "three"], 2, "three"),
        (["train", "--epochs", "0"], 2, "must be >= 1"),
        (["train", "--epochs", "three"], 2, "--epochs is 'three'; it must be an integer"),
        (["train", "--learning-rate", "low"], 2, "--learning-rate is 'low'; it must be a number"),
        (["train", "sprint", "--hidden", "3"], 2, "'hidden', an option of mlp; its architecture, cnn, has activation"),
        (["train", "--learning-rate", "-1"], 2, "must be > 0"),
        (["train", "--activation", "rely"], 2, "did you mean 'relu'"),
        (["train", "--hidden", "a,b"], 2, "128,64"),
        (["train", "tutorail"], 2, "did you mean 'tutorial'"),
        (["train", "--dataset", "minst"], 2, "did you mean 'mnist'"),
        (["train", "--batch-size", "100000"], 2, "larger than the 48000"),
        (["train", "--resume", "latest", "--epochs", "3"], 2, "--resume"),
        (["train", "--dataset", "gone/set.csv"], 1, "gone/set.csv"),
        (["evaluate"], 1, "no run"),
        (["evaluate", "gone"], 1, "gone"),
        (["predict", "RUN", "--count", "0"], 2, ">= 1"),
        (["predict", "RUN", "gone.png"], 1, "gone.png"),
        (["data", "info", "fashion"], 2, "did you mean 'fashion-mnist'"),
        (["preprocess", "--validation", "1.5"], 2, "below 1"),
        (["predict", "RUN", "--seed", "-1"], 2, ">= 0"),
        (["train", "--seed", "99999999999999999999999"], 2, "must be >= 0 and <="),
        (["train", "--threads", "1000000"], 2, "must be >= 0 and <= 1024"),
        (["model", "--hidden", "100000000,100000000"], 2, "<= 65536"),
        (["train", "tutorail", "--resume", "latest"], 2, "--resume"),
        (["preprocess", "--writers", "gone.npy"], 1, "gone.npy"),
        (["preprocess", "--out", "ready.csv"], 2, ".npz"),
        (["train", "cnn", "--activation", "gellu"], 2, "did you mean 'gelu'"),
        (["train", "cnn", "--width", "0"], 2, "must be >= 1"),
        (["train", "cnn", "--convolutions", "1 pool,1 pool,1 pool,1 pool"], 2, "nothing is left"),
        (["train", "cnn", "--rotation", "90"], 2, "<= 45"),
        (["train", "cnn", "--hidden", "128"], 2, "no field 'hidden'"),
        (["train", "sprint", "--seeds", "0"], 2, "must be >= 1"),
        (["train", "sprint", "--device", "cud"], 2, "did you mean 'cuda'"),
        (["augment", "tutorial"], 2, "--rotation 10"),
        (["compare", "recipes", "cnn"], 2, "two or more"),
        (["compare", "models", "cnnn"], 2, "did you mean 'cnn'"),
        (["compare", "remedies", "--seeds", "0"], 2, "must be >= 1"),
        (["compare", "models", "cnn", "--resume", "gone"], 2, "leave out recipes"),
        (["compare", "models", "--seeds", "3", "--resume", "gone"], 2, "leave out recipes"),
        (["train", "tutorial", "--ensemble-size", "2"], 2, "add --final-weights last"),
        (["augment", "mlp", "--batch-size", "1"], 2, "a batch of one image"),
        (["compare", "models", "--resume", "gone"], 1, "gone"),
    ],
)
def test_wrong_words_get_one_line_and_leave_nothing(tenfold, run, tmp_path, monkeypatch, words, code, expected):
    monkeypatch.chdir(tmp_path)
    found, _, err = tenfold(*(run.path if word == "RUN" else word for word in words))
    assert found == code
    assert expected in err
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("words", [["train", "--epochs", "1"], ["report", "RUN"], ["walk", "--epochs", "1"]])
def test_json_stays_pure_where_there_is_progress(tenfold, quick, run, tmp_path, monkeypatch, without_drawing, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "quick.toml").write_text(quick.to_toml())
    words = [words[0], *(["quick.toml"] if words[0] != "report" else []), *words[1:], "--json"]
    code, out, _ = tenfold(*(run.path if word == "RUN" else word for word in words))
    assert code == 0
    assert json.loads(out)


def test_what_nobody_thought_of_is_one_line_too(tenfold, monkeypatch):
    monkeypatch.setattr("tenfold.data.profile.profile", lambda data: 1 / 0)
    code, _, err = tenfold("profile")
    assert code == 1
    assert err == "error: ZeroDivisionError: division by zero (unexpected error; --debug shows the traceback)\n"


def test_a_terminal_without_the_letters_gets_codes(small_file, tmp_path):
    odd = tmp_path / "d\u00e4 ta [red]:cat:.npz"
    odd.write_bytes(Path(small_file).read_bytes())
    environment = {**os.environ, "PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"}
    command = [sys.executable, "-m", "tenfold", "profile", str(odd)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert "ta [red]:cat:" in done.stdout


def test_debug_shows_the_traceback(capsys):
    from tenfold.errors import RecipeError

    with pytest.raises(RecipeError):
        cli.main(["train", "tutorail", "--debug"])


def test_a_missing_package_names_the_extra(tenfold, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delitem(sys.modules, "tenfold.runs.train", raising=False)
    code, _, err = tenfold("train")
    assert code == 1
    assert "pip install 'tenfold[train]'" in err


def in_a_fresh_process(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout


@pytest.mark.parametrize(
    "code",
    [
        "import tenfold",
        "import tenfold; tenfold.load_dataset('mnist')",
        "import tenfold; tenfold.Recipe.load('tutorial')",
        "from tenfold.cli import main\ntry: main(['--help'])\nexcept SystemExit: pass",
        "import tenfold.runs.predict, tenfold.reading.reader",
    ],
)
def test_light_paths_stay_light(code):
    heavy = {"torch", "matplotlib", "sklearn", "onnx", "jinja2", "tensorboard"}
    loaded = in_a_fresh_process(code + "\nimport sys; print('\\n' + ' '.join(sys.modules))").splitlines()[-1].split()
    assert not heavy & set(loaded)


def test_importing_tenfold_imports_nothing_but_python():
    loaded = in_a_fresh_process("import tenfold, sys; print(' '.join(sys.modules))").split()
    assert not {"numpy", "rich", "cyclopts", "PIL"} & set(loaded)


def test_help_is_read_without_numpy():
    loaded = (
        in_a_fresh_process(
            "from tenfold.cli import main\nimport sys\ntry: main(['train', '--help'])\n"
            "except SystemExit: print('\\n' + ' '.join(sys.modules))"
        )
        .splitlines()[-1]
        .split()
    )
    assert "numpy" not in loaded
    from tenfold import models
    from tenfold.data import dataset

    assert (models.SIDE, models.CLASSES) == (dataset.SIDE, dataset.CLASSES)


def test_all_public_names_are_there_and_documented():
    import tenfold

    assert sorted(tenfold.__all__) == tenfold.__all__
    for name in tenfold.__all__:
        assert getattr(tenfold, name).__doc__, name
    with pytest.raises(AttributeError):
        _ = tenfold.nonsense


def test_broken_pipes_are_quiet(run):
    command = f"{sys.executable} -m tenfold data info mnist | head -1"
    done = subprocess.run(
        command, shell=True, capture_output=True, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"}
    )
    assert done.stderr == ""


def test_help_lists_every_command_in_its_group_and_in_order():
    from tenfold.cli.app import GROUPS, app

    grouped = [name for names in GROUPS.values() for name in names]
    assert sorted(grouped) == sorted(name for name in app if not name.startswith("-"))
    keys = [app[name].sort_key for name in grouped]
    assert keys == sorted(set(keys))


def test_help_of_a_recipe_field_shows_its_range_and_default(tenfold):
    code, out, _ = tenfold("train", "--help")
    assert code == 0
    out = " ".join(out.replace("│", " ").split())  # The width of the terminal does not matter.
    for text in ("[0 to 45; default: 0.0]", "[adam, adamw, sgd; default: adam]", "[>= 0 and < 1; default: 0.2]"):
        assert text in out
