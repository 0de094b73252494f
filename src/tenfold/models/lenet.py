"""LeNet-5: LeCun, Bottou, Bengio and Haffner (1998), "Gradient-based learning applied to document recognition".

As in section II.B: images on 32x32, trained subsampling, the table of which maps the third layer sees (table I).
Layers C1 to F6 learn the paper's 60,000 numbers. Its Gaussian connections at the end, which want bitmaps of characters
for codes, give way to ten logits and cross-entropy, and its scaled tanh to a plain one.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from tenfold.models import CLASSES
from tenfold.models.activations import activation
from tenfold.models.config import LeNetConfig
from tenfold.models.layers import Patches

# Table I: the maps of S2 that each map of C3 sees.
TABLE = (
    (0, 1, 2), (1, 2, 3), (2, 3, 4), (3, 4, 5), (0, 4, 5), (0, 1, 5),
    (0, 1, 2, 3), (1, 2, 3, 4), (2, 3, 4, 5), (0, 3, 4, 5), (0, 1, 4, 5), (0, 1, 2, 5),
    (0, 1, 3, 4), (1, 2, 4, 5), (0, 2, 3, 5), (0, 1, 2, 3, 4, 5),
)  # fmt: skip


class Subsampling(nn.Module):
    """The mean of each 2x2 places, times a coefficient and plus a bias that each map learns."""

    def __init__(self, maps: int) -> None:
        super().__init__()
        self.coefficient = nn.Parameter(torch.ones(maps))
        self.bias = nn.Parameter(torch.zeros(maps))

    def forward(self, features: Tensor) -> Tensor:
        coefficient, bias = self.coefficient[:, None, None], self.bias[:, None, None]
        return functional.avg_pool2d(features, 2) * coefficient + bias

    def multiply_adds(self, inputs: Tensor, output: Tensor) -> int:
        """For one image."""
        return output[0].numel()


class TableConvolution(nn.Module):
    """C3: 5x5 kernels between the pairs of maps that the table names, and only those."""

    def __init__(self) -> None:
        super().__init__()
        pairs = [(ours, theirs) for ours, seen in enumerate(TABLE) for theirs in seen]
        # As torch starts a convolution: evenly within one over the root of how many numbers a unit sees.
        limits = torch.tensor([(25 * len(TABLE[ours])) ** -0.5 for ours, _ in pairs])
        self.weight = nn.Parameter((torch.rand(len(pairs), 5, 5) * 2 - 1) * limits[:, None, None])
        self.bias = nn.Parameter((torch.rand(len(TABLE)) * 2 - 1) / 10)
        self.register_buffer("places", torch.tensor([ours * 6 + theirs for ours, theirs in pairs]), persistent=False)

    def forward(self, features: Tensor) -> Tensor:
        kernels = self.weight.new_zeros(len(TABLE) * 6, 5, 5).index_copy(0, self.get_buffer("places"), self.weight)
        return functional.conv2d(features, kernels.view(len(TABLE), 6, 5, 5), self.bias)

    def multiply_adds(self, inputs: Tensor, output: Tensor) -> int:
        """For one image."""
        return self.weight.numel() * output[0, 0].numel()


def build(config: LeNetConfig) -> nn.Sequential:
    """C1, S2, C3, S4, C5, F6 of the paper, and ten logits."""
    layers: list[nn.Module] = [
        Patches(border=2),  # 1 x 32 x 32
        nn.Conv2d(1, 6, 5),  # 6 x 28 x 28
        activation(config.activation),
        Subsampling(6),  # 6 x 14 x 14
        activation(config.activation),
        TableConvolution(),  # 16 x 10 x 10
        activation(config.activation),
        Subsampling(16),  # 16 x 5 x 5
        activation(config.activation),
        nn.Conv2d(16, 120, 5),  # 120 x 1 x 1
        activation(config.activation),
        nn.Flatten(),
        nn.Linear(120, 84),
        activation(config.activation),
    ]
    if config.dropout:
        layers.append(nn.Dropout(config.dropout))
    layers.append(nn.Linear(84, CLASSES))
    return nn.Sequential(*layers)
