"""A recipe of Tenfold's, through its public Python: --recipe sprint.

Its schedule ends with its epochs, so there is one line, unless the learning rate is constant (tutorial).
"""

import argparse
import json
import tempfile
from pathlib import Path

from tenfold import Recipe, evaluate, load_dataset, train


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--recipe", required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--split", action="store_true")
    options = parser.parse_args()
    recipe = Recipe.load(options.recipe).replace(
        seed=options.seed, final_weights="last", validation=0.2 if options.split else 0.0, split_seed=0
    )
    if options.epochs:
        recipe = recipe.replace(epochs=options.epochs)
    data = load_dataset("mnist")
    with tempfile.TemporaryDirectory() as folder:
        run = train(recipe, data, folder=Path(folder))
        common = {"seconds": round(run.training.seconds, 3), "device": vars(run.recipe.device)}
        if options.split and recipe.training.schedule == "constant":
            seconds = run.training.preparing_seconds
            for record in run.history:
                seconds += record.seconds
                line = {"epoch": record.epoch, "seconds": round(seconds, 3), "accuracy": record.validation_accuracy}
                print(json.dumps({**common, **line}))
            return
        accuracy = run.training.validation_accuracy if options.split else evaluate(run).accuracy
        print(json.dumps({**common, "epoch": recipe.training.epochs, "accuracy": accuracy}))


if __name__ == "__main__":
    main()
