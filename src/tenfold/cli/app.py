"""The command `tenfold`: its applications and the groups of its help. The other files of this package add commands."""

from importlib import metadata

from cyclopts import App, Group

from tenfold.cli.help_texts import EPILOGUE, SYNOPSES, examples_of

app = App(
    name="tenfold",
    help="Read handwritten digits, end to end: profile, preprocess, train, evaluate, predict, serve.",
    version=lambda: metadata.version("tenfold"),
    usage="Usage: tenfold COMMAND",
    help_epilogue=EPILOGUE,
    # Lines of examples stay lines.
    help_format="plaintext",
    group_parameters=Group("Options", sort_key=10),
    suppress_keyboard_interrupt=False,
)
data_app = App(name="data", help="List, describe and download known data sets.")
compare_app = App(name="compare", help="Compare models, recipes or regularization methods over several seeds.")
feedback_app = App(name="feedback", help="Export the feedback that users of the web app sent.")
for subcommands in (data_app, compare_app, feedback_app):
    app.command(subcommands)

# The order of the help, and of docs/reference/command-line.md.
GROUPS = {
    "Start": ("walk",),
    "Data": ("data", "profile", "preprocess", "augment"),
    "Train": ("model", "train", "calibrate", "export"),
    "Evaluate": ("evaluate", "predict", "diagnose", "report", "compare"),
    "Read": ("read",),
    "Serve": ("serve", "feedback"),
    "Scale": ("sweep", "read-all"),
}


def group_commands() -> None:
    """Puts every command into its group; call it after all commands are added."""
    order = iter(range(1, 100))
    for position, (title, names) in enumerate(GROUPS.items(), 1):
        group = Group(title, sort_key=position)
        for name in names:
            app[name].group = group
            app[name].sort_key = next(order)
    other = Group("Other", sort_key=len(GROUPS) + 1)
    for name in ("--install-completion", "--help", "--version"):
        app[name].group = other
    for command, synopsis in SYNOPSES.items():
        one = app
        for name in command.split():
            one = one[name]
        one.usage = f"Usage: tenfold {command} {synopsis}"
        one.help_epilogue = examples_of(command)
