"""The command `python -m lab.frameworks`: the same network on every framework."""

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from lab.frameworks import framework_tables
from lab.frameworks.framework_comparison import FrameworkComparison, FrameworkPlan
from lab.frameworks.framework_registry import chosen
from lab.frameworks.framework_report import write_framework_report
from tenfold.cli import main
from tenfold.cli.console import PLAIN, Screen
from tenfold.cli.flags import given, words
from tenfold.errors import UsageError

app = App(name="python -m lab.frameworks", version_flags=[], suppress_keyboard_interrupt=False)


@app.default
def compare_frameworks(
    *,
    frameworks: Annotated[str | None, given("Frameworks, separated by commas. [default: all]")] = None,
    network: Annotated[str | None, given("mlp, cnn, or both separated by a comma. [default: mlp]")] = None,
    threads: Annotated[str | None, given("Threads per training, separated by commas. [default: 1]")] = None,
    seeds: Annotated[int | None, given("Number of seeds per framework. [default: 2]")] = None,
    full: Annotated[
        bool, Parameter(negative="", help="Both networks, 1 and 2 threads, 5 seeds: takes some hours.")
    ] = False,
    limit_seconds: Annotated[float, Parameter(help="Time limit of one process.")] = 900.0,
    limit_gb: Annotated[float, Parameter(help="Memory limit of one process.")] = 8.0,
    out: Annotated[Path, Parameter(help="Folder in which the comparison's folder is created.")] = Path("runs"),
    resume: Annotated[Path | None, given("Resume an interrupted comparison: its folder.")] = None,
    screen: Screen = PLAIN,
) -> None:
    """Train the same network on every framework: first check that the arithmetic is the same, then measure."""
    if resume is not None:
        if full or any(value is not None for value in (frameworks, network, threads, seeds)):
            raise UsageError("--resume uses the comparison's own settings; leave out the flags that choose others")
        comparison = FrameworkComparison.load(resume)
    else:
        plan = FrameworkPlan(
            frameworks=tuple(chosen(words(frameworks))),
            networks=words(network) or (("mlp", "cnn") if full else ("mlp",)),
            threads=_numbers(threads) or ((1, 2) if full else (1,)),
            seeds=seeds if seeds is not None else 5 if full else 2,
            seconds=limit_seconds,
            memory_gb=limit_gb,
        )
        comparison = FrameworkComparison.create(plan, out)
    rows = comparison.run(screen.say)
    report = write_framework_report(comparison, rows)
    for title, columns, table in framework_tables.tables(rows):
        screen.say()
        screen.table(columns, table, title)
    for line in framework_tables.remarks(rows):
        screen.say(line)
    screen.say(f"\nReport: {report}")
    screen.result({"path": str(comparison.path), "report": str(report), **comparison.as_document()})


def _numbers(text: str | None) -> tuple[int, ...]:
    try:
        return tuple(int(word) for word in words(text))
    except ValueError:
        raise UsageError(f"--threads takes whole numbers separated by commas, not {text!r}") from None


if __name__ == "__main__":
    main(command=app)
