"""The learning rate over a training, as a share of the recipe's.

`one-cycle` is Smith and Topin (2019), "Super-convergence", with straight lines; `cosine` is Loshchilov and Hutter
(2017), "SGDR", eq. 5, without restarts, after a straight rise; `linear` falls straight to zero from the first step.
"""

import math

# Where the rise begins, as a share of its peak.
START = 0.04


def learning_rate_share(schedule: str, warmup: float, progress: float) -> float:
    """progress: share of all steps that are done, 0 to 1. warmup: share of all steps in which the rate rises.

    Returns the share of the peak learning rate, 0 to 1.
    """
    if schedule == "constant":
        return 1.0
    if schedule == "linear":
        return 1 - progress
    if progress < warmup:
        return START + (1 - START) * progress / warmup
    fallen = (progress - warmup) / (1 - warmup)
    return 0.5 + 0.5 * math.cos(math.pi * fallen) if schedule == "cosine" else 1 - fallen
