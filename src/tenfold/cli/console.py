"""Terminal output: lines, tables and progress bars. Nothing else in Tenfold prints."""

import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from tenfold.training.records import EpochRecord, Progress


class Screen:
    """Output of a command: on stdout, or with `--json` on stderr, with one JSON document on stdout."""

    def __init__(self, as_json: bool = False) -> None:
        self.as_json = as_json
        self._console = Console(stderr=as_json, highlight=False, soft_wrap=True, emoji=False)

    def say(self, text: str = "", style: str | None = None) -> None:
        """One line."""
        self._console.print(escape(text), style=style)

    def heading(self, text: str) -> None:
        """A heading."""
        self._console.print(f"\n[bold]{escape(text)}[/bold]")

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[object]], title: str | None = None) -> None:
        """Rows under columns; a column whose name starts with `>` is aligned right."""
        table = Table(
            title=Text(title) if title else None,
            box=None,
            pad_edge=False,
            title_justify="left",
            header_style="dim",
            title_style="bold",
        )
        for column in columns:
            table.add_column(
                column.lstrip(">"),
                justify="right" if column.startswith(">") else "left",
                no_wrap=column.startswith(">"),
            )
        for row in rows:
            table.add_row(*(escape(str(cell)) for cell in row))
        self._console.print(table)

    def result(self, document: Any) -> None:
        """Writes the JSON document, with `--json`."""
        if self.as_json:
            sys.stdout.write(json.dumps(document, indent=2, allow_nan=False) + "\n")
            sys.stdout.flush()

    @contextmanager
    def training(self, quiet: bool = False) -> Iterator[Callable[[Progress | EpochRecord], None]]:
        """Shows a training live: one line per epoch, and in a terminal a progress bar.

        quiet: no lines, for several trainings.
        """
        if not self._console.is_terminal:
            yield lambda record: self._epoch(record) if isinstance(record, EpochRecord) and not quiet else None
            return
        with _progress_bar(self._console) as bar:
            task = bar.add_task("", total=None, loss="", rate="", visible=False)

            def watch(record: Progress | EpochRecord) -> None:
                if isinstance(record, EpochRecord):
                    if not quiet:
                        self._epoch(record)
                else:
                    bar.update(
                        task,
                        visible=not (record.epoch == record.epochs and record.step == record.steps),
                        description=f"epoch {record.epoch} of {record.epochs}",
                        total=record.epochs * record.steps,
                        completed=(record.epoch - 1) * record.steps + record.step,
                        rate=f"{record.images_per_second:,.0f} images/s",
                        loss=f"loss {record.loss:.3f}",
                    )

            yield watch

    @contextmanager
    def images(self) -> Iterator[Callable[[Any], None]]:
        """Shows bulk reading live: a progress bar in a terminal, one line per minute elsewhere."""
        if not self._console.is_terminal:
            last = [time.monotonic()]

            def show_line(progress: Any) -> None:
                if time.monotonic() > last[0] + 60:
                    last[0] = time.monotonic()
                    of = "" if progress.total is None else f" of {progress.total:,}"
                    self.say(f"{progress.inputs:,}{of} images, {progress.rate:,.0f} per second")

            yield show_line
            return
        with _progress_bar(self._console) as bar:
            task = bar.add_task("", total=None, loss="", rate="")

            def watch(progress: Any) -> None:
                bar.update(
                    task,
                    description=f"{progress.inputs:,} images",
                    total=progress.total,
                    completed=progress.inputs,
                    rate=f"{progress.rate:,.0f} images/s",
                )

            yield watch

    @contextmanager
    def downloads(self) -> Iterator[Callable[[str, int, int | None], None]]:
        """Shows downloads: a progress bar per file in a terminal, a line per file elsewhere."""
        if not self._console.is_terminal:
            started: set[str] = set()

            def show_line(name: str, done: int, total: int | None) -> None:
                if name not in started:
                    started.add(name)
                    self.say(f"downloading {name}{f', {size(total)}' if total else ''}")

            yield show_line
            return
        from rich import progress

        columns = (
            progress.TextColumn("{task.description}"),
            progress.BarColumn(bar_width=24),
            progress.DownloadColumn(),
            progress.TransferSpeedColumn(),
        )
        with progress.Progress(*columns, console=self._console) as bar:
            tasks: dict[str, progress.TaskID] = {}

            def show(name: str, done: int, total: int | None) -> None:
                if name not in tasks:
                    tasks[name] = bar.add_task(name, total=total)
                bar.update(tasks[name], completed=done, total=total)

            yield show

    def _epoch(self, record: EpochRecord) -> None:
        line = f"epoch {record.epoch:>3}  loss {record.train_loss:.4f}  accuracy {100 * record.train_accuracy:6.2f} %"
        if record.validation_loss is not None and record.validation_accuracy is not None:
            line += f"  validation {record.validation_loss:.4f} {100 * record.validation_accuracy:6.2f} %"
        self.say(f"{line}  {record.seconds:5.2f} s")


def complain(message: str) -> None:
    """One line on stderr."""
    sys.stderr.write(f"error: {' '.join(message.split())}\n")


def _progress_bar(console: Console) -> Any:
    from rich import progress

    return progress.Progress(
        progress.TextColumn("{task.description}"),
        progress.BarColumn(bar_width=24),
        progress.TextColumn("{task.fields[loss]}"),
        progress.TextColumn("{task.fields[rate]}", style="dim"),
        progress.TimeRemainingColumn(),
        console=console,
        transient=True,
        refresh_per_second=10,
        expand=False,
    )


def size(count: float) -> str:
    """Bytes with a unit: 437_544 -> `438 kB`."""
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= factor:
            return f"{count / factor:.3g} {unit}"
    return f"{count:.0f} bytes"
