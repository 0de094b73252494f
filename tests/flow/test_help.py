"""Whoever meets a command reads its help first, and types with the Tab key."""

import os
import shlex
import shutil
import subprocess
import sys

import pytest

from tenfold import cli
from tenfold.cli import app
from tenfold.cli.help_texts import EXAMPLES, SYNOPSES, examples_of


def help_of(words):
    environment = {**os.environ, "COLUMNS": "80", "TERM": "dumb", "NO_COLOR": "1"}
    command = [sys.executable, "-m", "tenfold", *words, "--help"]
    return subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout


def commands(below=app, words=()):
    for name in below:
        if not name.startswith("-"):
            yield " ".join([*words, name])
            yield from commands(below[name], (*words, name))


def test_every_command_has_a_synopsis():
    assert set(SYNOPSES) == {*commands(), "--install-completion"}


def test_the_help_of_tenfold_names_codes_variables_and_files():
    shown = help_of([])
    assert shown.startswith("Usage: tenfold COMMAND\n")
    for heading in ("Exit codes:", "Environment variables:", "Files:"):
        assert f"\n{heading}\n" in shown
    for word in ("130", "TENFOLD_CACHE", "TENFOLD_DATABASE_URL", "--install-completion"):
        assert word in shown


def test_a_command_shows_its_own_synopsis_and_examples_that_fit_a_terminal():
    shown = help_of(["read"])
    assert shown.startswith("Usage: tenfold read IMAGES... [OPTIONS]\n")
    assert "\n  tenfold read --number photo.jpg " in shown
    assert "Exit codes" not in shown
    for command in EXAMPLES:
        assert max(map(len, examples_of(command).splitlines())) < 80, command


@pytest.mark.parametrize("line", [line for lines in EXAMPLES.values() for line, _ in lines])
def test_what_an_example_types_can_be_parsed(line):
    program, *words = shlex.split(line.split(" < ")[0])
    assert program == "tenfold"
    command, _, _ = app.parse_args(words, print_error=False, exit_on_error=False)
    assert command.__name__ == (words[1] if words[0] in ("data", "compare") else words[0]).replace("-", "_")


def installed(shell, home):
    """What is installed for a user whose home is `home`, when they type this in their shell."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"HOME": str(home), "USERPROFILE": str(home), "ZSH": "", "ZSH_CUSTOM": ""}.items():
            patch.setenv(name, value)
        with pytest.raises(SystemExit) as stopped:
            cli.main(["--install-completion", shell])
    assert stopped.value.code == 0
    return {path.relative_to(home).as_posix() for path in home.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def bash_home(tmp_path_factory):
    """A home whose user had a start file already and installed completion for Bash, twice."""
    home = tmp_path_factory.mktemp("home")
    (home / ".bashrc").write_text("alias ll='ls -l'\n")
    files = installed("bash", home)
    before = (home / ".bashrc").read_text()
    assert installed("bash", home) == files
    assert (home / ".bashrc").read_text() == before
    return home


def test_completion_for_bash_is_installed_in_the_users_home(bash_home):
    script = bash_home / ".local/share/bash-completion/completions/tenfold"
    assert "read-all" in script.read_text()
    started = (bash_home / ".bashrc").read_text()
    assert started.startswith("alias ll='ls -l'\n")
    assert f'. "{script}"' in started


@pytest.mark.parametrize(
    ("shell", "files"),
    [("zsh", {".zsh/completions/_cyclopts_tenfold", ".zshrc"}), ("fish", {".config/fish/completions/tenfold.fish"})],
)
def test_completion_for_other_shells_is_installed_where_they_look(shell, files, tmp_path):
    assert installed(shell, tmp_path) == files


@pytest.mark.skipif(not shutil.which("bash") or sys.platform == "win32", reason="needs Bash")
@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("tenfold tr", ["train"]),
        ("tenfold rea", ["read", "read-all"]),
        ("tenfold train --drop", ["--dropout"]),
        ("tenfold data f", ["fetch"]),
        ("tenfold --inst", ["--install-completion"]),
    ],
)
def test_bash_completes_what_is_typed(typed, expected, bash_home):
    words = typed.split()
    script = f"""
    . "$HOME/.bashrc"
    COMP_WORDS=({" ".join(words)}) COMP_CWORD={len(words) - 1}
    $(complete -p tenfold | sed 's/.*-F \\([^ ]*\\) .*/\\1/')
    printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    done = subprocess.run(
        ["bash", "--norc", "-c", script], capture_output=True, text=True, env={**os.environ, "HOME": str(bash_home)}
    )
    assert (sorted(done.stdout.split()), done.stderr) == (expected, "")


@pytest.mark.parametrize(
    ("words", "code", "expected"),
    [
        (["csh"], 2, "bash, zsh, fish"),
        (["fish", "--out", "FILE/x"], 1, "cannot write"),
    ],
)
def test_what_cannot_be_installed_is_an_error(words, code, expected, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    words = [word.replace("FILE", str(tmp_path / "file")) for word in words]
    with pytest.raises(SystemExit) as stopped:
        cli.main(["--install-completion", *words])
    assert stopped.value.code == code
    assert expected in capsys.readouterr().err
