"""What is trained on beside the set: drawn digits, digits scanned again, strangers that are none, and corrections."""

import numpy as np
import torch
from numpy.typing import NDArray

from tenfold.synthesis.drawing import draw_digits, scan
from tenfold.synthesis.non_digits import draw_strangers
from tenfold.training.loop import Part
from tenfold.training.loss import STRANGER
from tenfold.training.recipe import DataConfig

# More often than this in an epoch, an image is learned by heart.
_OFTENEST = 30

Corrections = tuple[NDArray[np.uint8], NDArray[np.uint8]]


def is_mixed(config: DataConfig) -> bool:
    """Whether there is anything beside the set."""
    return bool(config.drawn or config.rescanned or config.strangers or config.corrections)


def mixed(part: Part, config: DataConfig, seed: int, epoch: int, corrections: Corrections | None = None) -> Part:
    """The part with as many digits drawn and scanned again, and as many strangers, as `config` asks for: others in each
    epoch, so that few teach as much as many, and the same for the same seed and epoch.

    corrections: images and labels that are repeated until they make the share that `config` gives them. Strangers and
    scans are made of the part's own images, never of those kept for validation.
    """
    seed = int(np.random.SeedSequence([seed, epoch]).generate_state(1)[0])
    device = part.images.device
    images, labels = part.images[part.rows].cpu().numpy(), part.labels[part.rows].cpu().numpy()
    drawn, drawn_labels = draw_digits(config.drawn, seed)
    generator = np.random.Generator(np.random.PCG64(seed))
    inked = np.flatnonzero(images.any((1, 2)))
    again = generator.choice(inked, config.rescanned if len(inked) else 0)
    scans = (
        np.stack([scan(np.asarray(images[row] / 255, np.float32), generator) for row in again])
        if len(again)
        else images[:0]
    )
    strangers = draw_strangers(config.strangers, seed, images, labels.astype(np.uint8))
    none = np.full(len(strangers), STRANGER)
    told, told_labels = _repeated(corrections, config.corrections_share, len(images), generator)
    every = torch.from_numpy(np.concatenate([images, drawn, scans, strangers, told])).to(device)
    every_label = torch.from_numpy(
        np.concatenate([labels, drawn_labels, labels[again], none, told_labels]).astype(np.int64)
    )
    return Part(every, every_label.to(device), torch.arange(len(every), device=device))


def _repeated(
    corrections: Corrections | None, share: float, beside: int, generator: np.random.Generator
) -> Corrections:
    """Corrections, each about as often as any, so that they are `share` of what they make with `beside` others."""
    if corrections is None:
        return np.zeros((0, 28, 28), np.uint8), np.zeros(0, np.uint8)
    images, labels = corrections
    rows = np.resize(generator.permutation(len(images)), _repetitions(len(images), share, beside))
    return images[rows], labels[rows]


def _repetitions(count: int, share: float, beside: int) -> int:
    return max(count, min(round(beside * share / (1 - share)), _OFTENEST * count))


def mixed_count(count: int, config: DataConfig, corrections: int = 0) -> int:
    """How many images an epoch has, of a part of `count` and with what `config` mixes in; corrections: how many."""
    told = _repetitions(corrections, config.corrections_share, count) if corrections else 0
    return count + config.drawn + config.rescanned + config.strangers + told
