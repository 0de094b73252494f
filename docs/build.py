"""Generates the parts of docs/ that come from elsewhere: reference pages from the code, and tables from lab/results.

python -m docs.build            write them
python -m docs.build --check    exit with 1 if something is out of date
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from docs import recipe_results, results
from docs.reference_pages import PAGES

HERE = Path(__file__).parent
TABLES = {**results.TABLES, **recipe_results.TABLES}


def pages() -> Iterator[tuple[Path, str]]:
    """Each generated file, with its up-to-date text."""
    for name, write in PAGES.items():
        yield HERE / name, write()
    for page in (HERE.parent / "README.md", *sorted(HERE.rglob("*.md"))):
        text = page.read_text(encoding="utf-8")
        if "<!-- table: " in text:
            yield page, _with_tables(text)


def _with_tables(text: str) -> str:
    """The text with the block after each `<!-- table: NAME -->`, up to the next empty line, regenerated."""
    return re.sub(
        r"(<!-- table: (.+?) -->\n\n).*?\n\n",
        lambda found: f"{found[1]}{TABLES[found[2]]()}\n\n",
        text,
        flags=re.DOTALL,
    )


if __name__ == "__main__":
    stale = [(page, text) for page, text in pages() if not page.exists() or page.read_text(encoding="utf-8") != text]
    if "--check" in sys.argv:
        names = ", ".join(page.relative_to(HERE.parent).as_posix() for page, _ in stale)
        sys.exit(f"{names} out of date: make docs" if stale else 0)
    for page, text in stale:
        page.write_text(text, encoding="utf-8")
