"""A note on a desk must be read as if it lay on a scanner, and no writing may be cut off for a desk that is none."""

import numpy as np
import pytest
from PIL import Image, ImageDraw
from scipy import ndimage

from tenfold.document.sheet import Sheet, find_sheet, flatten, project, solve_homography

LEVEL = np.array([[80, 60], [520, 60], [520, 340], [80, 340]], float)
TILTED = np.array([[90, 80], [500, 40], [530, 330], [70, 360]], float)
LEAVING = np.array([[120, -60], [700, -10], [690, 480], [80, 460]], float)


def photo(corners, paper=0.85, desk=0.3, size=(600, 400)):
    """A sheet with a line of strokes on it, slightly blurred: float32[H,W]."""
    image = Image.new("L", size, round(255 * desk))
    draw = ImageDraw.Draw(image)
    draw.polygon([tuple(corner) for corner in corners], fill=round(255 * paper))
    middle = corners.mean(0)
    for x in range(-120, 121, 40):
        draw.line(
            [(middle[0] + x, middle[1] - 25), (middle[0] + x + 10, middle[1] + 25)],
            fill=round(255 * paper * 0.3),
            width=6,
        )
    noise = np.random.default_rng(5).normal(0, 0.01, size[::-1])
    gray = ndimage.gaussian_filter(np.asarray(image, np.float32) / 255, 0.8) + noise
    return gray.clip(0, 1).astype(np.float32)


def turned(corners, times):
    """Corners in a picture of 600 by 400 pixels -> where they are once that is turned by np.rot90."""
    for time in range(times):
        width = (600, 400)[time % 2]
        corners = np.stack([corners[:, 1], width - corners[:, 0]], 1)
    return np.roll(corners, -times, 0)


@pytest.mark.parametrize("corners", [LEVEL, TILTED])
@pytest.mark.parametrize("times", range(4))
def test_finds_all_corners_of_a_sheet(corners, times):
    sheet = find_sheet(np.rot90(photo(corners), times).copy())
    assert np.abs(sheet.corners - turned(corners, times)).max() < 8


@pytest.mark.parametrize("desk", [0.02, 0.5, 0.7])
def test_finds_a_sheet_on_any_darker_desk(desk):
    assert np.abs(find_sheet(photo(TILTED, desk=desk)).corners - TILTED).max() < 8


def test_finds_a_sheet_that_is_darker_than_its_desk():
    assert np.abs(find_sheet(photo(TILTED, paper=0.6, desk=0.9)).corners - TILTED).max() < 8


def test_a_sheet_that_leaves_the_picture_keeps_all_that_is_in_it():
    sheet = find_sheet(photo(LEAVING))
    (x0, y0), (x3, y3) = sheet.corners[0], sheet.corners[3]
    at_middle = x0 + (x3 - x0) * (200 - y0) / (y3 - y0)
    assert at_middle == pytest.approx(100, abs=8)
    flat, homography = flatten(photo(LEAVING), sheet)
    x, y = project(np.linalg.inv(homography), np.array([[130, 2], [598, 2], [598, 398], [105, 398]], float)).T
    assert x.min() > 0
    assert x.max() < flat.shape[1]
    assert y.min() > 0
    assert y.max() < flat.shape[0]


def test_a_page_that_fills_the_picture_has_no_sheet():
    assert find_sheet(photo(np.array([[-9, -9], [609, -9], [609, 409], [-9, 409]], float))) is None


@pytest.mark.parametrize("angle", [0, 20, 60, 90])
def test_a_soft_shadow_is_no_desk(angle):
    page = photo(np.array([[-9, -9], [609, -9], [609, 409], [-9, 409]], float))
    y, x = np.mgrid[:400, :600]
    across = (x - 300) * np.cos(np.radians(angle)) + (y - 200) * np.sin(np.radians(angle))
    assert find_sheet((page * (1 - 0.5 * np.clip(across / 40 + 1, 0, 1))).astype(np.float32)) is None


def test_a_sharp_shadow_over_writing_is_no_desk():
    page = photo(np.array([[-9, -9], [609, -9], [609, 409], [-9, 409]], float))
    page[200:] *= 0.6
    assert find_sheet(page) is None


@pytest.mark.parametrize("at", [40, 150])
def test_a_thick_line_with_paper_beyond_it_is_no_desk(at):
    page = photo(np.array([[-9, -9], [609, -9], [609, 409], [-9, 409]], float))
    page[at : at + 30] = 0.1
    sheet = find_sheet(page)
    assert sheet is None or sheet.corners[0, 1] < 1


@pytest.mark.parametrize("page", [np.zeros, np.ones])
@pytest.mark.parametrize("shape", [(400, 600), (1, 900), (900, 1), (50, 12_000), (60, 60)])
def test_a_blank_picture_has_no_sheet(page, shape):
    assert find_sheet(page(shape, np.float32)) is None


@pytest.mark.parametrize("seed", range(3))
def test_noise_has_no_sheet(seed):
    assert find_sheet(np.random.default_rng(seed).random((300, 400), np.float32)) is None


def test_a_white_board_drawing_on_black_has_no_sheet():
    page = 1 - photo(np.array([[-9, -9], [609, -9], [609, 409], [-9, 409]], float), paper=1.0)
    assert find_sheet(page.astype(np.float32)) is None


def test_flatten_undoes_perspective():
    image = Image.new("L", (400, 200), 200)
    ImageDraw.Draw(image).rectangle((100, 50, 300, 150), fill=40)
    flat_corners = np.array([[0, 0], [400, 0], [400, 200], [0, 200]], float)
    back = solve_homography(TILTED, flat_corners)
    seen = image.transform((600, 400), Image.Transform.PERSPECTIVE, tuple(back.ravel()[:8]), Image.Resampling.BILINEAR)
    flat, homography = flatten(np.asarray(seen, np.float32) / 255, Sheet(TILTED))
    height, width = flat.shape
    expected = np.zeros((height, width), bool)
    expected[round(height / 4) : round(height * 3 / 4), width // 4 : round(width * 3 / 4)] = True
    assert ((flat < 0.5) != expected).mean() < 0.02
    assert (
        np.abs(project(homography, np.array([[0, 0], [width, 0], [width, height], [0, height]])) - TILTED).max() < 1e-6
    )
    box = np.array([[width / 4, height / 4]])
    assert np.abs(project(np.linalg.inv(back), np.array([[100, 50]])) - project(homography, box)).max() < 1e-6


def test_flatten_continues_what_lies_beyond_the_picture():
    gray = np.full((100, 150), 0.8, np.float32)
    flat, homography = flatten(gray, Sheet(np.array([[-20, -10], [160, 5], [150, 120], [10, 100]], float)))
    assert flat.min() == pytest.approx(0.8, abs=1e-5)
    assert np.isfinite(homography).all()


@pytest.mark.parametrize("seed", range(20))
def test_any_picture_gives_finite_corners(seed):
    generator = np.random.default_rng(seed)
    height, width = generator.integers(1, 400, 2)
    block = int(generator.integers(1, 40))
    blocks = generator.random((height // block + 1, width // block + 1)) > 0.5
    gray = np.kron(blocks, np.ones((block, block)))[:height, :width].astype(np.float32)
    sheet = find_sheet(gray)
    if sheet is not None:
        assert np.isfinite(sheet.corners).all()
        assert np.isfinite(flatten(gray, sheet)[0]).all()
