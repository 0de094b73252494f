"""What Linux alone has is missed nowhere on the way of a user on Windows or macOS."""

import subprocess
import sys

import pytest

# Modules, files and system libraries that not every system has. Only Tenfold's own imports are refused: libraries know
# which system they are on.
WITHOUT_LINUX = """
import builtins, os, sys

known = builtins.__import__

def guarded(name, globals=None, *rest, **named):
    owner = (globals or {}).get("__name__", "")
    if owner.startswith("tenfold") and name.split(".")[0] in ("fcntl", "resource", "pwd", "grp", "termios"):
        raise ImportError(f"{owner} imports {name}")
    return known(name, globals, *rest, **named)

def missing(event, details):
    if event == "open" and str(details[0]).startswith("/proc"):
        raise FileNotFoundError(details[0])
    if event == "ctypes.dlopen" and details[0] == "libc.so.6":
        raise OSError(details[0])

builtins.__import__ = guarded
sys.addaudithook(missing)
del os.sched_getaffinity
"""


@pytest.mark.parametrize(
    "code",
    [
        "import tenfold; tenfold.Reader().read(tenfold.load_dataset('mnist').test_images[0])",
        """
from tenfold.training.recipe import Recipe
from tenfold.walk import walk
done = walk(Recipe.load("tutorial").replace(dataset=sys.argv[1], epochs=1), folder=sys.argv[2])
assert done.report.exists()
""",
    ],
    ids=["read", "walk"],
)
def test_it_works_without_what_linux_alone_has(code, small_file, tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_LINUX + code, small_file, tmp_path], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
