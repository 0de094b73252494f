"""What lies between paper and a picture file: light, shadow, a desk, perspective, lens, sensor and JPEG."""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

# float32[H,W,3], 0 black to 1 white.
Color = NDArray[np.float32]

_WOODS = ((0.5, 0.33, 0.2), (0.35, 0.22, 0.14), (0.62, 0.47, 0.33), (0.45, 0.35, 0.28))
_PLAIN_DESKS = ((0.12, 0.12, 0.13), (0.2, 0.22, 0.27), (0.42, 0.4, 0.38), (0.3, 0.4, 0.36))
# A bright desk, as a share of the sheet's luminance. Under a sheet darker than the last, it may be brighter than that.
_BRIGHT_DESK, _BRIGHTER_DESK, _DARK_SHEET = (0.65, 0.85), (1.15, 1.3), 0.8


def lay_on_desk(
    sheet: Color, to_picture: NDArray[np.float64], shape: tuple[int, int], generator: np.random.Generator
) -> Color:
    """The sheet on a desk, with a shadow along its edge: float32[H,W,3] of `shape`. to_picture: float64[3,3], a
    homography from the sheet's pixels to the picture's."""
    # Bilinear sampling needs pixels beyond the edge.
    rim = 3
    moved = to_picture @ np.array([[1, 0, -rim], [0, 1, -rim], [0, 0, 1]])
    back = np.linalg.inv(moved)
    data = tuple(back.ravel()[:8] / back[2, 2])

    def seen(layer: NDArray[np.float32]) -> NDArray[np.float32]:
        image = Image.fromarray(np.ascontiguousarray(layer))
        return np.asarray(image.transform(shape[::-1], Image.Transform.PERSPECTIVE, data, Image.Resampling.BILINEAR))

    padded = np.pad(sheet, ((rim, rim), (rim, rim), (0, 0)), mode="edge")
    inside = np.stack([seen(padded[..., channel]) for channel in range(3)], 2)
    mask = seen(np.pad(np.ones(sheet.shape[:2], np.float32), rim))[..., None]
    size = max(shape)
    blurred = ndimage.uniform_filter(mask[..., 0], max(3, int(generator.uniform(0.003, 0.03) * size)))
    shadow = ndimage.shift(blurred, generator.uniform(-0.01, 0.01, 2) * size, order=1, mode="nearest")
    below = desk(shape, float(sheet.mean()), generator)
    below *= 1 - np.float32(generator.uniform(0.15, 0.6)) * shadow[..., None]
    return np.asarray(below * (1 - mask) + inside * mask, np.float32)


def desk(shape: tuple[int, int], paper: float, generator: np.random.Generator) -> Color:
    """Wood with its grain, a plain desk, or a bright one. paper: luminance of the sheet that lies on it."""
    form = generator.random()
    if form < 0.45:
        color = np.array(_WOODS[generator.integers(len(_WOODS))])
        long = max(shape)
        grain = np.zeros((long, long), np.float32)
        for knots, strength in (((long // 9, 4), 0.08), ((long // 3, 3), 0.06), ((9, 2), 0.12)):
            grain += np.float32(strength) * smooth_noise(grain.shape, knots, generator)
        grain = (grain if generator.random() < 0.5 else grain.T)[: shape[0], : shape[1]]
    else:
        color = np.array(_PLAIN_DESKS[generator.integers(len(_PLAIN_DESKS))])
        if form > 0.8:
            brighter = paper < _DARK_SHEET and generator.random() < 0.3
            color = generator.uniform(*(_BRIGHTER_DESK if brighter else _BRIGHT_DESK)) * paper * np.ones(3)
        grain = np.float32(generator.uniform(0, 0.05)) * smooth_noise(
            shape, (shape[0] // 3 + 1, shape[1] // 3 + 1), generator
        )
    surface = (color * generator.uniform(0.9, 1.1)) * (1 + grain[..., None])
    return np.asarray(np.clip(surface, 0.02, 1), np.float32)


def light(page: Color, generator: np.random.Generator) -> Color:
    """Light that falls off to one side, and sometimes a soft shadow over a part of the page."""
    height, width = page.shape[:2]
    y, x = np.mgrid[:height, :width] / np.float32(max(height, width))
    angle = generator.uniform(0, 2 * np.pi)
    along = x * np.cos(angle) + y * np.sin(angle)
    along = (along - along.min()) / max(float(np.ptp(along)), 1e-6)
    level = 1 - generator.uniform(0, 0.35) * along + 0.025 * smooth_noise((height, width), (3, 3), generator)
    if generator.random() < 0.2:
        edge, soft = generator.uniform(0.2, 0.9), generator.uniform(0.05, 0.3)
        level *= 1 - generator.uniform(0.15, 0.45) * np.clip((along - edge) / soft + 0.5, 0, 1)
    warm = 1 + generator.uniform(-0.06, 0.06) * np.array([1, 0, -1])
    return np.asarray(page * level[..., None] * warm, np.float32)


def photograph(page: Color, generator: np.random.Generator) -> NDArray[np.uint8]:
    """Takes a picture with blur, noise and JPEG artefacts: uint8[H,W,3], or uint8[H,W] one time in four."""
    blur = generator.uniform(0.3, 1.1)
    seen = ndimage.gaussian_filter(page, (blur, blur, 0))
    noise = generator.normal(0, generator.uniform(0.003, 0.02), (*page.shape[:2], 1))
    colored = generator.normal(0, generator.uniform(0, 0.012), page.shape)
    pixels = np.clip((seen + noise + colored) * 255 + 0.5, 0, 255).astype(np.uint8)
    file, quality = io.BytesIO(), int(generator.integers(60, 96))
    Image.fromarray(pixels).convert("L" if generator.random() < 0.25 else "RGB").save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file))


def smooth_noise(shape: tuple[int, int], knots: tuple[int, int], generator: np.random.Generator) -> NDArray[np.float32]:
    """Normal noise at as many places as `knots`, stretched to `shape`: float32[H,W]."""
    coarse = generator.normal(size=knots).astype(np.float32)
    return np.asarray(Image.fromarray(coarse).resize(shape[::-1], Image.Resampling.BICUBIC))
