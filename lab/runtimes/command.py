"""compare runtimes: one trained network in every form that it can be deployed in."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from tenfold.cli.app import compare_app
from tenfold.cli.flags import PLAIN, EverywhereFlags, given, words


@compare_app.command(sort_key=5)
def runtimes(
    model: Annotated[
        str | None, given("The folder of a run, latest, or a web file (.10fd); none: the shipped reader.")
    ] = None,
    /,
    *,
    runtimes: Annotated[
        str | None,
        given("Which, with commas between; none: all but torch-compiled, which takes a C++ compiler and minutes."),
    ] = None,
    threads: Annotated[int, Parameter(help="How many each may use.")] = 1,
    rounds: Annotated[int, Parameter(help="How many times each is opened and timed, in turn.")] = 5,
    seconds: Annotated[float, Parameter(help="How long each is timed in a round.")] = 4.0,
    limit_seconds: Annotated[float, Parameter(help="What one process may take before it is ended.")] = 300.0,
    limit_gb: Annotated[float, Parameter(help="The memory that one process may take before it is ended.")] = 4.0,
    out: Annotated[Path, Parameter(help="The folder to make the comparison in.")] = Path("runs"),
    everywhere: EverywhereFlags = PLAIN,
) -> None:
    """Deploy one network in every runtime: proven alike, then timed."""
    screen = everywhere.screen()
    from lab.runtimes import terminal
    from lab.runtimes.comparison import Comparison, Plan
    from lab.runtimes.registry import chosen
    from lab.runtimes.runtime_report import write_runtime_report

    plan = Plan(
        runtimes=chosen(words(runtimes)),
        model=model,
        threads=threads,
        rounds=rounds,
        seconds=seconds,
        limit_seconds=limit_seconds,
        limit_gb=limit_gb,
    )
    comparison = Comparison.begin(plan, out)
    rows = comparison.run(screen.say)
    report = write_runtime_report(comparison, rows)
    screen.say()
    screen.table(
        terminal.COLUMNS,
        terminal.table(rows),
        f"{comparison.network.title}, {threads} thread{'' if threads == 1 else 's'}: "
        + ("one round" if rounds == 1 else f"medians of {rounds} rounds"),
    )
    screen.say(terminal.LEGEND, style="dim")
    for line in terminal.remarks(rows):
        screen.say(line)
    screen.say(f"\nThe comparison: {report}")
    screen.result({"path": str(comparison.path), "report": str(report), **comparison.as_document()})
