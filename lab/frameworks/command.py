"""compare frameworks: the same network on every framework."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from tenfold.cli.app import compare_app
from tenfold.cli.flags import PLAIN, EverywhereFlags, given, words
from tenfold.errors import UsageError


@compare_app.command(sort_key=4)
def frameworks(
    *,
    frameworks: Annotated[str | None, given("Which, with commas between; none: all.")] = None,
    network: Annotated[str | None, given("mlp or cnn, or both with a comma between; none: mlp.")] = None,
    threads: Annotated[str | None, given("How many each may use; several with commas between; none: 1.")] = None,
    seeds: Annotated[int | None, given("How many trainings of each; none: 2.")] = None,
    full: Annotated[bool, Parameter(negative="", help="Both networks, 1 and 2 threads, 5 seeds: some hours.")] = False,
    limit_seconds: Annotated[float, Parameter(help="What one process may take before it is ended.")] = 900.0,
    limit_gb: Annotated[float, Parameter(help="The memory that one process may take before it is ended.")] = 8.0,
    out: Annotated[Path, Parameter(help="The folder to make the comparison in.")] = Path("runs"),
    resume: Annotated[Path | None, given("Take up a comparison that was stopped: its folder.")] = None,
    everywhere: EverywhereFlags = PLAIN,
) -> None:
    """Train the same network on every framework: proven alike, then timed."""
    screen = everywhere.screen()
    from lab.frameworks import terminal
    from lab.frameworks.comparison import Comparison, Plan
    from lab.frameworks.framework_report import write_framework_report
    from lab.frameworks.registry import chosen

    if resume is not None:
        if full or any(value is not None for value in (frameworks, network, threads, seeds)):
            raise UsageError("--resume goes on with the comparison's own plan; leave out the flags that make one")
        comparison = Comparison.load(resume)
    else:
        plan = Plan(
            frameworks=tuple(chosen(words(frameworks))),
            networks=words(network) or (("mlp", "cnn") if full else ("mlp",)),
            threads=_numbers(threads) or ((1, 2) if full else (1,)),
            seeds=seeds if seeds is not None else 5 if full else 2,
            seconds=limit_seconds,
            memory_gb=limit_gb,
        )
        comparison = Comparison.begin(plan, out)
    rows = comparison.run(screen.say)
    report = write_framework_report(comparison, rows)
    for title, columns, table in terminal.tables(rows):
        screen.say()
        screen.table(columns, table, title)
    for line in terminal.remarks(rows):
        screen.say(line)
    screen.say(f"\nThe comparison: {report}")
    screen.result({"path": str(comparison.path), "report": str(report), **comparison.as_document()})


def _numbers(text: str | None) -> tuple[int, ...]:
    try:
        return tuple(int(word) for word in words(text))
    except ValueError:
        raise UsageError(f"--threads takes whole numbers with commas between, not {text!r}") from None
