"""What a run's report says, gathered before it is written."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tenfold.data import Dataset
from tenfold.data.profile import Profile, profile
from tenfold.evaluation.diagnose import Finding
from tenfold.evaluation.metrics import Evaluation
from tenfold.runs.evaluate import diagnose, evaluate
from tenfold.runs.predict import random_test_images
from tenfold.runs.run import Run
from tenfold.training.records import EpochRecord

# Test images shown with their predictions.
_PREDICTIONS = 12


@dataclass(frozen=True, kw_only=True)
class RunFacts:
    """A run and everything the report says about it. picks: indices of the test images shown under predictions."""

    run: Run
    data: Dataset
    profile: Profile
    history: list[EpochRecord]
    training: dict[str, Any]
    evaluation: Evaluation
    findings: list[Finding]
    picks: NDArray[np.int64]


def gather_facts(run: Run, known_profile: Profile | None = None, evaluation: Evaluation | None = None) -> RunFacts:
    """Profiles, evaluates and diagnoses, unless given. Raises `RunError` for an unfinished run."""
    findings = diagnose(run)
    return RunFacts(
        run=run,
        data=run.dataset,
        profile=known_profile or profile(run.dataset),
        history=run.history,
        training=run.training,
        evaluation=evaluation or evaluate(run),
        findings=findings,
        picks=random_test_images(run, _PREDICTIONS, run.recipe.training.seed),
    )
