"""Writes HTML reports: a template of this folder, its figures, and what it says of them -> one self-contained file.

A report either has a template of its own, which holds its prose, or lists its sections for `blocks.html`:

section = Section("scores", "Scores", [Paragraph("Ten runs."), Table(["run", ">accuracy, %"], [["a", "99.1"]])])
write_html_report(path, title="…", kicker="…", value="99.1 %", what="…", lead="…", facts={}, footer="…",
                  sections=[section])
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

from jinja2 import Environment, PackageLoader, StrictUndefined

from tenfold import files
from tenfold.report.figures.figure_style import Draw, to_png, to_svg


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


Block = Paragraph | CodeBlock | Table | SvgFigure


@dataclass
class Section:
    """A numbered section of a report. key: its anchor, unique in the report."""

    key: str
    title: str
    blocks: list[Block] = field(default_factory=list)


def write_html_report(
    path: Path, template: str = "blocks.html", figures: Mapping[str, Draw] | None = None, **values: Any
) -> Path:
    """Writes the report to `path`, which is returned, and each figure to `figures/<name>.png` next to it too.

    values: for the template. Of those that every report has, kicker is a line above the headline, such as the name of a
    run; value and what are the headline, a number and what it counts; lead is the paragraph below it; and facts are
    names and values shown in a row of boxes.
    """
    environment = Environment(
        loader=PackageLoader("tenfold", "report"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    environment.filters |= {"number": number, "percent": percent, "plural": plural}
    drawn = {}
    for name, draw in (figures or {}).items():
        files.write_bytes(path.parent / "figures" / f"{name}.png", to_png(draw))
        drawn[name] = to_svg(draw, name)
    html = environment.get_template(template).render(
        figures=drawn, headings=[], version=metadata.version("tenfold"), **values
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
        hardware += f"; trained with {plural(threads, 'thread')}"
    rows: list[Sequence[object]] = [
        ["machine", hardware],
        ["system", f"{environment['system']}, Python {environment['python']}"],
    ]
    if packages is not None:
        rows.append(["packages", ", ".join(f"{name} {version}" for name, version in packages.items())])
    return Table(["", ""], [*rows, *more])


def number(value: float | None, form: str = ",") -> str:
    """`1,234`, or in another form of `format`; empty for None."""
    return "" if value is None else format(value, form)


def percent(share: float | None, digits: int = 2) -> str:
    """`97.63` for 0.9763; empty for None."""
    return "" if share is None else f"{100 * share:.{digits}f}"


def plural(count: int, thing: str) -> str:
    """`no images`, `1 image`, `1,234 images`."""
    return f"{count:,} {thing}{'' if count == 1 else 's'}" if count else f"no {thing}s"


def format_duration(seconds: float) -> str:
    """`48 s`, `7 min`."""
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
