"""Contact sheets: many small pictures, each with a few words below it."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources

from PIL import Image, ImageDraw, ImageFont

TEXT, ALERT = "#1c1c1e", "#c2410c"
_SIZE, _LINE, _GAP = 13, 17, 10
# Matplotlib's: that of Pillow lacks the signs of multiplication and division.
_FONT = resources.files("matplotlib") / "mpl-data" / "fonts" / "ttf" / "DejaVuSans.ttf"


@dataclass(frozen=True)
class Failure:
    """A misread picture. words: lines below it, cut to its width. alert: whether they stand out."""

    picture: Image.Image
    words: Sequence[str]
    alert: bool = False


def draw_contact_sheet(failures: Sequence[Failure], across: int, side: tuple[int, int]) -> Image.Image:
    """At least one failure, in rows of `across`; pictures are enlarged or reduced to fit side, width and height."""
    width, height = side
    lines = max(len(failure.words) for failure in failures)
    step = (width + _GAP, height + lines * _LINE + _GAP)
    across = min(across, len(failures))
    sheet = Image.new("RGB", (across * step[0], -(-len(failures) // across) * step[1]), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.truetype(str(_FONT), _SIZE)
    for index, failure in enumerate(failures):
        x, y = index % across * step[0], index // across * step[1]
        sheet.paste(_fitted(failure.picture, side), (x, y))
        for line, words in enumerate(failure.words):
            cut = _cut(words.replace("\n", " | "), font, width)
            draw.text((x, y + height + line * _LINE), cut, ALERT if failure.alert else TEXT, font)
    return sheet


def _fitted(picture: Image.Image, side: tuple[int, int]) -> Image.Image:
    factor = min(side[0] / picture.width, side[1] / picture.height)
    size = (max(1, round(picture.width * factor)), max(1, round(picture.height * factor)))
    return picture.convert("RGB").resize(size, Image.Resampling.NEAREST if factor > 1 else Image.Resampling.BOX)


def _cut(words: str, font: ImageFont.FreeTypeFont, width: int) -> str:
    if font.getlength(words) <= width:
        return words
    while words and font.getlength(words + "…") > width:
        words = words[:-1]
    return words + "…"
