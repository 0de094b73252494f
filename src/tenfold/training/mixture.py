"""Made-up ink among the training images: drawn digits, and strangers that are none."""

import numpy as np
import torch

from tenfold.ink.drawing import draw_digits
from tenfold.ink.strangers import draw_strangers
from tenfold.training.loop import Part
from tenfold.training.loss import STRANGER
from tenfold.training.recipe import DataConfig


def mixed(part: Part, config: DataConfig, seed: int) -> Part:
    """The part with as many drawn digits and strangers added as `config` asks for; the same for the same seed.

    Strangers are made of the part's own images, never of those kept for validation.
    """
    if not (config.drawn or config.strangers):
        return part
    device = part.images.device
    images, labels = part.images[part.rows].cpu(), part.labels[part.rows].cpu()
    digits, drawn_labels = draw_digits(config.drawn, seed)
    none = draw_strangers(config.strangers, seed, images.numpy(), labels.numpy().astype(np.uint8))
    images = torch.cat([images, torch.from_numpy(digits), torch.from_numpy(none)])
    labels = torch.cat(
        [labels, torch.from_numpy(drawn_labels.astype(np.int64)), torch.full((config.strangers,), STRANGER)]
    )
    return Part(images.to(device), labels.to(device), torch.arange(len(labels), device=device))
