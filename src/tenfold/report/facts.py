"""What a report tells of: gathered once, before a word of it is written."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tenfold.data import Dataset
from tenfold.data.profile import Profile, profile
from tenfold.evaluation.diagnose import Finding
from tenfold.evaluation.metrics import Evaluation
from tenfold.runs.diagnose import diagnose
from tenfold.runs.evaluate import evaluate
from tenfold.runs.predict import random_test_images
from tenfold.runs.run import Run
from tenfold.training.records import EpochRecord

PICKS = 12


@dataclass(frozen=True, kw_only=True)
class Facts:
    """A run and all that was found out about it. picks: indices of the test images shown under predictions."""

    run: Run
    data: Dataset
    profile: Profile
    history: list[EpochRecord]
    training: dict[str, Any]
    evaluation: Evaluation
    findings: list[Finding]
    picks: NDArray[np.int64]


def gather(run: Run, known_profile: Profile | None = None, evaluation: Evaluation | None = None) -> Facts:
    """Profiles, evaluates and diagnoses, where that is not handed over. Raises `RunError` for an unfinished run."""
    findings = diagnose(run)
    data = run.dataset
    return Facts(
        run=run,
        data=data,
        profile=known_profile or profile(data),
        history=run.history,
        training=run.training,
        evaluation=evaluation or evaluate(run),
        findings=findings,
        picks=random_test_images(run, PICKS, run.recipe.training.seed),
    )
