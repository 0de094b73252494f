"""What a step of the report is made of: sentences, tables and figures. The page's template knows these kinds only."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True)
class Text:
    """A paragraph."""

    text: str
    kind: Literal["text"] = "text"


@dataclass(frozen=True)
class Code:
    """Lines to copy."""

    text: str
    kind: Literal["code"] = "code"


@dataclass(frozen=True)
class Table:
    """Rows under columns; a column whose name begins with `>` holds numbers."""

    columns: Sequence[str]
    rows: Sequence[Sequence[object]]
    kind: Literal["table"] = "table"


@dataclass(frozen=True)
class Figure:
    """An SVG with its caption. shape: `wide` keeps its size on a phone and scrolls; `fluid` shrinks with the page."""

    svg: str
    caption: str
    shape: Literal["wide", "fluid"] = "wide"
    kind: Literal["figure"] = "figure"


@dataclass
class Step:
    """One section of the page."""

    key: str
    title: str
    blocks: list[Text | Code | Table | Figure] = field(default_factory=list)
