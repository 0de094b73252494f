"""What JSON goes in and comes out."""

import uuid
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, JsonValue


def _whole(value: object) -> object:
    """To JSON Schema, 2.0 is an integer too."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Digit = Annotated[int, Field(ge=0, le=9), BeforeValidator(_whole)]
Ten = Annotated[list[Share], Field(min_length=10, max_length=10)]
# Within what `tenfold.ink.strokes` takes; no screen is as large as that.
Coordinate = Annotated[float, Field(ge=-1e9, le=1e9, allow_inf_nan=False)]
Strokes = list[list[tuple[Coordinate, Coordinate]]]
# 784 bytes: the last of them leaves four bits of its second letter unused.
_NOT_BLANK: dict[str, JsonValue] = {"not": {"pattern": "^A*==$"}}
Pixels = Annotated[str, Field(pattern=r"^[A-Za-z0-9+/]{1045}[AQgw]==$")]
Hex = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class _In(BaseModel):
    # No guessing: "7" is not 7, and a misspelt field is not left out in silence.
    model_config = ConfigDict(extra="forbid", strict=True)


class StrokesIn(_In):
    """Pen strokes, x to the right and y down, in any unit."""

    strokes: Strokes
    several: bool = Field(False, description="Several digits side by side, not one.")


class FeedbackIn(_In):
    """What a digit was, and what it was read as."""

    id: uuid.UUID = Field(description="Made by the client: sent twice, it is stored once.")
    truth: Digit
    digit: Digit | None
    confidence: Share | None
    probabilities: Ten | None
    pixels: Pixels = Field(
        description="Base64 of 28x28 bytes, 0 paper to 255 ink; not all paper.", json_schema_extra=_NOT_BLANK
    )
    strokes: Strokes | None
    source: Literal["draw", "photo", "api"]
    model_digest: Hex | None
    made_at: AwareDatetime = Field(description="The client's time, RFC 3339.")


class ModelName(BaseModel):
    name: str
    digest: Hex


class Reading(BaseModel):
    digit: Digit
    confidence: Share
    probabilities: Ten
    unsure: bool
    box: Annotated[list[float], Field(min_length=4, max_length=4)] | None = Field(
        description="Left, top, right, bottom in the picture."
    )
    model: ModelName
    pixels: Pixels | None = Field(None, description="What the model saw, where it was asked for.")


class Number(BaseModel):
    text: str = Field(description="The digits, lines joined by a newline.")
    unsure: bool
    digits: list[Reading]
    model: ModelName


class Model(BaseModel):
    name: str
    title: str
    default: bool
    digest: Hex
    size_bytes: int
    parameters: int
    accuracy: Share | None
    accuracy_on: str | None
    unsure_below: float
    url: str = Field(description="Of the .10fd, from the site's root.")


class Models(BaseModel):
    models: list[Model]


class Stored(BaseModel):
    id: uuid.UUID


class State(BaseModel):
    status: Literal["ok"]


class ProblemDetails(BaseModel):
    """RFC 9457."""

    type: str
    title: str
    status: int
    detail: str
    instance: str | None = None


def body_schema(model: type[BaseModel]) -> dict[str, Any]:
    """Of a request's JSON. It stands where it is used, so it must not have parts of its own."""
    schema = model.model_json_schema()
    assert "$defs" not in schema
    return schema
