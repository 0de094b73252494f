"""The report's steps on the data: what each shows, and a sentence or two on what the reader sees."""

from importlib import resources

from tenfold.models import CLASSES, PIXELS
from tenfold.report.blocks import Figure, Step, Table, Text
from tenfold.report.facts import Facts
from tenfold.report.figures import data as data_figures
from tenfold.report.pictures import Show, first_of_each_class
from tenfold.runs.augment import examples


def profile_step(facts: Facts, show: Show) -> Step:
    data, profile = facts.data, facts.profile
    train, names = profile.train, data.class_names
    least, most = int(train.counts.argmin()), int(train.counts.argmax())
    heaviest, lightest = int(profile.ink_mean.argmax()), int(profile.ink_mean.argmin())
    twice = sum(len(group) - 1 for group in train.duplicates + profile.test.duplicates)
    blank = len(train.blank) + len(profile.test.blank)
    counts = [
        [
            names[d],
            f"{train.counts[d]:,}",
            f"{profile.test.counts[d]:,}",
            f"{100 * profile.ink_mean[d]:.1f}",
            f"{100 * profile.ink_spread[d]:.1f}",
        ]
        for d in range(len(names))
    ]
    step = Step("profile", "Know the data")
    step.blocks = [
        Text(
            f"The set {data.name} holds {train.images:,} images to learn from and {profile.test.images:,} to be tested "
            "on, each 28 by 28 pixels from 0 (paper) to 255 (ink). Before any training: what is in there?"
        ),
        show(
            "samples",
            "The first twelve of each class, as stored. The same digit comes in many hands.",
            lambda theme: data_figures.samples(data, theme),
            "fluid",
        ),
        show(
            "distribution",
            f"The rarest class is {names[least]} ({train.counts[least]:,}), the commonest {names[most]} "
            f"({train.counts[most]:,}): {100 * train.balance:.0f} % as many. "
            + (
                "Near enough to even that accuracy is a fair measure."
                if train.balance > 0.7
                else "That is lopsided: read the scores per class, not the accuracy alone."
            ),
            lambda theme: data_figures.distribution(data, profile, theme),
        ),
        show(
            "mean-digits",
            f"Above, the mean image of each class: where it is sharp, writers agree. Below, how much of the image is "
            f"ink, with its spread: most in {names[heaviest]}, least in {names[lightest]}.",
            lambda theme: data_figures.mean_digits(data, profile, theme),
        ),
        Table(["class", ">train", ">test", ">ink, %", ">spread, points"], counts),
        Text(
            f"Looked for faults: {_count(twice, 'exact duplicate')}, {_count(blank, 'blank image')}, and "
            f"{_count(len(profile.overlap), 'image')} in both the training and the test part. Far from the mean of "
            f"their class: {_count(len(train.outlying), 'training image')}."
        ),
    ]
    if len(train.outlying):
        step.blocks.append(
            show(
                "outliers",
                "The training images furthest from the mean of their class, with their labels: bold "
                "pens and unusual shapes.",
                lambda theme: data_figures.oddities(data, profile, theme),
                "fluid",
            )
        )
    return step


def preprocess_step(facts: Facts, show: Show) -> Step:
    recipe = facts.run.recipe
    counts = {
        "train": facts.training["train_images"],
        "validation": facts.training["validation_images"],
        "test": len(facts.data.test_labels),
    }
    parts = [[name, f"{count:,}", PIXELS, CLASSES] for name, count in counts.items()]
    share = 100 * recipe.data.validation
    flow = resources.files("tenfold").joinpath("report/flow.svg").read_text(encoding="utf-8")
    how = "no writer in both" if recipe.data.writers else "each class in proportion"
    split = f"{100 - share:.0f} % train · {share:.0f} % validation, {how}"
    return Step(
        "preprocess",
        "Prepare it",
        [
            Text(
                "Networks learn best from small numbers of one size, so pixels become fractions and each image one row."
            ),
            Figure(flow.replace("SPLIT", split), "From files to what the network sees.", "fluid"),
            show(
                "preprocessing",
                "One training image on its way: as stored, scaled to [0,1] (the same picture, other "
                "numbers), as one row of 784, and its label as one-hot.",
                lambda theme: data_figures.preprocessing(facts.data, theme),
            ),
            Table(["part", ">images", ">numbers an image", ">numbers a label"], parts),
            Text(
                "One-hot labels are how the loss is defined; in code it takes the label's index just as well. "
                "Cross-entropy sums label times log-probability over ten classes, and nine of those labels are 0, so "
                "only the true class's term is left. Training uses the index and saves the other nine."
            ),
        ],
    )


def augment_step(facts: Facts, show: Show) -> Step:
    """What the network saw in place of the images as stored."""
    config = facts.run.recipe.augment
    images = first_of_each_class(facts.data)
    changed = examples(images, config)
    return Step(
        "augment",
        "Change it a little",
        [
            Text(
                "No image was seen twice: each time, it was changed anew, by as much as another hand might have. So "
                "the network can't learn images by heart, and must learn what they have in common."
            ),
            show(
                "augmentation",
                "The first training image of each class, and one draw of each change that the recipe makes.",
                lambda theme: data_figures.augmented(images, changed, theme),
                "fluid",
            ),
            Table(["change", ">at most"], [[name, f"{size:g}"] for name, size in vars(config).items() if size]),
        ],
    )


def _count(number: int, thing: str) -> str:
    return f"{number:,} {thing}{'' if number == 1 else 's'}" if number else f"no {thing}s"
