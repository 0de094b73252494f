"""What a step of the report is made of: sentences, tables and figures. The page's template knows these kinds only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal


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


def environment_table(
    environment: Mapping[str, Any],
    packages: Mapping[str, str] | None = None,
    threads: int | None = None,
    more: Sequence[Sequence[object]] = (),
) -> Table:
    """What `runs.environment` describes: machine and system, then packages with their versions, then more rows.

    threads: that a training took, told beside the machine.
    """
    machine = environment["machine"]
    told = f"{machine['processor']}, {machine['cores']} cores, {machine['memory_gb']} GB"
    if threads is not None:
        told += f"; trained with {threads} thread{'s' if threads > 1 else ''}"
    rows: list[Sequence[object]] = [
        ["machine", told],
        ["system", f"{environment['system']}, Python {environment['python']}"],
    ]
    if packages is not None:
        rows.append(["packages", ", ".join(f"{name} {version}" for name, version in packages.items())])
    return Table(["", ""], [*rows, *more])
