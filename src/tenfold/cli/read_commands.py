"""Commands that read ink: read, and bench ink."""

from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from tenfold.cli.app import app, bench_app
from tenfold.cli.flags import PLAIN, EverywhereFlags
from tenfold.errors import UsageError

ModelPath = Annotated[Path | None, Parameter(help="An .onnx file that tenfold export wrote; else the shipped model.")]


@app.command(sort_key=1)
def read(
    images: Annotated[tuple[Path, ...], Parameter(show_default=False, help="Pictures of one digit each.")] = (),
    /,
    *,
    number: Annotated[
        bool, Parameter(negative="", help="Each is a photo or scan of several digits, in lines.")
    ] = False,
    explain: Annotated[
        bool, Parameter(negative="", help="Draw, beside each picture, which ink spoke for the digit.")
    ] = False,
    model: ModelPath = None,
    everywhere: EverywhereFlags = PLAIN,
) -> None:
    """Read pictures of handwritten digits with the shipped model."""
    screen = everywhere.screen()
    if not images:
        raise UsageError("which picture? tenfold read seven.png, or tenfold read --number photo.jpg")
    if number and explain:
        raise UsageError("--explain is for pictures of one digit; leave out --number")
    from tenfold.reader import Reader

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
        from tenfold.explain import draw_explanation
        from tenfold.explain import explain as look
        from tenfold.ink.image_file import write_png

        for path, reading in readings:
            beside = path.with_name(f"{path.stem}-explained.png")
            write_png(draw_explanation(look(reading.pixels, reading.digit, reader.probabilities)), beside)
            screen.say(f"\nexplained in {beside}")
    screen.result({"readings": [{"image": str(path), **_reading(reading)} for path, reading in readings]})


@bench_app.command
def ink(
    folder: Annotated[Path, Parameter(help="The folder with the sets, such as kensanata.zip.")],
    /,
    *,
    out: Annotated[Path | None, Parameter(help="A folder to draw every failure in.")] = None,
    model: ModelPath = None,
    everywhere: EverywhereFlags = PLAIN,
) -> None:
    """Read sets of real handwriting with the public Reader, and tell how well."""
    screen = everywhere.screen()
    from tenfold.bench.ink import measure_ink

    results = measure_ink(folder, model, out, screen.say)
    screen.table(
        ["set", ">read", ">right, %", ">unsure, %", ">calibration error, %", ""],
        [
            [r.name, f"{r.count:,}", _percent(r.right), _percent(r.unsure), _percent(r.calibration_error), r.note]
            for r in results
        ],
    )
    screen.say("\nThese sets have shaped the work: take the figures as development results.")
    screen.result({"sets": [vars(result) for result in results]})


@bench_app.command
def speed(*, model: ModelPath = None, everywhere: EverywhereFlags = PLAIN) -> None:
    """Time the public Reader."""
    screen = everywhere.screen()
    from tenfold.bench.speed import measure_speed

    results = measure_speed(None if model is None else str(model))
    screen.table(["", ">median", "", ">of"], [[r.name, f"{r.value:,.4g}", r.unit, r.repeats] for r in results])
    screen.result({"speed": [vars(result) for result in results]})


@bench_app.command
def robustness(
    *,
    against: Annotated[
        Path | None, Parameter(help="A model.onnx to set beside it, which gets the spoilt pixels as they are.")
    ] = None,
    model: ModelPath = None,
    everywhere: EverywhereFlags = PLAIN,
) -> None:
    """Read MNIST's test images spoilt in fifteen ways."""
    screen = everywhere.screen()
    from tenfold.bench.robustness import measure_robustness
    from tenfold.model_file import ModelFile
    from tenfold.reader import Reader

    results = measure_robustness(Reader(model), None if against is None else ModelFile(against))
    screen.table(
        ["corruption", ">wrong, %", ">unsure, %", *([">plain model wrong, %"] if against else [])],
        [
            [r.name, _percent(r.error), _percent(r.unsure), *([_percent(r.plain_error)] if against else [])]
            for r in results
        ],
    )
    spoilt = results[1:]
    mean = sum(r.error for r in spoilt) / len(spoilt)
    screen.say(f"\nmean over the corruptions {100 * mean:.2f} % wrong")
    if against:
        plain = sum(r.plain_error or 0 for r in spoilt) / len(spoilt)
        screen.say(f"the plain model {100 * plain:.2f} % wrong: {mean / plain:.2f} of its errors")
    screen.result({"corruptions": [vars(result) for result in results]})


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.2f}"


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
