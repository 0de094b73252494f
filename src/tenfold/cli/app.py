"""The command `tenfold` and its groups of commands, which the other files of this room fill."""

from importlib import metadata

from cyclopts import App

app = App(
    name="tenfold",
    help="Reads handwritten digits, end to end: profile, preprocess, train, evaluate, predict.",
    version=lambda: metadata.version("tenfold"),
    help_epilogue="Begin with: tenfold walk",
    suppress_keyboard_interrupt=False,
)
data_app = App(name="data", help="The data sets that Tenfold knows.", sort_key=2)
compare_app = App(name="compare", help="Set recipes, frameworks or runtimes side by side.", sort_key=20)
feedback_app = App(name="feedback", help="What people said a digit was.", sort_key=14)
app.command(data_app)
app.command(compare_app)
app.command(feedback_app)
