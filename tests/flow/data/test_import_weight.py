"""If these fail, every command and every `import tenfold` waits for what it does not need."""

import json
import subprocess
import sys
from pathlib import Path

HEAVY = ("torch", "PIL", "scipy", "requests", "lzma")


def imported_by(code: str, cache: str = "") -> set[str]:
    program = f"{code}\nimport json, sys; print(json.dumps([name for name in {HEAVY!r} if name in sys.modules]))"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(json.loads(run.stdout))


def test_importing_the_package_imports_nothing_heavy() -> None:
    assert imported_by("import tenfold.data") == set()


def test_a_cached_load_imports_nothing_heavy(mnist_cache, monkeypatch) -> None:
    monkeypatch.setenv("TENFOLD_CACHE", str(mnist_cache))
    assert imported_by("from tenfold.data import load_dataset; load_dataset('mnist')") == set()


def test_two_concurrent_processes_both_load(cache: Path) -> None:
    code = "from tenfold.data import load_dataset; print(load_dataset('mnist').train_labels[:3].tolist())"
    runs = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    assert [run.communicate()[0] for run in runs] == ["[5, 0, 4]\n"] * 2
    assert sorted(path.name for path in cache.glob("arrays/*/*")) == [
        "test-images.npy",
        "test-labels.npy",
        "train-images.npy",
        "train-labels.npy",
    ]


def test_the_reader_is_light():
    code = "from tenfold import Reader; Reader(); import sys; print(' '.join(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert not {"torch", "onnx", "matplotlib", "sklearn", "cyclopts", "rich"} & set(loaded)


def test_a_short_training_and_an_evaluation_do_not_wait_for_the_compiler(tmp_path):
    code = f"""import sys
from tenfold.runs.evaluate import evaluate
from tenfold.runs.train import train
from tenfold.training.recipe import Recipe
evaluate(train(Recipe.load("sprint").replace(images=1000, validation=0.5), folder={str(tmp_path)!r}))
print(" ".join(sys.modules))"""
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert "torch" in loaded
    assert "torch._dynamo" not in loaded
