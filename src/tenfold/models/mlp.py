"""The multilayer perceptron: dense layers with a non-linearity between them.

784-128-64-10 with ReLU is the net of most MNIST tutorials; LeCun et al. (1998), "Gradient-based learning applied
to document recognition", table 1, measured nets of this kind on MNIST first.
"""

from torch import nn

from tenfold.models import CLASSES, PIXELS
from tenfold.models.activations import activation
from tenfold.models.config import MLPConfig


def build(config: MLPConfig) -> nn.Sequential:
    """`config.hidden` dense layers, then one that gives the ten logits.

    The softmax is not a layer here: the loss takes logits, where log-softmax is exact for large values
    (softmax and then log is not). Exported models and `predict` end in the softmax.
    """
    layers: list[nn.Module] = [nn.Flatten()]  # (N, 28, 28) -> (N, 784)
    width = PIXELS
    for units in config.hidden:
        layers.append(nn.Linear(width, units))
        if config.batch_norm:
            layers.append(nn.BatchNorm1d(units))
        layers.append(activation(config.activation))
        if config.dropout:
            layers.append(nn.Dropout(config.dropout))
        width = units
    layers.append(nn.Linear(width, CLASSES))
    return nn.Sequential(*layers)
