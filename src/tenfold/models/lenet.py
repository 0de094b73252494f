"""LeNet-5: LeCun, Bottou, Bengio and Haffner (1998), "Gradient-based learning applied to document recognition".

As in section II.B: images padded to 32x32, trainable subsampling, and the partial connections of table I. Layers C1 to
F6 have the paper's 60,000 parameters. Two things differ: ten logits with cross-entropy replace its Gaussian connections
to bitmaps of characters, and a plain tanh its scaled one.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from tenfold.models.layers import InputLayer, activation, classifier
from tenfold.models.model_config import LeNetConfig

# Table I: the maps of S2 that each map of C3 is connected to.
TABLE = (
    (0, 1, 2), (1, 2, 3), (2, 3, 4), (3, 4, 5), (0, 4, 5), (0, 1, 5),
    (0, 1, 2, 3), (1, 2, 3, 4), (2, 3, 4, 5), (0, 3, 4, 5), (0, 1, 4, 5), (0, 1, 2, 5),
    (0, 1, 3, 4), (1, 2, 4, 5), (0, 2, 3, 5), (0, 1, 2, 3, 4, 5),
)  # fmt: skip


class Subsampling(nn.Module):
    """S2 and S4: average pooling over 2x2, times a coefficient plus a bias, both learned for each map."""

    def __init__(self, maps: int) -> None:
        super().__init__()
        self.coefficient = nn.Parameter(torch.ones(maps))
        self.bias = nn.Parameter(torch.zeros(maps))

    def forward(self, features: Tensor) -> Tensor:
        coefficient, bias = self.coefficient[:, None, None], self.bias[:, None, None]
        return functional.avg_pool2d(features, 2) * coefficient + bias

    def multiply_adds(self, inputs: Tensor, output: Tensor) -> int:
        """Returns the multiply-adds for one image."""
        return output[0].numel()


class TableConvolution(nn.Module):
    """C3: a 5x5 convolution with kernels only between the pairs of maps in `TABLE`."""

    def __init__(self) -> None:
        super().__init__()
        pairs = [(output, source) for output, sources in enumerate(TABLE) for source in sources]
        # torch's initialization of a convolution: uniform within +-1/sqrt(fan-in).
        limits = torch.tensor([(25 * len(TABLE[output])) ** -0.5 for output, _ in pairs])
        self.weight = nn.Parameter((torch.rand(len(pairs), 5, 5) * 2 - 1) * limits[:, None, None])
        self.bias = nn.Parameter((torch.rand(len(TABLE)) * 2 - 1) / 10)
        self.register_buffer(
            "places", torch.tensor([output * 6 + source for output, source in pairs]), persistent=False
        )

    def forward(self, features: Tensor) -> Tensor:
        kernels = self.weight.new_zeros(len(TABLE) * 6, 5, 5).index_copy(0, self.get_buffer("places"), self.weight)
        return functional.conv2d(features, kernels.view(len(TABLE), 6, 5, 5), self.bias)

    def multiply_adds(self, inputs: Tensor, output: Tensor) -> int:
        """Returns the multiply-adds for one image."""
        return self.weight.numel() * output[0, 0].numel()


def build(config: LeNetConfig, classes: int) -> nn.Sequential:
    """Builds the network: C1, S2, C3, S4, C5 and F6 of the paper, then ten logits."""
    layers: list[nn.Module] = [
        InputLayer(border=2),  # 1 x 32 x 32
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
    return nn.Sequential(*layers, *classifier(84, config.dropout, classes))
