"""Fifteen image corruptions, of the kinds of MNIST-C.

Mu and Gilmer (2019), "MNIST-C: a robustness benchmark for computer vision", table 1, names them; strengths here are our
own, chosen so that a person still reads nearly every digit. Each takes and gives uint8[N,28,28], 0 paper to 255 ink,
and draws what is random from the generator that it is given.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Images = NDArray[np.uint8]
Shares = NDArray[np.floating[Any]]  # the same, 0 to 1
Generator = np.random.Generator

SIDE = 28
_AXIS = np.arange(SIDE, dtype=np.float32)


def shot_noise(images: Shares, generator: Generator) -> Shares:
    return generator.poisson(images * 12).astype(np.float32) / 12 + _where(generator, images, 0.02)


def impulse_noise(images: Shares, generator: Generator) -> Shares:
    draw = generator.random(images.shape, dtype=np.float32)
    return np.where(draw < 0.06, np.float32(0), np.where(draw > 0.94, np.float32(1), images))


def glass_blur(images: Shares, generator: Generator) -> Shares:
    """Each pixel is swapped with one near it, as through frosted glass."""
    blurred = ndimage.gaussian_filter(images, (0, 0.7, 0.7))
    rows, columns = np.meshgrid(np.arange(SIDE), np.arange(SIDE), indexing="ij")
    down, across = generator.integers(-1, 2, (2, *images.shape))
    which = np.arange(len(images))[:, None, None]
    moved = blurred[which, np.clip(rows + down, 0, SIDE - 1), np.clip(columns + across, 0, SIDE - 1)]
    return np.asarray(ndimage.gaussian_filter(moved, (0, 0.4, 0.4)))


def motion_blur(images: Shares, generator: Generator) -> Shares:
    angles = generator.uniform(-np.pi, np.pi, len(images))
    steps = np.linspace(-3, 3, 7)
    copies = [_moved(images, np.sin(angles) * step, np.cos(angles) * step) for step in steps]
    return np.asarray(np.mean(copies, 0) * 1.6)


def shear(images: Shares, generator: Generator) -> Shares:
    slant = _sign(generator, len(images)) * 0.4
    return _mapped(images, np.stack([_ones(slant), slant, 0 * slant, _ones(slant)], 1))


def scale(images: Shares, generator: Generator) -> Shares:
    factor = np.full(len(images), 1 / 0.6)
    return _mapped(images, np.stack([factor, 0 * factor, 0 * factor, factor], 1))


def rotate(images: Shares, generator: Generator) -> Shares:
    angle = _sign(generator, len(images)) * np.radians(30)
    return _mapped(images, np.stack([np.cos(angle), -np.sin(angle), np.sin(angle), np.cos(angle)], 1))


def brightness(images: Shares, generator: Generator) -> Shares:
    return images + np.float32(0.5)


def translate(images: Shares, generator: Generator) -> Shares:
    return _moved(images, _sign(generator, len(images)) * 4, _sign(generator, len(images)) * 4)


def stripe(images: Shares, generator: Generator) -> Shares:
    corrupted = images.copy()
    corrupted[:, :, 11:17] = 1 - corrupted[:, :, 11:17]
    return corrupted


def fog(images: Shares, generator: Generator) -> Shares:
    """Bright clouds of every size: octaves of smooth noise, each half as strong as the one that is twice as large."""
    clouds = np.zeros_like(images)
    for octave, size in enumerate((10, 5, 2.5, 1.2)):
        noise = ndimage.gaussian_filter(generator.normal(size=images.shape).astype(np.float32), (0, size, size))
        clouds += noise / noise.std() / 2**octave
    low, high = clouds.min((1, 2), keepdims=True), clouds.max((1, 2), keepdims=True)
    return np.asarray((images + 1.2 * (clouds - low) / (high - low)) / 2.2 * 1.6)


def spatter(images: Shares, generator: Generator) -> Shares:
    noise = ndimage.gaussian_filter(generator.normal(size=images.shape).astype(np.float32), (0, 1.2, 1.2))
    return np.asarray(np.maximum(images, np.clip((noise / noise.std() - 1.7) * 1.5, 0, 0.9)))


def dotted_line(images: Shares, generator: Generator) -> Shares:
    return _with_lines(images, generator, bends=0, dash=2)


def zigzag(images: Shares, generator: Generator) -> Shares:
    return _with_lines(images, generator, bends=4, dash=0)


def canny_edges(images: Shares, generator: Generator) -> Shares:
    """Canny (1986): the ridges of the gradient, kept where they join a strong one."""
    smooth = ndimage.gaussian_filter(images, (0, 1, 1))
    down, across = ndimage.sobel(smooth, 1), ndimage.sobel(smooth, 2)
    size = np.hypot(down, across)
    turn = np.round(np.arctan2(down, across) / (np.pi / 4)).astype(int) % 4
    ridge = np.zeros(images.shape, np.bool_)
    for way, (dy, dx) in enumerate(((0, 1), (1, 1), (1, 0), (1, -1))):
        one, other = np.roll(size, (dy, dx), (1, 2)), np.roll(size, (-dy, -dx), (1, 2))
        ridge |= (turn == way) & (size >= one) & (size > other)
    weak, strong = ridge & (size > 0.4), ridge & (size > 0.8)
    near = np.zeros((3, 3, 3), np.bool_)
    near[1] = True
    return np.asarray(ndimage.binary_propagation(strong, near, mask=weak), np.float32)


CORRUPTIONS: dict[str, Callable[[Shares, Generator], Shares]] = {
    "shot noise": shot_noise,
    "impulse noise": impulse_noise,
    "glass blur": glass_blur,
    "motion blur": motion_blur,
    "shear": shear,
    "scale": scale,
    "rotate": rotate,
    "brightness": brightness,
    "translate": translate,
    "stripe": stripe,
    "fog": fog,
    "spatter": spatter,
    "dotted line": dotted_line,
    "zigzag": zigzag,
    "canny edges": canny_edges,
}


def corrupt(name: str, images: Images, seed: int) -> Images:
    """Applies the named corruption: uint8[N,28,28] -> uint8[N,28,28]; deterministic for a seed."""
    corrupted = CORRUPTIONS[name](images.astype(np.float32) / 255, np.random.Generator(np.random.PCG64(seed)))
    return np.rint(np.clip(corrupted, 0, 1) * 255).astype(np.uint8)


def _ones(like: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.ones_like(like)


def _sign(generator: Generator, count: int) -> NDArray[np.float64]:
    return generator.choice([-1.0, 1.0], count)


def _where(generator: Generator, images: Shares, share: float) -> Shares:
    return (generator.random(images.shape, dtype=np.float32) < share).astype(np.float32)


def _mapped(images: Shares, matrices: NDArray[np.float64]) -> Shares:
    """Each image resampled about its middle: matrices float64[N,4] from new places (x, y) to old ones."""
    y, x = np.meshgrid(_AXIS - 13.5, _AXIS - 13.5, indexing="ij")
    a, b, c, d = (matrices[:, i, None, None] for i in range(4))
    return _sampled(images, c * x + d * y + 13.5, a * x + b * y + 13.5)


def _moved(images: Shares, down: NDArray[np.float64], across: NDArray[np.float64]) -> Shares:
    y, x = np.meshgrid(_AXIS, _AXIS, indexing="ij")
    return _sampled(images, y - down[:, None, None], x - across[:, None, None])


def _sampled(images: Shares, rows: NDArray[np.float64], columns: NDArray[np.float64]) -> Shares:
    """Bilinear; paper beyond the edges."""
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1)))
    rows, columns = np.clip(rows + 1, 0, SIDE + 0.999), np.clip(columns + 1, 0, SIDE + 0.999)
    top, left = rows.astype(int), columns.astype(int)
    down, across = (rows - top).astype(np.float32), (columns - left).astype(np.float32)
    which = np.arange(len(images))[:, None, None]
    above = padded[which, top, left] * (1 - across) + padded[which, top, left + 1] * across
    below = padded[which, top + 1, left] * (1 - across) + padded[which, top + 1, left + 1] * across
    return np.asarray(above * (1 - down) + below * down)


def _with_lines(images: Shares, generator: Generator, bends: int, dash: int) -> Shares:
    """A line from edge to edge across each image, with as many bends; dash: cells drawn and left out alternately."""
    corrupted = images.copy()
    along = np.linspace(0, SIDE - 1, 120)
    for image in corrupted:
        places = np.linspace(0, SIDE - 1, bends + 2)
        heights = generator.uniform(4, SIDE - 4, bends + 2)
        across = np.interp(along, places, heights)
        drawn = (along // dash % 2 == 0) if dash else np.ones(len(along), np.bool_)
        rows, columns = across[drawn].astype(int), along[drawn].astype(int)
        if generator.random() < 0.5:
            rows, columns = columns, rows
        image[rows, columns] = 1
    return corrupted
