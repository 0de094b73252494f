"""What a person sees in the terminal: lines, tables and a progress bar. All printing of Tenfold happens here."""

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
    """Where a command's words go: to stdout; or, under `--json`, to stderr, with one JSON document on stdout."""

    def __init__(self, as_json: bool = False) -> None:
        self.as_json = as_json
        self._console = Console(stderr=as_json, highlight=False, soft_wrap=True, emoji=False)

    def say(self, text: str = "", style: str | None = None) -> None:
        """One line."""
        self._console.print(escape(text), style=style)

    def heading(self, text: str) -> None:
        """A line that begins a part."""
        self._console.print(f"\n[bold]{escape(text)}[/bold]")

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[object]], title: str | None = None) -> None:
        """Rows under columns; a column whose name begins with `>` is set to the right."""
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
        """The command's one JSON document, where it was asked for."""
        if self.as_json:
            sys.stdout.write(json.dumps(document, indent=2, allow_nan=False) + "\n")
            sys.stdout.flush()

    @contextmanager
    def training(self, quiet: bool = False) -> Iterator[Callable[[Progress | EpochRecord], None]]:
        """Shows a training live: a bar with rate and time left in a terminal, and a line an epoch everywhere.

        quiet: no lines, where there are many trainings.
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
        """Shows a bulk read live: a bar in a terminal; a line each minute elsewhere."""
        if not self._console.is_terminal:
            said = [time.monotonic()]

            def tell(progress: Any) -> None:
                if time.monotonic() > said[0] + 60:
                    said[0] = time.monotonic()
                    of = "" if progress.total is None else f" of {progress.total:,}"
                    self.say(f"{progress.inputs:,}{of} images, {progress.rate:,.0f} a second")

            yield tell
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
        """Shows downloads: a bar a file in a terminal, a line a file elsewhere."""
        if not self._console.is_terminal:
            told: set[str] = set()

            def tell(name: str, done: int, total: int | None) -> None:
                if name not in told:
                    told.add(name)
                    self.say(f"fetching {name}{f', {size(total)}' if total else ''}")

            yield tell
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
    """Bytes, as people say them: `437,544` -> `438 kB`."""
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= factor:
            return f"{count / factor:.3g} {unit}"
    return f"{count:.0f} bytes"
