"""Terminal output: lines, tables and progress bars. Nothing else in Tenfold prints."""

import json as json_format
import logging
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Group, Parameter
from rich.console import Console
from rich.markup import escape

if TYPE_CHECKING:
    from tenfold.bulk import BulkProgress
    from tenfold.training.records import OnProgress, Progress


@Parameter(name="*", group=Group("Common options", sort_key=99))
@dataclass(frozen=True, kw_only=True)
class Screen:
    """The flags of every command, and its output: on stdout, or with `--json` on stderr, with one JSON document on
    stdout."""

    json: Annotated[
        bool, Parameter(negative="", show_default=False, help="Print one JSON document on stdout, progress on stderr.")
    ] = False
    debug: Annotated[bool, Parameter(negative="", show_default=False, help="Show the traceback of an error.")] = False

    @cached_property
    def _console(self) -> Console:
        return Console(stderr=self.json, highlight=False, soft_wrap=True, emoji=False)

    def say(self, text: str = "", style: str | None = None) -> None:
        """One line."""
        self._console.print(escape(text), style=style)

    def heading(self, text: str) -> None:
        self._console.print(f"\n[bold]{escape(text)}[/bold]")

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[object]], title: str | None = None) -> None:
        """Rows under columns; a column whose name starts with `>` is aligned right."""
        from rich.table import Table
        from rich.text import Text

        table = Table(title=Text(title) if title else None, box=None, pad_edge=False, title_justify="left",
                      header_style="dim", title_style="bold")  # fmt: skip
        for column in columns:
            right = column.startswith(">")
            table.add_column(column.lstrip(">"), justify="right" if right else "left", no_wrap=right)
        for row in rows:
            table.add_row(*(escape(str(cell)) for cell in row))
        self._console.print(table)

    def result(self, document: Any) -> None:
        """Writes the JSON document, with `--json`."""
        if self.json:
            sys.stdout.write(json_format.dumps(document, indent=2, allow_nan=False) + "\n")
            sys.stdout.flush()

    @contextmanager
    def log(self, quiet: bool = False) -> Iterator[None]:
        """Shows what the library logs. quiet: without the epochs, for several trainings."""
        logger, handler = logging.getLogger("tenfold"), _ScreenHandler(self)
        if quiet:
            handler.addFilter(lambda record: record.name != "tenfold.training.records")
        level = logger.level
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
        try:
            yield
        finally:
            logger.setLevel(level)
            logger.removeHandler(handler)

    @contextmanager
    def training(self, quiet: bool = False) -> Iterator["OnProgress"]:
        """Shows a training live: what it logs, and in a terminal a progress bar."""
        with self.log(quiet), _progress_bar(self._console) as bar:
            task = bar.add_task("", total=None, done="", rate="", visible=False)

            def show(progress: "Progress") -> None:
                bar.update(
                    task,
                    visible=not (progress.epoch == progress.epochs and progress.step == progress.steps),
                    description=f"epoch {progress.epoch} of {progress.epochs}",
                    total=progress.epochs * progress.steps,
                    completed=(progress.epoch - 1) * progress.steps + progress.step,
                    done=f"loss {progress.loss:.3f}",
                    rate=f"{progress.images_per_second:,.0f} images/s",
                )

            yield show

    @contextmanager
    def images(self) -> Iterator[Callable[["BulkProgress"], None]]:
        """Shows bulk reading live: a progress bar in a terminal, one line per minute elsewhere."""
        last = time.monotonic()
        with _progress_bar(self._console) as bar:
            task = bar.add_task("", total=None, done="", rate="")

            def watch(progress: "BulkProgress") -> None:
                nonlocal last
                rate = f"{progress.rate:,.0f} images/s"
                bar.update(task, description=f"{progress.inputs:,} images", total=progress.total,
                           completed=progress.inputs, rate=rate)  # fmt: skip
                if not self._console.is_terminal and time.monotonic() > last + 60:
                    last = time.monotonic()
                    of = "" if progress.total is None else f" of {progress.total:,}"
                    self.say(f"{progress.inputs:,}{of} images, {rate}")

            yield watch

    @contextmanager
    def downloads(self) -> Iterator[Callable[[str, int, int | None], None]]:
        """Shows downloads: a progress bar per file in a terminal, a line per file elsewhere."""
        with _progress_bar(self._console) as bar:
            tasks: dict[str, Any] = {}
            # Of each file: when its download began, and with how many bytes of an earlier one.
            starts: dict[str, tuple[float, int]] = {}

            def watch(name: str, done: int, total: int | None) -> None:
                of = f" of {size(total)}" if total else ""
                if name not in tasks:
                    tasks[name] = bar.add_task(name, total=total, done="", rate="")
                    starts[name] = time.monotonic(), done
                    if not self._console.is_terminal:
                        self.say(f"downloading {name}{f', {size(total)}' if total else ''}")
                started, before = starts[name]
                rate = f"{size((done - before) / max(1e-3, time.monotonic() - started))}/s"
                bar.update(tasks[name], completed=done, total=total, done=f"{size(done)}{of}", rate=rate)

            yield watch


class _ScreenHandler(logging.Handler):
    def __init__(self, screen: Screen) -> None:
        super().__init__()
        self._screen = screen

    def emit(self, record: logging.LogRecord) -> None:
        self._screen.say(record.getMessage())


PLAIN = Screen()


def complain(message: str) -> None:
    """One line on stderr."""
    sys.stderr.write(f"error: {' '.join(message.split())}\n")


def _progress_bar(console: Console) -> Any:
    """Progress bars, which disappear at the end; none where there is no terminal."""
    from rich import progress

    return progress.Progress(
        progress.TextColumn("{task.description}"),
        progress.BarColumn(bar_width=24),
        progress.TextColumn("{task.fields[done]}"),
        progress.TextColumn("{task.fields[rate]}", style="dim"),
        progress.TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )


def counted(count: int, what: str) -> str:
    """A number with its noun: `1 row`, `2,000 rows`."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def size(count: float) -> str:
    """Bytes with a unit: 437_544 -> `438 kB`."""
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= factor:
            return f"{count / factor:.3g} {unit}"
    return f"{count:.0f} bytes"
