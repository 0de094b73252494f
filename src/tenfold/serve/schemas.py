"""The JSON of the HTTP API, in and out; `FeedbackSample` is also what the database stores."""

import base64
import re
import uuid
from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
)

from tenfold.reading.symbols import MARKS

# A digit has far fewer points, and a form fewer fields.
MAX_POINTS = 20_000
MAX_FIELDS = 200
# Base64 of 784 bytes: the last letter before the padding carries two bits.
_PIXELS_PATTERN = "^[A-Za-z0-9+/]{1045}[AQgw]==$"


def _whole(value: object) -> object:
    """In JSON Schema 2.0 is an integer too."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _decode_pixels(value: object) -> object:
    if isinstance(value, str):
        if not re.fullmatch(_PIXELS_PATTERN, value):
            raise ValueError("must be the base64 of 28x28 bytes")
        return base64.b64decode(value)
    return value


def _check_pixels(pixels: bytes) -> bytes:
    if not any(pixels):
        raise ValueError("must not be blank")
    return pixels


def _check_points(strokes: "Strokes") -> "Strokes":
    if (points := sum(map(len, strokes))) > MAX_POINTS:
        raise ValueError(f"must have at most {MAX_POINTS} points, not {points}")
    return strokes


def _check_utc(time: datetime) -> datetime:
    try:
        time.astimezone(UTC)  # The database stores UTC, and the first hours of year 1 may lie before its calendar.
    except OverflowError:
        raise ValueError("must be a date that UTC has") from None
    return time


Probability = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Digit = Annotated[int, Field(ge=0, le=9), BeforeValidator(_whole)]
Probabilities = Annotated[tuple[Probability, ...], Field(min_length=10, max_length=10)]
# Within what `tenfold.ink.strokes` accepts, and beyond any screen.
Coordinate = Annotated[float, Field(ge=-1e9, le=1e9, allow_inf_nan=False)]
Strokes = tuple[tuple[tuple[Coordinate, Coordinate], ...], ...]
Edge = Annotated[float, Field(ge=0, le=1e5, allow_inf_nan=False)]
Fields = Annotated[
    tuple[tuple[Edge, Edge, Edge, Edge], ...],
    Field(
        max_length=MAX_FIELDS,
        description="Places to read alone, each left, top, right, bottom in pixels of the image, and inside of it; "
        "together no larger than twice the image.",
    ),
]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Pixels = Annotated[
    bytes,
    Field(min_length=28 * 28, max_length=28 * 28),
    BeforeValidator(_decode_pixels),
    AfterValidator(_check_pixels),
    WithJsonSchema(
        {
            "type": "string",
            "description": "Base64 of 28x28 bytes, 0 paper to 255 ink; not blank.",
            "pattern": _PIXELS_PATTERN,
            "not": {"pattern": "^A*==$"},
        }
    ),
]


class _StrictInput(BaseModel):
    # "7" is not 7, and a misspelled field is an error.
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class ImageInput(_StrictInput):
    """An image file as text."""

    image: str = Field(
        description="Base64 of the file's bytes, or a data URL.",
        json_schema_extra={"format": "image", "contentEncoding": "base64"},
    )


class NumberInput(ImageInput):
    """An image file as text, and the fields of it to read; without fields all of it is read."""

    fields: Fields | None = None


class StrokesInput(_StrictInput):
    """Pen strokes, x to the right and y down, in any unit."""

    strokes: Strokes
    several: bool = Field(False, description="True to read several digits side by side, not one.")


class FeedbackSample(_StrictInput):
    """The ink of one digit, the label that a person gave it, and what a model had read."""

    id: uuid.UUID = Field(description="Chosen by the client; a sample sent twice is stored once.")
    label: Digit
    predicted: Digit | None = None
    confidence: Probability | None = None
    probabilities: Probabilities | None = None
    pixels: Pixels
    strokes: Annotated[Strokes, AfterValidator(_check_points)] | None = None
    source: Literal["draw", "photo", "api"] = "api"
    model_digest: Sha256 | None = None
    created_at: Annotated[AwareDatetime, AfterValidator(_check_utc)] = Field(description="Client's time, RFC 3339.")


class ModelReference(BaseModel):
    name: str
    digest: Sha256


class ReadingOutput(BaseModel):
    """One digit as it was read."""

    digit: Digit
    confidence: Probability
    probabilities: Probabilities
    unsure: bool
    box: tuple[float, float, float, float] | None = Field(description="Left, top, right, bottom in the image.")
    model: ModelReference
    pixels: str = Field("", description="Base64 of the 28x28 bytes that the model saw, with ?pixels=true.")


class NumberOutput(BaseModel):
    """All numbers of an image, or of a field, as they were read."""

    text: str = Field(description="The digits, lines joined by a newline, separate numbers of a line by a blank.")
    written: str = Field(description=f"The same with the marks that were written: {' '.join(MARKS)}")
    confidence: Probability = Field(description="That the whole text is right; calibrated.")
    unsure: bool
    digits: list[ReadingOutput]
    model: ModelReference


class FieldsOutput(BaseModel):
    """The numbers in the fields of an image, in the order of the request."""

    fields: list[NumberOutput]


class ModelOutput(BaseModel):
    name: str
    title: str
    default: bool
    digest: Sha256
    size_bytes: int
    parameters: int
    accuracy: Probability | None
    accuracy_on: str | None
    unsure_below: float
    url: str = Field(description="Of the .10fd file, relative to the site's root.")


class ModelsOutput(BaseModel):
    models: list[ModelOutput]


class StoredOutput(BaseModel):
    id: uuid.UUID


class StatusOutput(BaseModel):
    status: Literal["ok"]


class ProblemDetails(BaseModel):
    """RFC 9457."""

    type: str
    title: str
    status: int
    detail: str
