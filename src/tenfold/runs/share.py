"""One run trained by several workers: each has its files in a folder of its own, and the first one's is the run."""

import tempfile
from contextlib import ExitStack
from pathlib import Path

from tenfold.data import Dataset
from tenfold.runs.run import Run
from tenfold.runs.train import CHECKPOINT, Watch, resume
from tenfold.training.share import Share

_STATE = ("recipe.toml", "environment.json", "events.jsonl", CHECKPOINT)


def state_of(path: Path) -> dict[str, bytes]:
    """The files that a run which is not finished is taken up from."""
    return {name: (path / name).read_bytes() for name in _STATE if (path / name).exists()}


def train_share(path: Path, share: Share, data: Dataset | None, watch: Watch = lambda record: None) -> None:
    """This worker's part in training the run in `path`, which was begun, and which the first worker alone can see.

    All workers call this; one that is left alone by the others gets a `RuntimeError` of PyTorch's. watch: is called
    with what this worker sees, which is what all see. Raises what `resume` raises.
    """
    files = share.told(state_of(path) if share.rank == 0 and not Run.load(path).finished else None)
    if files is None:
        return  # Another died after the last epoch.
    with ExitStack() as stack:
        if share.rank:
            path = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tenfold-")))
            for name, content in files.items():
                files.write_bytes(path / name, content)
        resume(path, data, watch=watch, share=share)
