"""Commands for data: profile, preprocess, augment, data list, data info, data fetch."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from tenfold.cli.app import app, data_app
from tenfold.cli.console import PLAIN, Screen
from tenfold.cli.flags import (
    NO_RECIPE_FLAGS,
    ClassNames,
    DatasetName,
    RecipeFlags,
    given,
    recipe_changes,
    resolve_recipe,
    switch,
    words,
)

if TYPE_CHECKING:
    from tenfold.data import DatasetInfo


@app.command
def profile(
    dataset: DatasetName = "mnist",
    /,
    *,
    class_names: ClassNames = None,
    out: Annotated[Path | None, Parameter(help="Folder to write figures to.")] = None,
    screen: Screen = PLAIN,
) -> None:
    """Profile a data set: counts, ink, duplicates, outliers."""
    from tenfold.data import load_dataset
    from tenfold.data.profile import profile as look

    data = load_dataset(dataset, class_names=words(class_names))
    found = look(data)
    screen.say(f"{data.origin}\n")
    rows = [
        [name, f"{train:,}", f"{test:,}", f"{100 * ink:.1f}", f"{100 * spread:.1f}"]
        for name, train, test, ink, spread in zip(
            data.class_names, found.train.counts, found.test.counts, found.ink_mean, found.ink_spread, strict=True
        )
    ]
    screen.table(["class", ">train", ">test", ">ink, %", ">spread, points"], rows, data.name)
    screen.say(
        f"\nbalance {found.train.balance:.2f} (smallest class to largest); pixels {found.pixel_mean:.4f} on "
        f"average, standard deviation {found.pixel_spread:.4f}"
    )
    for name, part in (("train", found.train), ("test", found.test)):
        screen.say(
            f"{name}: {len(part.duplicates)} groups of duplicates ({len(part.contradictions)} with different "
            f"labels), {len(part.blank)} blank, {len(part.outlying)} outlying"
        )
    screen.say(f"{len(found.overlap)} images are in both training and test set")
    figures = []
    if out is not None:
        from tenfold.report.figures.figure_files import draw_profile

        figures = draw_profile(data, found, out)
        screen.say(f"figures in {out}")
    screen.result({**found.to_dict(), "origin": data.origin, "figures": [str(path) for path in figures]})


@app.command
def preprocess(
    dataset: DatasetName = "mnist",
    /,
    *,
    class_names: ClassNames = None,
    validation: Annotated[float, Parameter(help="Share of the training images held out for validation.")] = 0.2,
    seed: Annotated[int, Parameter(help="Seed of the split.")] = 0,
    writers: Annotated[
        Path | None, Parameter(help="Split by writer: a .npy or .npz file with the writer of each training image.")
    ] = None,
    out: Annotated[Path | None, Parameter(help=".npz file to write the arrays to.")] = None,
    screen: Screen = PLAIN,
) -> None:
    """Scale, flatten, one-hot encode and split a data set."""
    from tenfold.data import load_dataset
    from tenfold.data.npz_file import load_writers
    from tenfold.data.preprocessing import preprocess as prepare
    from tenfold.data.preprocessing import save

    data = load_dataset(dataset, class_names=words(class_names))
    ready = prepare(data, validation, seed, None if writers is None else load_writers(writers))
    arrays = vars(ready)
    screen.table(
        ["array", "type", ">shape", ">lowest", ">highest"],
        [
            [name, a.dtype, " x ".join(map(str, a.shape)), *((f"{a.min():g}", f"{a.max():g}") if a.size else ("", ""))]
            for name, a in arrays.items()
        ],
    )
    if out is not None:
        save(ready, out)
        screen.say(f"\nwritten to {out}")
    screen.result({"shapes": {name: list(a.shape) for name, a in arrays.items()}, "out": out and str(out)})


@app.command
def augment(
    recipe: Annotated[str | None, given("Recipe whose augmentation to use. [default: typical values]")] = None,
    /,
    *,
    show: Annotated[bool, switch("Draw the effect of each augmentation in augment.png.")] = False,
    out: Annotated[Path | None, given(".png file to draw in.")] = None,
    flags: RecipeFlags = NO_RECIPE_FLAGS,
    screen: Screen = PLAIN,
) -> None:
    """Show the effect and the cost of augmentation."""
    resolved = resolve_recipe("cnn" if recipe is None else recipe, flags)
    from tenfold.runs.augmentation_cost import TYPICAL, measure_cost

    changes = recipe_changes(flags)
    if recipe is None:
        resolved = resolved.replace(**{key: value for key, value in TYPICAL.items() if key not in changes})
    data = resolved.data.load()
    cost = measure_cost(resolved, data)
    screen.table(
        ["augmentation", ">strength", ">ms per batch", ">share of a step, %"],
        [[c.name, c.strength, f"{1000 * c.seconds:.2f}", f"{100 * c.share:.1f}"] for c in cost],
        f"batches of {resolved.training.batch_size}, steps of {resolved.name}",
    )
    if show and out is None:
        out = Path("augment.png")
    if out is not None:
        from tenfold.report.figures.figure_files import draw_augmentation

        draw_augmentation(data, resolved.augment, out)
        screen.say(f"\ndrawn in {out}")
    screen.result({"recipe": resolved.name, "cost": [vars(c) for c in cost], "out": out and str(out)})


@data_app.command(name="list")
def list_data(*, screen: Screen = PLAIN) -> None:
    """List known data sets and where they are stored."""
    from tenfold.data import list_datasets

    found = list_datasets()
    screen.table(
        ["name", ">train", ">test", "location", "license"],
        [[i.name, f"{i.train_count:,}", f"{i.test_count:,}", i.location, i.license] for i in found],
    )
    screen.result([_description(i) for i in found])


@data_app.command
def info(
    dataset: Annotated[str, Parameter(help="Name of a known data set.")] = "mnist", /, *, screen: Screen = PLAIN
) -> None:
    """Describe a known data set: shape, license, sources, digests."""
    from tenfold.data import dataset_info

    described = _description(dataset_info(dataset))
    for key, value in described.items():
        if isinstance(value, list | tuple):
            screen.say(f"{key}:")
            for item in value:
                screen.say(f"  {item}")
        else:
            screen.say(f"{key}: {value}")
    screen.result(described)


@data_app.command
def fetch(dataset: DatasetName, /, *, screen: Screen = PLAIN) -> None:
    """Download a known data set, verify it and store it in the cache."""
    from tenfold.data import load_dataset

    with screen.downloads() as on_progress:
        data = load_dataset(dataset, on_progress=on_progress)
    screen.say(
        f"{data.name}: {len(data.train_images):,} training and {len(data.test_images):,} test images; {data.origin}"
    )
    screen.result(
        {"dataset": data.name, "train": len(data.train_images), "test": len(data.test_images), "origin": data.origin}
    )


def _description(info: "DatasetInfo") -> dict[str, Any]:
    files = [f"{file.name}  {file.digest}  {' '.join(file.urls)}" for file in info.files]
    digests = [f"{name}  sha256:{digest}" for name, digest in info.unpacked_sha256.items()]
    return {**vars(info), "folder": str(info.folder), "files": files, "unpacked_sha256": digests}
