"""Reports of the laboratory: sections of paragraphs, tables and figures that Python lists -> one HTML file."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from tenfold.report.figures.figure_style import Draw
from tenfold.report.html_report import write_html_report


@dataclass(frozen=True)
class Paragraph:
    """A paragraph of plain text."""

    text: str
    kind: Literal["paragraph"] = "paragraph"


@dataclass(frozen=True)
class CodeBlock:
    """Lines to copy, such as a command."""

    text: str
    kind: Literal["code"] = "code"


@dataclass(frozen=True)
class Table:
    """Rows under columns; the name of a column of numbers begins with `>`, which aligns it to the right."""

    columns: Sequence[str]
    rows: Sequence[Sequence[object]]
    kind: Literal["table"] = "table"


@dataclass(frozen=True)
class Figure:
    """A figure with its caption. name: of its file, unique in the report."""

    name: str
    caption: str
    draw: Draw
    kind: Literal["figure"] = "figure"


Block = Paragraph | CodeBlock | Table | Figure


@dataclass
class Section:
    """A numbered section of a report. key: its anchor, unique in the report."""

    key: str
    title: str
    blocks: list[Block] = field(default_factory=list)


def write_block_report(path: Path, sections: Sequence[Section], **values: Any) -> Path:
    """Writes the report to `path`, which is returned, and its figures next to it; values: see `write_html_report`."""
    figures = {block.name: block.draw for section in sections for block in section.blocks if isinstance(block, Figure)}
    return write_html_report(path, Path(__file__).with_name("blocks.html"), figures, sections=sections, **values)
