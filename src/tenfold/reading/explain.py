"""Why a digit was read as it was: the ink that spoke for it, and the training digits that look most alike.

Ink is judged by leaving it out (occlusion; Zeiler and Fergus 2014, "Visualizing and understanding convolutional
networks", section 4.2), which asks nothing of the model but its probabilities.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import ndimage

from tenfold.ink.fit import SIDE
from tenfold.reading.symbols import DIGITS

Images = NDArray[np.uint8]
Probabilities = Callable[[Images], NDArray[np.float32]]

# Pixels a side of the window that is wiped clean: two strokes wide.
WINDOW = 5
NEAREST = 8
_CELL = 10


@dataclass(frozen=True)
class Explanation:
    """evidence: float32[28,28], how much of the digit's log-probability, in nats, is lost when the ink around a pixel
    is wiped away: above 0 it spoke for the digit, below 0 against. nearest: indices of the training digits that look
    most alike, the nearest first; neighbors and neighbor_labels: their images uint8[K,28,28] and labels [K], indices of
    class_names.
    """

    digit: int
    pixels: Images
    evidence: NDArray[np.float32]
    nearest: NDArray[np.int64]
    neighbors: Images
    neighbor_labels: NDArray[np.unsignedinteger[Any]]
    class_names: Sequence[str] = DIGITS

    def draw(self) -> Image.Image:
        """One picture: what the model saw, which ink spoke for the digit (blue) and against it (orange), and its
        neighbors with their labels."""
        large = SIDE * _CELL
        picture = Image.new("RGB", (3 * large + 40, large + 20), "white")
        picture.paste(_enlarged(Image.fromarray(255 - self.pixels).convert("RGB"), large), (10, 10))
        picture.paste(_enlarged(self._colored(), large), (large + 20, 10))
        small = (large - 10) // 3
        draw = ImageDraw.Draw(picture)
        for number, (image, label) in enumerate(zip(self.neighbors, self.neighbor_labels, strict=True)):
            x, y = 2 * large + 30 + number % 3 * small, 10 + number // 3 * small
            picture.paste(_enlarged(Image.fromarray(255 - image).convert("RGB"), small - 4), (x, y))
            color = "#2563c9" if label == self.digit else "#d4550f"
            draw.text((x + 3, y + 2), self.class_names[label], fill=color, font_size=16)
        return picture

    def _colored(self) -> Image.Image:
        strength = np.clip(self.evidence / max(float(np.abs(self.evidence).max()), 1e-6), -1, 1)[..., None]
        ink = (self.pixels / 255)[..., None]
        for_it, against, gray = np.array([37, 99, 201]), np.array([212, 85, 15]), np.array([205, 205, 208])
        color = np.where(strength >= 0, for_it, against)
        shade = gray + (color - gray) * np.sqrt(np.abs(strength))
        return Image.fromarray((255 + (shade - 255) * ink).astype(np.uint8))


def explain_digit(
    pixels: Images,
    digit: int,
    probabilities: Probabilities,
    images: Images,
    labels: NDArray[np.unsignedinteger[Any]],
) -> Explanation:
    """Explains why `pixels`, uint8[28,28], is read as `digit` by a model's probabilities.

    images, labels: uint8[N,28,28] and [N], the training digits that it is compared with.
    """
    nearest = nearest_images(pixels, images)
    return Explanation(digit, pixels, evidence(pixels, digit, probabilities), nearest, images[nearest], labels[nearest])


def evidence(pixels: Images, digit: int, probabilities: Probabilities) -> NDArray[np.float32]:
    """float32[28,28]: the mean loss of log-probability over all windows that hold a pixel; 0 where there is no ink."""
    places = [
        (row, column)
        for row in range(SIDE - WINDOW + 1)
        for column in range(SIDE - WINDOW + 1)
        if pixels[row : row + WINDOW, column : column + WINDOW].any()
    ]
    if not places:
        return np.zeros((SIDE, SIDE), np.float32)
    wiped = np.repeat(pixels[None], len(places) + 1, 0)
    for image, (row, column) in zip(wiped, places, strict=False):
        image[row : row + WINDOW, column : column + WINDOW] = 0
    logs = np.log(np.maximum(probabilities(wiped)[:, digit], 1e-9))
    total, count = np.zeros((2, SIDE, SIDE), np.float32)
    for (row, column), loss in zip(places, logs[-1] - logs[:-1], strict=True):
        total[row : row + WINDOW, column : column + WINDOW] += loss
        count[row : row + WINDOW, column : column + WINDOW] += 1
    return np.where(pixels > 0, total / np.maximum(count, 1), 0).astype(np.float32)


def nearest_images(pixels: Images, images: Images, most: int = NEAREST) -> NDArray[np.int64]:
    """Indices of the images that differ least, by their distance when both are blurred a little: a pixel's shift of a
    stroke counts for little then. Nearest first."""
    wanted = ndimage.gaussian_filter(pixels.astype(np.float32), 1.0)
    # Blurring one of the two twice as much is cheaper than blurring sixty thousand.
    wanted = ndimage.gaussian_filter(wanted, 1.0).ravel()
    flat = images.reshape(len(images), -1)
    scores = np.empty(len(flat), np.float32)
    for start in range(0, len(flat), 8192):
        part = flat[start : start + 8192].astype(np.float32)
        lengths = np.sqrt(np.einsum("ij,ij->i", part, part))
        scores[start : start + 8192] = part @ wanted / np.maximum(lengths, 1)
    best = np.argpartition(-scores, min(most, len(scores) - 1))[:most]
    return best[np.argsort(-scores[best], kind="stable")].astype(np.int64)


def _enlarged(image: Image.Image, side: int) -> Image.Image:
    return image.resize((side, side), Image.Resampling.NEAREST)
