"""Commands for what people corrected: feedback export."""

import dataclasses
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from tenfold.cli.app import feedback_app
from tenfold.cli.flags import PLAIN, EverywhereFlags
from tenfold.errors import FeedbackError


@feedback_app.command
def export(
    folder: Annotated[Path, Parameter(help="The folder to write: a data set.")],
    /,
    *,
    database: Annotated[
        str | None,
        Parameter(show_default=False, help="Where corrections are, as a URL; else TENFOLD_DATABASE_URL, else SQLite."),
    ] = None,
    everywhere: EverywhereFlags = PLAIN,
) -> None:
    """Make corrections a data set, with a fifth held out, to fine-tune on."""
    screen = everywhere.screen()
    from tenfold.serve.feedback import open_store
    from tenfold.serve.feedback.export import export as write

    with open_store(database) as store:
        if not store.count():
            raise FeedbackError(
                f"{store.url_without_password} holds no corrections yet: tenfold serve takes them; "
                "--database names another"
            )
        made = write(store, folder)
    screen.say(f"{made.folder}: {made.train:,} corrections to train on, {made.test:,} held out")
    if made.repeated or made.contradicted:
        screen.say(f"left out: {made.repeated} repeated, {made.contradicted} of ink that was said to be two digits")
    screen.say(f"next: tenfold train --from RUN --data {made.folder}")
    screen.result({**dataclasses.asdict(made), "folder": str(made.folder)})
