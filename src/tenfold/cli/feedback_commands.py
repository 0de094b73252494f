"""tenfold feedback: export."""

import dataclasses
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from tenfold.cli.app import feedback_app
from tenfold.cli.flags import PLAIN, EverywhereFlags
from tenfold.errors import FeedbackError


@feedback_app.command
def export(
    folder: Annotated[Path, Parameter(help="Folder to write the dataset to.")],
    /,
    *,
    database: Annotated[
        str | None,
        Parameter(
            show_default=False,
            help="Database URL. [default: TENFOLD_DATABASE_URL, or a SQLite file]",
        ),
    ] = None,
    everywhere: EverywhereFlags = PLAIN,
) -> None:
    """Export feedback as a dataset for fine-tuning; a fifth is held out as its test part."""
    screen = everywhere.screen()
    from tenfold.serve.feedback import FeedbackStore
    from tenfold.serve.feedback.sample_export import export_samples

    with FeedbackStore(database) as store:
        if not store.count():
            raise FeedbackError(
                f"{store.url_without_password} holds no feedback yet: collect it with tenfold serve, or name another "
                "database with --database"
            )
        written = export_samples(store, folder)
    screen.say(f"{written.folder}: {written.train:,} samples for training, {written.test:,} held out")
    if written.duplicates or written.contradictory:
        screen.say(f"left out: {written.duplicates} duplicates, {written.contradictory} with contradictory labels")
    screen.say(f"next: tenfold train --from RUN --data {written.folder}")
    screen.result({**dataclasses.asdict(written), "folder": str(written.folder)})
