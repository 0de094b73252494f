"""Photos of numbers, made of MNIST's test digits."""

import numpy as np
from PIL import Image


def page(mnist, texts, size=(900, 700), height=90, shade=0.0, tilt=0.0, seed=0) -> tuple[Image.Image, str]:
    """A photo of lines of MNIST's test digits: dark ink on paper that may be shaded and tilted."""
    generator = np.random.default_rng(seed)
    width, tall = size
    ink = np.zeros((tall, width), np.float32)
    for row, text in enumerate(texts):
        x = 60
        for letter in text:
            index = generator.choice(np.flatnonzero(mnist.test_labels[:2000] == int(letter)))
            digit = Image.fromarray(mnist.test_images[index]).resize((height * 28 // 20,) * 2, Image.Resampling.BICUBIC)
            y = 40 + row * int(height * 1.7) + int(x * tilt)
            place = ink[y : y + digit.height, x : x + digit.width]
            np.maximum(place, np.asarray(digit, np.float32)[: place.shape[0], : place.shape[1]] / 255, out=place)
            x += int(height * generator.uniform(0.85, 1.0))
    light = 1 - shade * np.linspace(0, 1, width)[None, :] * np.ones((tall, 1))
    gray = light * (0.92 - 0.7 * ink) + generator.normal(0, 0.01, ink.shape)
    return Image.fromarray((np.clip(gray, 0, 1) * 255).astype(np.uint8)), "\n".join(texts)
