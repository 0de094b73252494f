"""What would be misread is put right, and said; what can't be put right is refused.

The shipped reader is asked what it makes of a sample: where it agrees with the labels of the images turned or mirrored,
and not with those of the images as they are, the data set was stored that way, as EMNIST's files are.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from tenfold.data.arrays import WHITE, bright_borders, brightened
from tenfold.data.dataset import DatasetPart, Images, Labels
from tenfold.errors import FormatError

if TYPE_CHECKING:
    from tenfold.reading.reader import Reading

# Images that the reader is asked about; fewer than the second show nothing.
SAMPLE, FEWEST = 200, 20
# The share of labels that the reader must agree with, and how much larger that is than for the images as they are.
AGREES, BETTER = 0.7, 0.2
# The share of images that the reader is sure of, where labels that it doesn't agree with are worth a word.
SURE = 0.7

# How the images may lie, on their last two axes.
_VIEWS: dict[str, Callable[[Images], Images]] = {
    "transposed": lambda images: images.transpose(0, 2, 1),
    "turned by 90 degrees": lambda images: np.rot90(images, 1, (1, 2)),
    "turned by 180 degrees": lambda images: np.rot90(images, 2, (1, 2)),
    "turned by 270 degrees": lambda images: np.rot90(images, 3, (1, 2)),
    "mirrored": lambda images: images[:, :, ::-1],
    "flipped": lambda images: images[:, ::-1],
    "transposed and turned by 180 degrees": lambda images: images.transpose(0, 2, 1)[:, ::-1, ::-1],
}


def put_right(part: DatasetPart, where: str, digits: bool = True) -> tuple[DatasetPart, list[str]]:
    """The part as it should be, and a line for each thing that was done or is to be known.

    digits: whether its classes are the digits; then the shipped reader is asked how the images lie.

    Raises `FormatError`, starting with `where`, for images without any ink.
    """
    images, notes = ink_on_black(part.images, part.labels if digits else None)
    has_ink = np.ptp(images.reshape(len(images), -1), axis=1) > 0
    part = part._replace(images=images)
    if not has_ink.all():
        part = DatasetPart(*(None if array is None else array[has_ink] for array in part))  # type: ignore[arg-type]
        notes.append(f"images without ink, left out: {int((~has_ink).sum()):,}")
    if not has_ink.any():
        raise FormatError(f"{where}: there is no ink in any image")
    if len(part.labels) > 1 and len(np.unique(part.labels)) == 1:
        notes.append(f"all its labels are {part.labels[0]}: is this column or folder the label?")
    turn, said = _orientation(part) if digits else (None, [])
    if turn is not None:
        part = part._replace(images=np.ascontiguousarray(turn(part.images)))
    return part, notes + said


def ink_on_black(images: Images, labels: Labels | None = None) -> tuple[Images, list[str]]:
    """Images of bright ink on black, 0 to 255, and what was done for it or is to be known of it.

    Pixels that go to 16 or less are scaled. Images with bright borders are inverted if nearly all have them, or if the
    shipped reader agrees with their labels: then some of the digits are on white paper.
    """
    images, notes = brightened(images)
    white = bright_borders(images)
    if not white.any():
        return images, notes
    chosen = np.flatnonzero(white)[:SAMPLE]
    if white.mean() > WHITE or (labels is not None and _agreement(images[chosen], labels[chosen]) >= AGREES):
        images = images.copy()
        images[white] = 255 - images[white]
        return images, [*notes, f"images on white paper, inverted: {int(white.sum()):,}"]
    return images, [*notes, f"images with bright borders: {int(white.sum()):,}; are they on white paper?"]


def _agreement(images: Images, labels: Labels) -> float:
    """The share of labels that the shipped reader agrees with."""
    from tenfold.reading.reader import Reader

    return _share_right(Reader().read_many(np.array(images)), labels)


def _share_right(readings: "list[Reading]", labels: Labels) -> float:
    return float(np.mean(np.array([reading.digit for reading in readings]) == labels))


def _orientation(part: DatasetPart) -> tuple[Callable[[Images], Images] | None, list[str]]:
    """How the images have to be turned, and what is to be said of it; None and nothing for those that are upright."""
    if len(part.labels) < FEWEST:
        return None, []
    from tenfold.reading.reader import Reader

    chosen = np.linspace(0, len(part.labels) - 1, min(SAMPLE, len(part.labels))).astype(int)
    labels = part.labels[chosen]
    reader = Reader()
    readings = reader.read_many(np.array(part.images[chosen]))
    stored = _share_right(readings, labels)
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
