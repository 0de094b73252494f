"""Draws the page's icons: python web/draw_icons.py. A hand's 1 and 0, in white on blue."""

from pathlib import Path

from PIL import Image, ImageDraw

PUBLIC = Path(__file__).parent / "public"
BLUE = "#2563c9"
SIDE, PEN = 512, 50
ONE = [(138, 196), (206, 142), (206, 370)]
ZERO = (342, 256, 74, 114)  # center and radii


def main() -> None:
    PUBLIC.mkdir(exist_ok=True)
    x, y, across, down = ZERO
    one = "M" + "L".join(f"{a} {b}" for a, b in ONE)
    (PUBLIC / "icon.svg").write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {SIDE} {SIDE}">'
        f'<rect width="{SIDE}" height="{SIDE}" rx="112" fill="{BLUE}"/>'
        f'<g fill="none" stroke="#fff" stroke-width="{PEN}" stroke-linecap="round" stroke-linejoin="round">'
        f'<path d="{one}"/>'
        f'<ellipse cx="{x}" cy="{y}" rx="{across}" ry="{down}" transform="rotate(8 {x} {y})"/></g></svg>\n'
    )
    for name, side, round_, share in [("192", 192, 112, 1), ("512", 512, 112, 1), ("180", 180, 0, 0.9),
                                      ("maskable-512", 512, 0, 0.78)]:  # fmt: skip
        draw(round_, share).resize((side, side), Image.Resampling.BOX).save(PUBLIC / f"icon-{name}.png", optimize=True)


def draw(corner: int, share: float) -> Image.Image:
    """The icon at four times its size; `share` of it holds the digits, for the masks that phones lay over icons."""
    scale = 4
    picture = Image.new("RGBA", (SIDE * scale, SIDE * scale))
    ImageDraw.Draw(picture).rounded_rectangle((0, 0, *picture.size), corner * scale, fill=BLUE)
    ink = Image.new("L", picture.size)
    pen = ImageDraw.Draw(ink)
    pen.line([(a * scale, b * scale) for a, b in ONE], 255, PEN * scale, joint="curve")
    for a, b in (ONE[0], ONE[-1]):
        r = PEN / 2
        pen.ellipse(((a - r) * scale, (b - r) * scale, (a + r) * scale, (b + r) * scale), 255)
    x, y, across, down = ZERO
    zero = Image.new("L", picture.size)
    half = PEN / 2
    ImageDraw.Draw(zero).ellipse(
        [(v) * scale for v in (x - across - half, y - down - half, x + across + half, y + down + half)], 255
    )
    ImageDraw.Draw(zero).ellipse(
        [(v) * scale for v in (x - across + half, y - down + half, x + across - half, y + down - half)], 0
    )
    zero = zero.rotate(-8, center=(x * scale, y * scale), resample=Image.Resampling.BICUBIC)
    ink.paste(255, mask=zero)
    size = round(SIDE * scale * share)
    place = (SIDE * scale - size) // 2
    small = Image.new("L", picture.size)
    small.paste(ink.resize((size, size), Image.Resampling.BICUBIC), (place, place))
    picture.paste("#fff", mask=small)
    return picture


if __name__ == "__main__":
    main()
