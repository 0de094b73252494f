"""Writes what the pages under docs/ take from elsewhere, so that they can't tell anything else: help.md from the
command's own --help, and tables of results from lab/results.

python docs/build.py            write it
python docs/build.py --check    exit with 1 when something is out of date
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from cyclopts import App
from results import TABLES

from tenfold.cli import app

HERE = Path(__file__).parent


def pages() -> Iterator[tuple[Path, str]]:
    """Each page that is written here, and its text as it should be."""
    yield HERE / "help.md", _help()
    for page in sorted(HERE.glob("*.md")):
        text = page.read_text(encoding="utf-8")
        if "<!-- table: " in text:
            yield page, _with_tables(text)


def _help() -> str:
    parts = ["# `tenfold --help`\n\nWritten by `python docs/build.py` from the command itself.\n"]
    for words in _commands(app, ("tenfold",)):
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


def _commands(command: App, words: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """A command and all below it, in the order of its help."""
    yield words
    below = [(command[name], name) for name in command if not name.startswith("-")]
    for other, name in sorted(below, key=lambda pair: pair[0].sort_key or 0):
        yield from _commands(other, (*words, name))


def _with_tables(text: str) -> str:
    """The text with what follows each `<!-- table: NAME -->`, up to the next empty line, made anew."""
    return re.sub(
        r"(<!-- table: (.+?) -->\n\n).*?\n\n",
        lambda found: f"{found[1]}{TABLES[found[2]]()}\n\n",
        text,
        flags=re.DOTALL,
    )


if __name__ == "__main__":
    stale = [(page, text) for page, text in pages() if not page.exists() or page.read_text(encoding="utf-8") != text]
    if "--check" in sys.argv:
        names = ", ".join(f"docs/{page.name}" for page, _ in stale)
        sys.exit(f"{names} out of date: make docs" if stale else 0)
    for page, text in stale:
        page.write_text(text, encoding="utf-8")
