"""The command `tenfold`: its applications and the groups of its help. The other files of this package add commands."""

from importlib import metadata

from cyclopts import App, Group

app = App(
    name="tenfold",
    help="Read handwritten digits, end to end: profile, preprocess, train, evaluate, predict, serve.",
    version=lambda: metadata.version("tenfold"),
    help_epilogue="Start with: tenfold walk",
    suppress_keyboard_interrupt=False,
)
data_app = App(name="data", help="List, describe and download known data sets.")
compare_app = App(name="compare", help="Compare models, recipes or regularization methods over several seeds.")
feedback_app = App(name="feedback", help="Export the labels that users sent.")
for subcommands in (data_app, compare_app, feedback_app):
    app.command(subcommands)

# The order of the help, and of docs/help.md.
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
    app["--help"].group = app["--version"].group = Group("Other", sort_key=len(GROUPS) + 1)
