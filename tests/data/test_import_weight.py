"""If these fail, every command and every `import tenfold` waits for what it does not need."""

import json
import subprocess
import sys

HEAVY = ("torch", "PIL", "scipy", "pooch", "requests", "lzma")


def imported_by(code: str, cache: str = "") -> set[str]:
    program = f"{code}\nimport json, sys; print(json.dumps([name for name in {HEAVY!r} if name in sys.modules]))"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(json.loads(run.stdout))


def test_importing_the_package_imports_nothing_heavy() -> None:
    assert imported_by("import tenfold.data") == set()


def test_a_cached_load_imports_nothing_heavy(mnist_cache, monkeypatch) -> None:
    monkeypatch.setenv("TENFOLD_CACHE", str(mnist_cache))
    assert imported_by("from tenfold.data import load_dataset; load_dataset('mnist')") == set()
