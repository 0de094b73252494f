"""The command `tenfold`: parse, call, print. A command imports heavy packages only when it runs."""

import io
import logging
import os
import re
import sys
from collections.abc import Callable, Sequence
from importlib import metadata
from typing import Any

from cyclopts import App, CoercionError, CycloptsError

from tenfold.cli import (  # noqa: F401
    completion_commands,
    data_commands,
    read_commands,
    run_commands,
    serve_commands,
    study_commands,
    training_commands,
)
from tenfold.cli.app import app, group_commands
from tenfold.cli.console import complain
from tenfold.errors import MissingDependencyError, TenfoldError, UsageError
from tenfold.files import cache_folder

_NUMBERS: dict[object, str] = {int: "an integer", float: "a number"}

group_commands()


def main(tokens: Sequence[str] | None = None, command: App = app) -> None:
    """Run `command` and exit: 0 when done, 2 on a usage error, 1 on any other error, 130 when interrupted."""
    tokens = sys.argv[1:] if tokens is None else tokens
    # Matplotlib's list of fonts goes into the cache; without one it is made again each time, and that is no news.
    os.environ.setdefault("MPLCONFIGDIR", str(cache_folder() / "matplotlib"))
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    sys.exit(_run(lambda: command(tokens, exit_on_error=False, print_error=False), debug="--debug" in tokens))


def _run(command: Callable[[], Any], debug: bool) -> int:
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A terminal without a character shows its code instead of failing.
            stream.reconfigure(errors="backslashreplace")
    try:
        command()
        sys.stdout.flush()
    except (CycloptsError, TenfoldError) as error:
        if debug:
            raise
        return _fail(_message(error), 2 if isinstance(error, CycloptsError | UsageError) else 1)
    except ModuleNotFoundError as error:
        if debug or error.name is None or error.name.startswith("tenfold"):
            raise
        return _fail(str(MissingDependencyError(error.name, _extra_of(error.name))), 1)
    except BrokenPipeError:
        return 1
    except KeyboardInterrupt as interrupted:
        return _fail(str(interrupted) or "interrupted", 130)
    except Exception as error:
        if debug:
            raise
        return _fail(f"{type(error).__name__}: {error} (unexpected error; --debug shows the traceback)", 1)
    return 0


def _message(error: Exception) -> str:
    """The error's own, or in plain words where a flag's value is not a number."""
    if isinstance(error, CoercionError) and (token := error.token) and (kind := _NUMBERS.get(error.target_type)):
        return f"{token.keyword or 'an argument'} is {token.value!r}; it must be {kind}"
    return str(error)


def _extra_of(module: str) -> str:
    """The extra of this package that installs `module`; `train` if several do or none is known."""
    name = re.escape(module.split(".")[0].replace("_", "-"))
    found = re.findall(rf"^{name}\b.*extra == ['\"](\w+)", "\n".join(metadata.requires("tenfold") or []), re.MULTILINE)
    return "train" if "train" in found or not found else found[0]


def _fail(message: str, code: int) -> int:
    complain(message)
    return code
