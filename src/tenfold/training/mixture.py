"""Made-up ink among the training images: drawn digits, digits scanned again, and strangers that are none."""

import numpy as np
import torch

from tenfold.ink.drawing import draw_digits, scan
from tenfold.ink.strangers import draw_strangers
from tenfold.training.loop import Part
from tenfold.training.loss import STRANGER
from tenfold.training.recipe import DataConfig


def makes_ink(config: DataConfig) -> bool:
    """Whether anything is made up."""
    return bool(config.drawn or config.rescanned or config.strangers)


def mixed(part: Part, config: DataConfig, seed: int, epoch: int) -> Part:
    """The part with as many digits drawn and scanned again, and as many strangers, as `config` asks for: others in each
    epoch, so that few teach as much as many, and the same for the same seed and epoch.

    Strangers and scans are made of the part's own images, never of those kept for validation.
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
    every = torch.from_numpy(np.concatenate([images, drawn, scans, strangers])).to(device)
    every_label = torch.from_numpy(np.concatenate([labels, drawn_labels, labels[again], none]).astype(np.int64))
    return Part(every, every_label.to(device), torch.arange(len(every), device=device))
