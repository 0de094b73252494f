"""Writes HTML reports: a template, its figures, and what it says of them -> one self-contained file."""

from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import jinja2
from jinja2 import PackageLoader, StrictUndefined

from tenfold import files
from tenfold.machine import Environment
from tenfold.report.figures.figure_style import Draw, to_png, to_svg


def write_html_report(path: Path, template: str | Path, figures: Mapping[str, Draw], **values: Any) -> Path:
    """Writes the report to `path`, which is returned, and each figure to `figures/<name>.png` next to it too.

    template: the name of one in this folder, or the path of another. values: for the template. Of those that every
    report has, kicker is a line above the headline, such as the name of a run; value and what are the headline, a
    number and what it counts; lead is the paragraph below it; and facts are names and values shown in a row of boxes.
    """
    environment = jinja2.Environment(
        loader=PackageLoader("tenfold", "report"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    environment.filters |= {"number": number, "percent": percent, "plural": plural}
    drawn = {}
    for name, draw in figures.items():
        files.write_bytes(path.parent / "figures" / f"{name}.png", to_png(draw))
        drawn[name] = to_svg(draw, name)
    if isinstance(template, Path):
        page = environment.from_string(template.read_text(encoding="utf-8"))
    else:
        page = environment.get_template(template)
    html = page.render(figures=drawn, headings=[], version=metadata.version("tenfold"), **values)
    return files.write_text(path, html)


def environment_rows(
    environment: Environment, packages: Mapping[str, str] | None = None, threads: int | None = None
) -> list[list[str]]:
    """The hardware and software that something was measured with, as rows of a table.

    threads: how many a training used.
    """
    machine = environment["machine"]
    hardware = f"{machine['processor']}, {machine['cores']} cores, {machine['memory_gb']} GB of memory"
    if threads is not None:
        hardware += f"; trained with {plural(threads, 'thread')}"
    rows = [["machine", hardware], ["system", f"{environment['system']}, Python {environment['python']}"]]
    if packages is not None:
        rows.append(["packages", ", ".join(f"{name} {version}" for name, version in packages.items())])
    return rows


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
