"""Who watches a training besides the console."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from tenfold.errors import MissingDependencyError
from tenfold.training.records import EpochRecord, Progress

# Opened with the run's folder; gives what is called with each record.
Monitor = Callable[[Path], AbstractContextManager[Callable[[Progress | EpochRecord], None]]]


@contextmanager
def tensorboard(folder: Path) -> Iterator[Callable[[Progress | EpochRecord], None]]:
    """Writes loss and accuracy of every epoch to `folder/tensorboard`: look with `tensorboard --logdir runs`."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise MissingDependencyError("tensorboard", "train") from error
    writer = SummaryWriter(str(folder / "tensorboard"))

    def watch(record: Progress | EpochRecord) -> None:
        if isinstance(record, EpochRecord):
            for name in ("loss", "accuracy"):
                for part in ("train", "validation"):
                    value = getattr(record, f"{part}_{name}")
                    if value is not None:
                        writer.add_scalar(f"{name}/{part}", value, record.epoch)
            writer.flush()

    try:
        yield watch
    finally:
        writer.close()
