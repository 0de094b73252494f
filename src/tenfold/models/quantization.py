"""Quantization-aware training: the network computes with rounded weights, and the optimizer updates exact ones."""

from torch import Tensor, nn
from torch.nn.utils import parametrize

from tenfold.errors import RecipeError
from tenfold.models.layers import LearnedPooling


class RoundedWeight(nn.Module):
    """float32[outputs,...] -> multiples of one scale per output, as exports store them: see `inference_graph.quantize`.

    Gradients pass as if nothing were rounded, the straight-through estimator of Bengio, Léonard and Courville (2013),
    "Estimating or propagating gradients through stochastic neurons", section 4.
    """

    def __init__(self, bits: int, output_dimension: int) -> None:
        super().__init__()
        self.largest = 2 ** (bits - 1) - 1
        self.output_dimension = output_dimension

    def forward(self, weight: Tensor) -> Tensor:
        exact = weight.detach()
        others = [dimension for dimension in range(weight.ndim) if dimension != self.output_dimension]
        scale = exact.abs().amax(others, keepdim=True).clamp_min(1e-12) / self.largest
        rounded: Tensor = (exact / scale).round() * scale
        return weight + (rounded - exact)


def quantized(network: nn.Module, bits: int) -> nn.Module:
    """Rounds the weights of all layers to 2 to 8 bits; with 0 bits the network stays as it is.

    Raises `RecipeError` for one bit: a weight is symmetric about zero, and nothing but zero would remain.
    """
    if bits == 1:
        raise RecipeError("weight_bits is 1; it takes 2 to 8, or 0 for float32")
    for module in list(network.modules()) if bits else []:
        weight = getattr(module, "weight", None)
        if isinstance(weight, nn.Parameter) and weight.ndim > 1:
            rounding = RoundedWeight(bits, int(isinstance(module, LearnedPooling)))
            parametrize.register_parametrization(module, "weight", rounding)
    return network
