"""The command that reads images: read."""

from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from tenfold.cli.app import app
from tenfold.cli.flags import PLAIN, EverywhereFlags
from tenfold.errors import UsageError

ModelPath = Annotated[Path | None, Parameter(help=".onnx file that tenfold export wrote. [default: the shipped model]")]


@app.command
def read(
    images: Annotated[tuple[Path, ...], Parameter(show_default=False, help="Images of one digit each.")] = (),
    /,
    *,
    number: Annotated[bool, Parameter(negative="", help="Read all numbers in a photo or scan, line by line.")] = False,
    explain: Annotated[
        bool,
        Parameter(negative="", help="Write NAME-explained.png next to each image: which ink counts for the digit."),
    ] = False,
    model: ModelPath = None,
    everywhere: EverywhereFlags = PLAIN,
) -> None:
    """Read images of handwritten digits with the shipped model."""
    screen = everywhere.screen()
    if not images:
        raise UsageError("no image given: tenfold read seven.png, or tenfold read --number photo.jpg")
    if number and explain:
        raise UsageError("--explain works for images of one digit; leave out --number")
    from tenfold.reading.reader import Reader

    reader = Reader(model)
    if number:
        numbers = [(path, reader.read_number(path)) for path in images]
        for path, found in numbers:
            if len(images) > 1:
                screen.heading(str(path))
            screen.say(found.text or "no digits found")
            doubtful = sum(digit.unsure for digit in found.digits)
            if doubtful:
                screen.say(f"unsure of {doubtful} of {len(found.digits)} digits", style="dim")
        screen.result({"numbers": [{"image": str(path), **_number(found)} for path, found in numbers]})
        return
    readings = [(path, reader.read(path)) for path in images]
    screen.table(
        ["image", "digit", ">confidence", ""],
        [[path, r.digit, f"{100 * r.confidence:.1f} %", "unsure" if r.unsure else ""] for path, r in readings],
    )
    if explain:
        from tenfold.ink.image_file import write_png
        from tenfold.reading.explain import draw_explanation
        from tenfold.reading.explain import explain as look

        for path, reading in readings:
            drawing = path.with_name(f"{path.stem}-explained.png")
            write_png(draw_explanation(look(reading.pixels, reading.digit, reader.probabilities)), drawing)
            screen.say(f"\nexplained in {drawing}")
    screen.result({"readings": [{"image": str(path), **_reading(reading)} for path, reading in readings]})


def _reading(reading: Any) -> dict[str, Any]:
    found = {
        "digit": reading.digit,
        "confidence": reading.confidence,
        "probabilities": [round(float(p), 6) for p in reading.probabilities],
        "unsure": reading.unsure,
    }
    return found if reading.box is None else {**found, "box": list(reading.box)}


def _number(number: Any) -> dict[str, Any]:
    return {"text": number.text, "unsure": number.unsure, "digits": [_reading(digit) for digit in number.digits]}
