"""The networks of an ensemble, each trained in a folder of its own, put together to the run that one process makes.

Each network has the whole schedule, first weights and an order of its own, all from the recipe's seed and its number,
so where and when it is trained changes nothing.
"""

import shutil
from pathlib import Path

import torch

from tenfold import files
from tenfold.data import Dataset
from tenfold.errors import RunError, UsageError
from tenfold.runs.begin import anchored, begin, check, new_folder, resolved, start_model
from tenfold.runs.run import Run
from tenfold.runs.train import CHECKPOINT, resume
from tenfold.training.checkpoint import load_checkpoint, save_checkpoint
from tenfold.training.loop import Trainer
from tenfold.training.recipe import Recipe
from tenfold.training.records import to_line

FOLDER = "members"


def begin_members(recipe: Recipe, data: Dataset, folder: Path) -> Run:
    """A run whose networks are not trained yet. Raises `UsageError` for a recipe of one network."""
    if recipe.model.members < 2:
        raise UsageError(f"recipe {recipe.name} has one network, which one process trains: give --members or --seeds")
    check(recipe, data)
    run = begin(resolved(anchored(recipe), data), data, new_folder(folder, recipe.name))
    files.make_folder(run.path / FOLDER)
    return run


def member_folder(run: Run, member: int) -> Path:
    """Where that network is trained."""
    return run.path / FOLDER / f"{member:02}"


def is_trained(run: Run, member: int) -> bool:
    """Whether that network is."""
    return "member" in Run(member_folder(run, member), run.recipe).metrics


def assemble(run: Run, data: Dataset) -> Run:
    """The finished run, of networks that are all trained. Raises `RunError` or `CheckpointError` where one is not."""
    recipe = run.recipe
    torch.manual_seed(recipe.training.seed)
    whole = Trainer(start_model(recipe), recipe)
    lines, preparing = [], 0.0
    for member in range(recipe.model.members):
        folder = member_folder(run, member)
        torch.manual_seed(recipe.training.seed)
        trainer = Trainer(start_model(recipe), recipe)
        load_checkpoint(folder / CHECKPOINT, trainer)
        if not is_trained(run, member):
            raise RunError(f"{folder} is trained up to epoch {trainer.epoch} only")
        whole.networks[member].load_state_dict(trainer.networks[member].state_dict())
        lines += [to_line(record) for record in Run.load(folder).history]
        preparing += trainer.preparing_seconds
    # As one process leaves it after its last epoch: what remains is the end of any training.
    whole.begin(recipe.model.members - 1)
    whole.optimizer, whole.average, whole.epoch = trainer.optimizer, trainer.average, trainer.epoch
    whole.preparing_seconds = preparing
    files.write_text(run.path / "events.jsonl", "".join(lines))
    save_checkpoint(run.path / CHECKPOINT, whole, None)
    finished = resume(run.path, data)
    shutil.rmtree(run.path / FOLDER)
    return finished
