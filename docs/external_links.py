"""Requests every external link of the docs, and lists those that fail: python -m docs.external_links"""

import re
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import requests

ROOT = Path(__file__).parents[1]
PAGES = [*sorted((ROOT / "docs").rglob("*.md")), *sorted(ROOT.glob("*.md"))]


def links() -> dict[str, list[str]]:
    """Each external link, and the pages that have it."""
    found: dict[str, list[str]] = {}
    for page in PAGES:
        for link in re.findall(r"\]\((https?://[^)\s#]+)", page.read_text(encoding="utf-8")):
            found.setdefault(link, []).append(page.relative_to(ROOT).as_posix())
    return found


def fault(link: str) -> str | None:
    """Why a link can't be followed; None if it can."""
    try:
        with requests.get(link, timeout=30, stream=True) as answer:
            return None if answer.ok else f"{answer.status_code} {answer.reason}"
    except requests.RequestException as error:
        return type(error).__name__


if __name__ == "__main__":
    with ThreadPoolExecutor(8) as pool:
        faults = dict(zip(links(), pool.map(fault, links()), strict=True))
    broken = [f"{link}: {why} ({', '.join(links()[link])})" for link, why in faults.items() if why]
    print(f"{len(faults)} external links, {len(broken)} broken", *broken, sep="\n")
    sys.exit(bool(broken))
