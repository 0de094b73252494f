"""Checks what `py.typed` promises, with pyright: the examples' types, and that all types of public names are known."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

import tenfold

# The estimator's bases have no types.
OF_SCIKIT_LEARN = {
    "tenfold.estimator.TenfoldClassifier",
    "tenfold.estimator.TenfoldClassifier.__sklearn_tags__",
}
# Pyright looks for packages where the first `python` on the path has them.
environment = {**os.environ, "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])}

# Without the dependency group `runtimes` there is no OpenCV, whose types two examples need.
examples = [path for path in Path("examples").glob("*.py") if find_spec("cv2") or "import cv2" not in path.read_text()]
checked = subprocess.run(["pyright", *examples], env=environment)

command = ["pyright", "--verifytypes", "tenfold", "--ignoreexternal", "--outputjson"]
done = subprocess.run(command, capture_output=True, text=True, env=environment)
report = json.loads(done.stdout)["typeCompleteness"]
homes = [
    f"{thing.__name__}." if isinstance(thing := getattr(tenfold, name), ModuleType) else f"{thing.__module__}.{name}."
    for name in tenfold.__all__
]
public = [symbol for symbol in report["symbols"] if f"{symbol['name']}.".startswith(tuple(homes))]
unknown = [symbol for symbol in public if not symbol["isTypeKnown"] and symbol["name"] not in OF_SCIKIT_LEARN]
for symbol in unknown:
    print(f"{symbol['name']}: {'; '.join(found['message'] for found in symbol['diagnostics']) or 'see its members'}")
print(f"{len(public) - len(unknown)} of {len(public)} types of the public names are known")
sys.exit(checked.returncode != 0 or bool(unknown) or len(public) < len(homes))
