"""Tenfold reads handwritten digits, end to end: it profiles the data, trains in seconds and measures honestly.

    from tenfold import Reader

    print(Reader().read("seven.png").digit)

    from tenfold import Recipe, evaluate, load_dataset, train

    run = train(Recipe.load("tutorial"), load_dataset("mnist"))
    print(evaluate(run).accuracy)

Names are imported when they are first used, so `import tenfold` costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tenfold.data import Dataset, load_dataset
    from tenfold.data.preprocessing import preprocess
    from tenfold.data.profile import Profile
    from tenfold.errors import TenfoldError
    from tenfold.evaluation.metrics import Evaluation
    from tenfold.reading.reader import Number, Reader, Reading
    from tenfold.runs.evaluate import diagnose, evaluate
    from tenfold.runs.run import Run
    from tenfold.runs.train import resume, train
    from tenfold.training.recipe import Recipe

__all__ = [
    "Dataset",
    "Evaluation",
    "Number",
    "Profile",
    "Reader",
    "Reading",
    "Recipe",
    "Run",
    "TenfoldError",
    "diagnose",
    "evaluate",
    "load_dataset",
    "preprocess",
    "resume",
    "train",
]

_HOMES = {
    "data": ("Dataset", "load_dataset"),
    "data.preprocessing": ("preprocess",),
    "data.profile": ("Profile",),
    "errors": ("TenfoldError",),
    "evaluation.metrics": ("Evaluation",),
    "reading.reader": ("Number", "Reader", "Reading"),
    "runs.evaluate": ("diagnose", "evaluate"),
    "runs.run": ("Run",),
    "runs.train": ("resume", "train"),
    "training.recipe": ("Recipe",),
}


def __getattr__(name: str) -> Any:
    for module, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"tenfold.{module}"), name)
    raise AttributeError(f"module 'tenfold' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
