"""What would be misread is put right, and said; what can't be put right is refused.

The shipped reader is asked what it makes of a sample: where it agrees with the labels of the images turned or mirrored,
and not with those of the images as they are, the data set was stored that way, as EMNIST's files are.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from tenfold.data.dataset import DatasetPart, Images
from tenfold.errors import FormatError

# Images that the reader is asked about; fewer than the second show nothing.
SAMPLE, FEWEST = 200, 20
# The share of labels that the reader must agree with, and how much larger that is than for the images as they are.
AGREES, BETTER = 0.7, 0.2
# The share of images that the reader is sure of, where labels that it doesn't agree with are worth a word.
SURE = 0.7
# The share of images on white paper that makes the whole set one.
WHITE = 0.9

# How the images may lie, on their last two axes.
_VIEWS: dict[str, Callable[[Images], Images]] = {
    "transposed": lambda images: images.transpose(0, 2, 1),
    "turned by 90 degrees": lambda images: np.rot90(images, 1, (1, 2)),
    "turned by 180 degrees": lambda images: np.rot90(images, 2, (1, 2)),
    "turned by 270 degrees": lambda images: np.rot90(images, 3, (1, 2)),
    "mirrored": lambda images: images[:, :, ::-1],
    "flipped": lambda images: images[:, ::-1],
    "mirrored and turned": lambda images: np.rot90(images[:, :, ::-1], 1, (1, 2)),
}


def put_right(
    train: DatasetPart, test: DatasetPart | None, where: str
) -> tuple[DatasetPart, DatasetPart | None, list[str]]:
    """Both parts as they should be, and a line for each thing that was done or is to be known.

    Raises `FormatError`, starting with `where`, for images without any ink.
    """
    parts = [train] if test is None else [train, test]
    notes: list[str] = []
    if is_white_paper(train.images):
        parts = [part._replace(images=255 - part.images) for part in parts]
        notes.append("its paper was white, and its pixels were inverted")
    inked = [np.asarray(part.images.reshape(len(part.images), -1).any(1)) for part in parts]
    if left_out := sum(int((~some).sum()) for some in inked):
        parts = [_chosen(part, some) for part, some in zip(parts, inked, strict=True)]
        notes.append(f"{left_out:,} images without ink were left out")
    if any(len(part.labels) == 0 for part in parts):
        raise FormatError(f"{where}: there is no ink in any image")
    if len(train.labels) > 1 and len(np.unique(train.labels)) == 1:
        notes.append(f"all its labels are {train.labels[0]}: is this column or folder the label?")
    turn, said = _orientation(parts[0])
    if turn is not None:
        parts = [part._replace(images=np.ascontiguousarray(turn(part.images))) for part in parts]
    return parts[0], None if test is None else parts[1], notes + said


def _chosen(part: DatasetPart, rows: NDArray[np.bool_]) -> DatasetPart:
    return DatasetPart(*(None if array is None else array[rows] for array in part))  # type: ignore[arg-type]


def is_white_paper(images: Images) -> bool:
    """Whether nearly all images have bright borders: dark ink on white paper."""
    borders = np.concatenate([images[:, 0], images[:, -1], images[:, :, 0], images[:, :, -1]], 1)
    return bool((np.median(borders, 1) > 127).mean() > WHITE)


def _orientation(part: DatasetPart) -> tuple[Callable[[Images], Images] | None, list[str]]:
    """How the images have to be turned, and what is to be said of it; None and nothing for those that are upright."""
    if len(part.labels) < FEWEST:
        return None, []
    from tenfold.reading.reader import Reader

    chosen = np.linspace(0, len(part.labels) - 1, min(SAMPLE, len(part.labels))).astype(int)
    labels = part.labels[chosen]
    reader = Reader()
    readings = reader.read_many(np.array(part.images[chosen]))
    stored = float(np.mean([reading.digit == label for reading, label in zip(readings, labels, strict=True)]))
    if stored >= AGREES:
        return None, []
    # What the model saw of each image, in MNIST's form whichever way it lies.
    seen = np.stack([reading.pixels for reading in readings])
    found = {
        name: float((reader.probabilities(np.ascontiguousarray(view(seen))).argmax(1) == labels).mean())
        for name, view in _VIEWS.items()
    }
    best = max(found, key=lambda name: found[name])
    if found[best] >= AGREES and found[best] - stored >= BETTER:
        return _VIEWS[best], [
            f"its images were {best}: so the shipped reader agrees with {100 * found[best]:.0f} % of {len(chosen)} "
            f"labels, and with {100 * stored:.0f} % of those of the images as they were stored"
        ]
    sure = float(np.mean([not reading.unsure for reading in readings]))
    if sure >= SURE and stored < 1 - AGREES:
        return None, [
            f"the shipped reader is sure of {100 * sure:.0f} % of {len(chosen)} images, and agrees with "
            f"{100 * stored:.0f} % of their labels: are these the labels of other images?"
        ]
    return None, []
