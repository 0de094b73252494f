"""What the library logs, for tests that look at it or interrupt there."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def logged(on_line: Callable[[str], object] = lambda line: None) -> Iterator[list[str]]:
    """The lines on jobs that are logged in the block. on_line: called with each; it may raise."""
    found: list[str] = []

    class Collect(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            found.append(record.getMessage())
            on_line(found[-1])

    logger, handler = logging.getLogger("tenfold"), Collect()
    quiet = ("tenfold.training.records", "tenfold.runs.prepare")
    handler.addFilter(lambda record: record.name not in quiet)
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield found
    finally:
        logger.setLevel(logging.NOTSET)
        logger.removeHandler(handler)
