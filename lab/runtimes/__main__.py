"""The command `python -m lab.runtimes`: one trained network in every runtime that can deploy it."""

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from lab.runtimes import runtime_tables
from lab.runtimes.runtime_comparison import RuntimeComparison, RuntimePlan
from lab.runtimes.runtime_registry import chosen
from lab.runtimes.runtime_report import write_runtime_report
from tenfold.cli import main
from tenfold.cli.console import PLAIN, Screen
from tenfold.cli.flags import given, words

app = App(name="python -m lab.runtimes", version_flags=[], suppress_keyboard_interrupt=False)


@app.default
def compare_runtimes(
    model: Annotated[
        str | None, given("A run's folder, latest, or a web file (.10fd). [default: the shipped reader]")
    ] = None,
    /,
    *,
    runtimes: Annotated[
        str | None,
        given("Runtimes, separated by commas. [default: all but torch-compiled, which needs a C++ compiler]"),
    ] = None,
    threads: Annotated[int, Parameter(help="Threads per runtime.")] = 1,
    rounds: Annotated[int, Parameter(help="Number of rounds; the runtimes are interleaved.")] = 5,
    seconds: Annotated[float, Parameter(help="Measuring time per runtime and round.")] = 4.0,
    limit_seconds: Annotated[float, Parameter(help="Time limit of one process.")] = 300.0,
    limit_gb: Annotated[float, Parameter(help="Memory limit of one process.")] = 4.0,
    out: Annotated[Path, Parameter(help="Folder in which the comparison's folder is created.")] = Path("runs"),
    screen: Screen = PLAIN,
) -> None:
    """Deploy one network in every runtime: first check that the answers are the same, then measure."""
    plan = RuntimePlan(
        runtimes=chosen(words(runtimes)),
        model=model,
        threads=threads,
        rounds=rounds,
        seconds=seconds,
        limit_seconds=limit_seconds,
        limit_gb=limit_gb,
    )
    comparison = RuntimeComparison.create(plan, out)
    rows = comparison.run(screen.say)
    report = write_runtime_report(comparison, rows)
    screen.say()
    screen.table(
        runtime_tables.COLUMNS,
        runtime_tables.table(rows),
        f"{comparison.network.title}, {threads} thread{'' if threads == 1 else 's'}: "
        + ("one round" if rounds == 1 else f"medians of {rounds} rounds"),
    )
    screen.say(runtime_tables.LEGEND, style="dim")
    for line in runtime_tables.remarks(rows):
        screen.say(line)
    screen.say(f"\nReport: {report}")
    screen.result({"path": str(comparison.path), "report": str(report), **comparison.as_document()})


if __name__ == "__main__":
    main(command=app)
