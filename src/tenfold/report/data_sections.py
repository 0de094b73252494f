"""The report's sections on the data: profile, preprocessing and augmentation."""

from importlib import resources

from tenfold.models import CLASSES, PIXELS
from tenfold.report.figures import data_figures
from tenfold.report.figures.figure_files import Show, first_of_each_class
from tenfold.report.html_report import Paragraph, Section, SvgFigure, Table
from tenfold.report.run_facts import RunFacts
from tenfold.runs.augmentation_cost import examples


def profile_section(facts: RunFacts, show: Show) -> Section:
    data, profile = facts.data, facts.profile
    train, names = profile.train, data.class_names
    fewest, most = int(train.counts.argmin()), int(train.counts.argmax())
    heaviest, lightest = int(profile.ink_mean.argmax()), int(profile.ink_mean.argmin())
    duplicates = sum(len(group) - 1 for group in train.duplicates + profile.test.duplicates)
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
    balance = (
        "The classes are balanced well enough for accuracy to be a fair measure."
        if train.balance > 0.7
        else "The classes are imbalanced: look at the scores of each class, not only at the accuracy."
    )
    section = Section("profile", "Explore the data")
    section.blocks = [
        Paragraph(
            f"The data set {data.name} has {train.images:,} training images and {profile.test.images:,} test images. "
            "Each has 28 by 28 pixels, with values from 0 (paper) to 255 (ink). It pays to look at the data before "
            "training: many surprises in a model's results are already visible here."
        ),
        show(
            "samples",
            "The first twelve training images of each class. The same digit is written in many styles.",
            lambda theme: data_figures.samples(data, theme),
            "shrink",
        ),
        show(
            "distribution",
            f"How many images each class has. The rarest class is {names[fewest]} ({train.counts[fewest]:,} images), "
            f"the most common {names[most]} ({train.counts[most]:,}); their ratio is {train.balance:.2f}. {balance}",
            lambda theme: data_figures.distribution(data, profile, theme),
        ),
        show(
            "mean-digits",
            "Top: the mean image of each class. It is sharp where writers agree and blurred where they differ. Bottom: "
            f"the share of pixels with ink, mean and standard deviation. It is highest for {names[heaviest]} and "
            f"lowest for {names[lightest]}.",
            lambda theme: data_figures.mean_digits(data, profile, theme),
        ),
        Table(["class", ">training", ">test", ">ink, % of pixels", ">standard deviation"], counts),
        Paragraph(
            f"Quality checks found {_count(duplicates, 'exact duplicate')}, {_count(blank, 'blank image')} and "
            f"{_count(len(profile.overlap), 'image')} that occur in both the training and the test set. Outliers "
            f"(training images that are unusually far from the mean of their class): {len(train.outlying):,}."
        ),
    ]
    if len(train.outlying):
        section.blocks.append(
            show(
                "outliers",
                "Outliers: the training images that are furthest from the mean of their class, with their labels. Most "
                "have very thick strokes or unusual shapes.",
                lambda theme: data_figures.outliers(data, profile, theme),
                "shrink",
            )
        )
    return section


def preprocessing_section(facts: RunFacts, show: Show) -> Section:
    recipe = facts.run.recipe
    counts = {
        "training": facts.training["train_images"],
        "validation": facts.training["validation_images"],
        "test": len(facts.data.test_labels),
    }
    parts = [[name, f"{count:,}", PIXELS, CLASSES] for name, count in counts.items()]
    share = 100 * recipe.data.validation
    flow = resources.files("tenfold").joinpath("report/flow.svg").read_text(encoding="utf-8")
    how = "no writer in both" if recipe.data.writers else "stratified by class"
    if share:
        split = f"{100 - share:.0f} % training, {share:.0f} % validation, {how}"
        validation = (
            "Part of the training images is set aside for validation: choices such as when to stop are made on these, "
            "and the test set stays untouched until the end."
        )
    else:
        split = "all images for training, none for validation"
        validation = "This recipe trains on all training images, so nothing could be chosen by a validation accuracy."
    return Section(
        "preprocess",
        "Preprocess the data",
        [
            Paragraph(
                "Networks train best on small numbers of similar size, so pixel values are scaled to the range 0 to 1. "
                f"A dense network takes a vector, so each image is flattened to 784 numbers. {validation}"
            ),
            SvgFigure(flow.replace("SPLIT", split), "From files to the network's input.", "shrink"),
            show(
                "preprocessing",
                "One training image, from left to right: as stored; scaled to 0 to 1, which looks the same; flattened "
                "to a vector; and its label as a one-hot vector.",
                lambda theme: data_figures.preprocessing(facts.data, theme),
            ),
            Table(["part", ">images", ">numbers per image", ">numbers per label"], parts),
            Paragraph(
                "Cross-entropy is defined on one-hot labels: it sums label times log-probability over the ten classes. "
                "Nine of the ten labels are 0, so only the term of the true class remains. The code therefore uses the "
                "label's index directly, which gives the same loss without the nine zeros."
            ),
        ],
    )


def augmentation_section(facts: RunFacts, show: Show) -> Section:
    config = facts.run.recipe.augment
    images = first_of_each_class(facts.data)
    augmented = examples(images, config)
    return Section(
        "augment",
        "Augment the data",
        [
            Paragraph(
                "Data augmentation changes each training image slightly and at random every time it is used, about as "
                "much as another writer might have written it differently. The network never sees exactly the same "
                "image twice, so it cannot memorize the training set and has to learn what the images of a class have "
                "in common."
            ),
            show(
                "augmentation",
                "The first training image of each class, and one random example of each augmentation in the recipe.",
                lambda theme: data_figures.augmented(images, augmented, theme),
                "shrink",
            ),
            Table(["augmentation", ">strength"], [[name, f"{size:g}"] for name, size in vars(config).items() if size]),
        ],
    )


def _count(number: int, thing: str) -> str:
    return f"{number:,} {thing}{'' if number == 1 else 's'}" if number else f"no {thing}s"
