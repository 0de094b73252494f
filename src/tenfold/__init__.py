"""Tenfold reads handwritten digits, end to end: it profiles the data, trains in seconds and measures honestly.

    from tenfold import Reader

    print(Reader().read("seven.png").digit)

    from tenfold import Recipe, evaluate, load_dataset, train

    run = train(Recipe.load("tutorial"), load_dataset("mnist"))
    print(evaluate(run).accuracy)

These names, and those of `tenfold.data` and `tenfold.plot`, are the public ones. They are imported when they are first
used, so `import tenfold` costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__: str

if TYPE_CHECKING:
    from tenfold import plot
    from tenfold.bulk import BulkSummary, read_all
    from tenfold.data import Dataset, load_dataset
    from tenfold.data.preprocessing import PreprocessedData, preprocess
    from tenfold.data.profile import Profile, profile
    from tenfold.errors import TenfoldError
    from tenfold.estimator import TenfoldClassifier
    from tenfold.evaluation.diagnose import Finding, Remedy
    from tenfold.evaluation.metrics import Evaluation
    from tenfold.evaluation.statistics import Spread
    from tenfold.evaluation.summary import ClassScores, EvaluationSummary
    from tenfold.ink.normalize import normalize
    from tenfold.models import register_architecture
    from tenfold.models.model_config import ModelConfig
    from tenfold.reading.explain import Explanation
    from tenfold.reading.reader import Number, Reader, Reading
    from tenfold.report.run_report import write_report
    from tenfold.runs.evaluate import Calibration, calibrate, diagnose, evaluate
    from tenfold.runs.explain import explain
    from tenfold.runs.export import ExportResult, export
    from tenfold.runs.finetune import finetuning_recipe
    from tenfold.runs.memory_run import MemoryRun
    from tenfold.runs.predict import Prediction, predict
    from tenfold.runs.run import Run, TrainingResult
    from tenfold.runs.run_folder import RunFolder
    from tenfold.runs.seeds import Seeds, resume_seeds, train_seeds
    from tenfold.runs.train import resume, train
    from tenfold.training.recipe import Recipe
    from tenfold.training.records import EpochRecord, History, Progress

# The public names by the module that each is in.
_HOMES = {
    "bulk": ("BulkSummary", "read_all"),
    "data": ("Dataset", "load_dataset"),
    "data.preprocessing": ("PreprocessedData", "preprocess"),
    "data.profile": ("Profile", "profile"),
    "errors": ("TenfoldError",),
    "estimator": ("TenfoldClassifier",),
    "evaluation.diagnose": ("Finding", "Remedy"),
    "evaluation.metrics": ("Evaluation",),
    "evaluation.statistics": ("Spread",),
    "evaluation.summary": ("ClassScores", "EvaluationSummary"),
    "ink.normalize": ("normalize",),
    "models": ("register_architecture",),
    "models.model_config": ("ModelConfig",),
    "reading.explain": ("Explanation",),
    "reading.reader": ("Number", "Reader", "Reading"),
    "report.run_report": ("write_report",),
    "runs.evaluate": ("Calibration", "calibrate", "diagnose", "evaluate"),
    "runs.explain": ("explain",),
    "runs.export": ("ExportResult", "export"),
    "runs.finetune": ("finetuning_recipe",),
    "runs.memory_run": ("MemoryRun",),
    "runs.predict": ("Prediction", "predict"),
    "runs.run": ("Run", "TrainingResult"),
    "runs.run_folder": ("RunFolder",),
    "runs.seeds": ("Seeds", "resume_seeds", "train_seeds"),
    "runs.train": ("resume", "train"),
    "training.recipe": ("Recipe",),
    "training.records": ("EpochRecord", "History", "Progress"),
}

__all__ = [
    "BulkSummary",
    "Calibration",
    "ClassScores",
    "Dataset",
    "EpochRecord",
    "Evaluation",
    "EvaluationSummary",
    "Explanation",
    "ExportResult",
    "Finding",
    "History",
    "MemoryRun",
    "ModelConfig",
    "Number",
    "Prediction",
    "PreprocessedData",
    "Profile",
    "Progress",
    "Reader",
    "Reading",
    "Recipe",
    "Remedy",
    "Run",
    "RunFolder",
    "Seeds",
    "Spread",
    "TenfoldClassifier",
    "TenfoldError",
    "TrainingResult",
    "calibrate",
    "diagnose",
    "evaluate",
    "explain",
    "export",
    "finetuning_recipe",
    "load_dataset",
    "normalize",
    "plot",
    "predict",
    "preprocess",
    "profile",
    "read_all",
    "register_architecture",
    "resume",
    "resume_seeds",
    "train",
    "train_seeds",
    "write_report",
]


if not TYPE_CHECKING:  # A type checker would take any name for one of ours.

    def __getattr__(name: str) -> Any:
        if name == "plot":
            return import_module("tenfold.plot")
        if name == "__version__":
            return import_module("importlib.metadata").version("tenfold")
        for module, names in _HOMES.items():
            if name in names:
                try:
                    return getattr(import_module(f"tenfold.{module}"), name)
                except ModuleNotFoundError as error:
                    if error.name is None or error.name.startswith("tenfold"):
                        raise
                    extra = "bulk" if module == "bulk" else "train"
                    message = (
                        f"tenfold.{name} needs {error.name}, which is not installed: pip install 'tenfold[{extra}]'"
                    )
                    raise ModuleNotFoundError(message, name=error.name) from error
        raise AttributeError(f"module 'tenfold' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
