"""What mkdocs calls while it builds the site: for pages kept elsewhere, the notebook, and links to source files."""

import io
import os
import re
import sys
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from PIL import Image

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
# Pages of the site, and the files that they are.
ELSEWHERE = {
    "development/contributing.md": "CONTRIBUTING.md",
    "development/changelog.md": "CHANGELOG.md",
    "how-it-works/model-card.md": "src/tenfold/reading/shipped/README.md",
}
ICON = "web/public/icon.svg"
NOTEBOOK = "start/tutorial.ipynb"


class NotebookPage(File):
    """A notebook that is a page; other pages link to it as .ipynb, as they do in the repository."""

    def is_documentation_page(self) -> bool:
        return True


def on_files(files: Files, config: MkDocsConfig) -> Files:
    sys.path.append(str(ROOT))
    from docs.notebook import run_once, to_markdown

    for uri, origin in ELSEWHERE.items():
        files.append(File.generated(config, uri, abs_src_path=str(ROOT / origin)))
    files.append(File.generated(config, "assets/icon.svg", abs_src_path=str(ROOT / ICON)))
    stored = files.get_file_from_path(NOTEBOOK)
    assert stored is not None
    files.remove(stored)
    text, pictures = to_markdown(run_once(DOCS / NOTEBOOK), Path(NOTEBOOK).stem)
    files.append(NotebookPage.generated(config, NOTEBOOK, content=text))
    for name, picture in pictures.items():
        files.append(File.generated(config, f"{Path(NOTEBOOK).parent}/{name}", content=picture))
    return files


def on_page_content(html: str, page: Page, files: Files, **_: Any) -> str:
    """Pictures get their size, so that text does not move when they arrive, and are loaded when they come into view."""

    def sized(found: re.Match[str]) -> str:
        uri = os.path.normpath(Path(page.file.src_uri).parent / found[1])
        picture = files.get_file_from_path(uri)
        if picture is None:
            return found[0]
        width, height = Image.open(io.BytesIO(picture.content_bytes)).size
        return f'{found[0]} width="{width}" height="{height}" loading="lazy"'

    return re.sub(r'<img alt="[^"]*" src="([^":]+\.png)"', sized, html)


def on_post_page(output: str, **_: Any) -> str:
    """What the theme's templates lack: a name for the search, and the size of the logo."""
    output = output.replace('role="dialog">', 'role="dialog" aria-label="Search">')
    return output.replace('alt="logo">', 'alt="logo" width="24" height="24">')


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Links to files of the repository that are no pages become plain text: the site has no such files."""
    uri = page.file.src_uri
    here = (ROOT / ELSEWHERE[uri] if uri in ELSEWHERE else DOCS / uri).parent

    def link(found: re.Match[str]) -> str:
        shown, target, anchor = found.groups()
        aim = Path(os.path.normpath(here / target))
        if not aim.exists() or (aim.is_relative_to(DOCS) and uri not in ELSEWHERE):
            return found[0]
        name = aim.relative_to(ROOT).as_posix()
        pages = {origin: place for place, origin in ELSEWHERE.items()}
        place = pages.get(name) or (name.removeprefix("docs/") if aim.is_relative_to(DOCS) and aim.is_file() else None)
        if place is None:
            return shown
        return f"[{shown}]({os.path.relpath(place, Path(uri).parent)}{anchor or ''})"

    return re.sub(r"(?<!!)\[([^\]]+)\]\(([^)#:\s]+)(#[^)\s]*)?\)", link, markdown)
