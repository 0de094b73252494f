"""What the tests of bulk reading read."""

import numpy as np
import pytest


@pytest.fixture(scope="module")
def digits(mnist) -> np.ndarray:
    """Most of MNIST's form; some shifted, turned to dark on bright, blank."""
    images = np.array(mnist.test_images[:60])
    images[3] = np.roll(images[3], 4, 0)
    images[7] = 255 - images[7]
    images[11] = 0
    return images


@pytest.fixture(scope="module")
def numbers(mnist) -> np.ndarray:
    """Forty numbers of three digits; one blank."""
    images = np.array(mnist.test_images[:120]).reshape(40, 3, 28, 28).transpose(0, 2, 1, 3).reshape(40, 28, 84)
    images[11] = 0
    return images
