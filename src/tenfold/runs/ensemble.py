"""The networks of an ensemble as jobs, each in a run folder of its own within the ensemble's.

The first weights of a network and its order of images depend on the recipe's seed and its number alone, so where and
when it is trained changes nothing.
"""

import copy
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from torch import nn

from tenfold import files
from tenfold.errors import RunError, TrainingError
from tenfold.jobs.pool import Job, JobSource, JobStopped, Outcome, Pool, Report
from tenfold.models.composite import networks
from tenfold.models.layers import set_memory_format
from tenfold.runs.fit import CHECKPOINT, Watch, fit, parts_of, report_epochs
from tenfold.runs.prepare import Prepared
from tenfold.runs.run import Run
from tenfold.training.checkpoint import load_weights, save_weights
from tenfold.training.device import MEMORY_FORMATS, execution, torch_device
from tenfold.training.records import Monitor, to_line

MEMBERS = "members"


def train_ensemble(
    run: Run,
    prepared: Prepared,
    model: nn.Module,
    pool: Pool,
    watch: Watch,
    say: Callable[[str], None],
    monitors: tuple[Monitor, ...],
) -> float:
    """Trains what is not trained yet of `run`'s networks, puts all into `model`, and their epochs into the run.

    Returns the seconds spent on all but the epochs. Raises `TrainingError` where one diverges, `RunError` where one
    can't be trained.
    """
    source = _Members(run, prepared, watch, say, monitors)
    pool.run(source)
    for network, member in zip(networks(model), source.members, strict=True):
        load_weights(member.path / "model.safetensors", network)
    set_memory_format(model, MEMORY_FORMATS[run.recipe.device.memory_format])
    records = [record for member in source.members for record in member.history]
    files.write_text(run.path / "events.jsonl", "".join(map(to_line, records)))
    return sum(float(member.metrics["preparing_seconds"]) for member in source.members)


class _Members(JobSource):
    """A job for each network."""

    def __init__(
        self,
        run: Run,
        prepared: Prepared,
        watch: Watch,
        say: Callable[[str], None],
        monitors: tuple[Monitor, ...],
    ) -> None:
        self.say, self.watch, self._run = say, watch, run
        count, device = run.recipe.model.ensemble_size, run.recipe.device
        self.members = [Run(run.path / MEMBERS / f"{member:02}", run.recipe) for member in range(count)]
        shared = (prepared,)
        self._jobs = iter(
            [
                Job(
                    key=number,
                    function=train_member,
                    folder=member.path,
                    arguments=(number, monitors),
                    shared=shared,
                    threads=device.threads,
                    gpus=int(device.device == "cuda"),
                )
                for number, member in enumerate(self.members)
                if not member.finished
            ]
        )

    def next_job(self) -> Job | None:
        return next(self._jobs, None)

    def on_done(self, job: Job, outcome: Outcome) -> None:
        name = f"network {job.key + 1} of {len(self.members)}"
        if outcome.kind == "stopped":
            raise JobStopped  # The whole ensemble is a job that is to stop.
        if outcome.kind == "diverged":
            raise TrainingError(f"{name}: {outcome.message}") from outcome.error
        if outcome.kind != "finished":
            raise RunError(f"{name}: {outcome.message}; then: {self._run.resume_command}") from outcome.error
        self.say(f"{name} is trained")


def train_member(report: Report, folder: Path, number: int, monitors: tuple[Monitor, ...], prepared: Prepared) -> None:
    """A job: trains one network of an ensemble, in a run folder that ends with the weights of that network."""
    if not (folder / Run.manifest).exists():
        Run.create(prepared, folder)
    run = Run(folder, prepared.recipe, prepared.data)
    network = copy.deepcopy(networks(prepared.model)[number]).to(torch_device(run.recipe.device.device))
    with ExitStack() as stack:
        stack.enter_context(run.working())
        stack.enter_context(execution(run.recipe.device))
        watchers: list[Watch] = [partial(report_epochs, report)]
        watchers += [stack.enter_context(monitor(folder)) for monitor in monitors]
        preparing = fit(run, prepared, network, *parts_of(prepared), watchers, number)
        run.add_metrics(preparing_seconds=preparing)
        # What makes a network trained, so it comes last.
        save_weights(folder / "model.safetensors", network)
        (folder / CHECKPOINT).unlink(missing_ok=True)
