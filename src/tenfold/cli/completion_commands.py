"""tenfold --install-completion."""

from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from tenfold.cli.app import app
from tenfold.cli.console import PLAIN, Screen
from tenfold.cli.flags import given
from tenfold.errors import UsageError, nearest
from tenfold.files import storage_errors

SHELLS = ("bash", "zsh", "fish")
_NEXT = {
    "bash": "start a new shell, or type: source {path}",
    "zsh": "start a new shell; ~/.zshrc must call compinit, as most do",
    "fish": "start a new shell",
}


@app.command(name="--install-completion")
def install_completion(
    shell: Annotated[str | None, given(f"{', '.join(SHELLS)}. [default: the shell that you use]")] = None,
    /,
    *,
    out: Annotated[
        Path | None, Parameter(help="Only write the script to this file; leave the shell's start file as it is.")
    ] = None,
    screen: Screen = PLAIN,
) -> None:
    """Install tab completion for bash, zsh or fish."""
    from cyclopts.completion.detect import ShellDetectionError, detect_shell

    name: Any = shell
    if name is None:
        try:
            name = detect_shell()
        except ShellDetectionError:
            raise UsageError("can't find out which shell you use: tenfold --install-completion bash") from None
    if name not in SHELLS:
        raise UsageError(f"no completion for {name!r}{nearest(name, SHELLS)}; there is one for {', '.join(SHELLS)}")
    with storage_errors(out or Path.home()):
        path = app.install_completion(shell=name, output=out, add_to_startup=out is None)
    screen.say(f"completion for {name}: {path}")
    if out is None:
        screen.say(f"next: {_NEXT[name].format(path=path)}")
    screen.result({"shell": name, "path": str(path)})
