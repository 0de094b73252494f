"""Writes HTML reports: sections of prose, code, tables and figures -> one self-contained file.

section = Section("scores", "Scores", [Paragraph("Ten runs."), Table(["run", ">accuracy, %"], [["a", "99.1"]])])
write_html_report(path, title="…", kicker="…", value="99.1 %", what="…", lead="…", facts={}, sections=[section])
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import metadata, resources
from pathlib import Path
from typing import Any, Literal

from jinja2 import Environment, StrictUndefined

from tenfold import files


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
class SvgFigure:
    """An SVG with its caption. layout: on a narrow screen, `scroll` keeps its size and scrolls, `shrink` scales it."""

    svg: str
    caption: str
    layout: Literal["scroll", "shrink"] = "scroll"
    kind: Literal["figure"] = "figure"


@dataclass(frozen=True)
class Details:
    """Blocks that are folded away under a summary until the reader opens them."""

    summary: str
    blocks: Sequence["Paragraph | CodeBlock | Table | SvgFigure"]
    kind: Literal["details"] = "details"


Block = Paragraph | CodeBlock | Table | SvgFigure | Details


@dataclass
class Section:
    """A numbered section of a report. key: its anchor, unique in the report."""

    key: str
    title: str
    blocks: list[Block] = field(default_factory=list)


def write_html_report(
    path: Path,
    *,
    title: str,
    kicker: str,
    value: str,
    what: str,
    lead: str,
    facts: Mapping[str, str],
    sections: Sequence[Section],
    footer: str = "",
) -> Path:
    """Writes the report to `path`, which is returned.

    kicker: a line above the headline, such as the name of a run. value, what: the headline, a number and what it
    counts. lead: the paragraph below it. facts: names and values shown in a row of boxes.
    """
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    html = environment.from_string(_resource("template.html")).render(
        title=f"{title} · Tenfold",
        style=_resource("style.css"),
        kicker=kicker,
        value=value,
        what=what,
        lead=lead,
        facts=facts,
        sections=sections,
        version=metadata.version("tenfold"),
        footer=footer,
    )
    return files.write_text(path, html)


def environment_table(
    environment: Mapping[str, Any],
    packages: Mapping[str, str] | None = None,
    threads: int | None = None,
    more: Sequence[Sequence[object]] = (),
) -> Table:
    """The hardware and software that something was measured with, then `more` rows.

    environment: of `describe_environment`. threads: how many a training used.
    """
    machine = environment["machine"]
    hardware = f"{machine['processor']}, {machine['cores']} cores, {machine['memory_gb']} GB of memory"
    if threads is not None:
        hardware += f"; trained with {threads} thread{'s' if threads > 1 else ''}"
    rows: list[Sequence[object]] = [
        ["machine", hardware],
        ["system", f"{environment['system']}, Python {environment['python']}"],
    ]
    if packages is not None:
        rows.append(["packages", ", ".join(f"{name} {version}" for name, version in packages.items())])
    return Table(["", ""], [*rows, *more])


def format_duration(seconds: float) -> str:
    """`48 s`, `7 min`."""
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def _resource(name: str) -> str:
    return resources.files("tenfold").joinpath("report").joinpath(name).read_text(encoding="utf-8")
