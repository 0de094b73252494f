"""Writes docs/help.md from the command's own --help, so that the page can't tell anything else.

python docs/build.py            write it
python docs/build.py --check    exit with 1 when it is out of date
"""

import os
import subprocess
import sys
from pathlib import Path

PAGE = Path(__file__).parent / "help.md"
COMMANDS = ["", "walk", "read", "read-all", "data", "data list", "data info", "data fetch", "profile",
            "preprocess", "augment", "model", "train", "evaluate", "predict", "diagnose", "report", "calibrate",
            "export", "bench", "bench ink", "bench robustness", "bench speed", "compare", "compare models",
            "compare remedies", "compare recipes", "sweep"]  # fmt: skip


def page() -> str:
    """The text of docs/help.md as it should be."""
    parts = ["# `tenfold --help`\n\nWritten by `python docs/build.py` from the command itself.\n"]
    for command in COMMANDS:
        words = ["tenfold", *command.split()]
        told = subprocess.run(
            [sys.executable, "-m", *words, "--help"],
            check=True,
            capture_output=True,
            text=True,
            env={**os.environ, "COLUMNS": "100", "TERM": "dumb", "NO_COLOR": "1"},
        ).stdout
        text = "\n".join(line.rstrip() for line in told.strip().splitlines())
        parts.append(f"\n## `{' '.join(words)}`\n\n```text\n{text}\n```\n")
    return "".join(parts)


if __name__ == "__main__":
    if "--check" in sys.argv:
        sys.exit(0 if PAGE.exists() and PAGE.read_text() == page() else "docs/help.md is out of date: make docs")
    PAGE.write_text(page())
