"""A multilayer perceptron: dense layers with an activation between them.

784-128-64-10 with ReLU is the network of most MNIST tutorials. LeCun et al. (1998), "Gradient-based learning applied
to document recognition", table 1, is the first report of such networks on MNIST.
"""

from torch import nn

from tenfold.models import PIXELS
from tenfold.models.layers import activation, classifier
from tenfold.models.model_config import MLPConfig


def build(config: MLPConfig, classes: int) -> nn.Sequential:
    """Builds the network. It ends in logits: the softmax is part of the loss, and is added on export."""
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
    return nn.Sequential(*layers, *classifier(width, 0.0, classes))
