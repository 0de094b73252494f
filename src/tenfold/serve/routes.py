"""Request handlers of the HTTP API. `openapi.py` describes them."""

import asyncio
import base64
import hmac
import json
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import Response

from tenfold.errors import FormatError, StoreBusyError, StoreError, TooLargeError, UsageError, nearest
from tenfold.reading.reader import Number, Reader, Reading
from tenfold.serve.problems import ProblemError
from tenfold.serve.reading_pool import BatchReader, ReadingPool, is_small
from tenfold.serve.schemas import FeedbackSample, Fields, ImageInput, NumberInput, StrokesInput
from tenfold.serve.served_models import ServedModel
from tenfold.serve.server_metrics import ServerMetrics
from tenfold.serve.uploads import ImageUpload, count_pixels, read_image, read_json

if TYPE_CHECKING:
    from tenfold.serve.feedback import FeedbackStore

# Reading takes 22 bytes of memory per pixel: 1.4 GB for the largest image that is accepted.
_LARGE_PIXELS = 16_000_000
# Fields may overlap; but each pixel of a large image read two hundred times would take minutes.
_FIELDS_AREA = 2
# What a request is answered with: a digit, a number, or the numbers in its fields.
Answer = Reading | Number | list[Number]
_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}

_log = logging.getLogger("tenfold.serve")
_encode = json.JSONEncoder(separators=(",", ":"), allow_nan=False, ensure_ascii=False).encode


def json_response(document: Any, status: int = 200) -> Response:
    return Response(_encode(document), status, None, "application/json")


class ReadingRoutes:
    """Reads images and strokes with the served models, in a thread pool."""

    def __init__(self, models: dict[str, ServedModel], pool: ReadingPool, metrics: ServerMetrics) -> None:
        self._models, self._pool, self._metrics = models, pool, metrics
        self._batches = {name: BatchReader(model.reader, pool) for name, model in models.items()}
        self._references = {name: {"name": name, "digest": model.about.digest} for name, model in models.items()}
        self._default = next(iter(models))
        metrics.watch_pool(lambda: pool.in_use, lambda: pool.waiting + sum(b.waiting for b in self._batches.values()))

    async def list_models(self, _: Request) -> Response:
        """The served models, and where a browser can load them."""
        return json_response({"models": [model.about.model_dump() for model in self._models.values()]})

    async def read(self, request: Request) -> Response:
        """Read an image of one digit."""
        return await self._read_image(request, ImageInput, _read_digit, in_batches=True)

    async def read_number(self, request: Request) -> Response:
        """Read all numbers of a photo, scan or form, in reading order, or those in its fields."""
        return await self._read_image(request, NumberInput, _read_number)

    async def read_strokes(self, request: Request) -> Response:
        """Read one or several digits from pen strokes."""
        name, pixels = self._options(request)
        body = await read_json(request, StrokesInput)
        reader = self._models[name].reader
        read: Callable[[Any], Reading | Number] = reader.read_stroke_number if body.several else reader.read_strokes
        try:
            found = await self._pool.run(read, body.strokes)
        except FormatError as error:
            raise ProblemError(422, str(error)) from error
        return self._answer(name, found, pixels)

    async def _read_image(
        self,
        request: Request,
        body: type[ImageInput],
        read: Callable[[Reader, ImageUpload], Answer],
        in_batches: bool = False,
    ) -> Response:
        """in_batches: whether small images may be read together."""
        name, pixels = self._options(request)
        upload = await read_image(request, body)
        found: Answer
        try:
            if in_batches and is_small(upload.image):
                found = await self._batches[name].read(upload.image)
            else:
                size = await self._pool.run(count_pixels, upload.image)
                if _area(upload.fields or ()) > _FIELDS_AREA * size:
                    raise ProblemError(422, f"fields: they are larger than {_FIELDS_AREA} times the image")
                run = self._pool.run_large if size > _LARGE_PIXELS else self._pool.run
                found = await run(read, self._models[name].reader, upload)
        except FormatError as error:
            raise ProblemError(413 if isinstance(error, TooLargeError) else 400, str(error)) from error
        except UsageError as error:
            raise ProblemError(422, str(error)) from error
        return self._answer(name, found, pixels)

    def _options(self, request: Request) -> tuple[str, bool]:
        """?model= and ?pixels=."""
        if not request.scope["query_string"]:
            return self._default, False
        for key in request.query_params:
            if key not in ("model", "pixels"):
                raise ProblemError(422, f"unknown parameter {key[:64]!r}{nearest(key[:64], ('model', 'pixels'))}")
        name = request.query_params.get("model", self._default)
        if name not in self._models:
            raise ProblemError(422, f"unknown model {name[:64]!r}{nearest(name[:64], self._models)}")
        pixels = request.query_params.get("pixels", "false").lower()
        if pixels not in _BOOLEANS:
            raise ProblemError(422, f"pixels must be true or false, not {pixels[:64]!r}")
        return name, _BOOLEANS[pixels]

    def _answer(self, name: str, found: Answer, pixels: bool) -> Response:
        if isinstance(found, list):
            return json_response({"fields": [self._number(name, number, pixels) for number in found]})
        if isinstance(found, Number):
            return json_response(self._number(name, found, pixels))
        return json_response(self._digit(name, found, pixels))

    def _number(self, name: str, number: Number, pixels: bool) -> dict[str, Any]:
        digits = [self._digit(name, digit, pixels) for digit in number.digits]
        return number.to_dict() | {"digits": digits, "model": self._references[name]}

    def _digit(self, name: str, reading: Reading, pixels: bool) -> dict[str, Any]:
        self._metrics.count_reading(reading.digit, reading.unsure)
        document = reading.to_dict() | {"model": self._references[name]}
        if pixels:
            document["pixels"] = base64.b64encode(reading.pixels.tobytes()).decode()
        return document


def _area(fields: Fields) -> float:
    """Pixels, of which those of fields that are upside down are none."""
    return sum(max(0.0, right - left) * max(0.0, bottom - top) for left, top, right, bottom in fields)


def _read_digit(reader: Reader, upload: ImageUpload) -> Reading:
    return reader.read(upload.image)


def _read_number(reader: Reader, upload: ImageUpload) -> Number | list[Number]:
    if upload.fields is None:
        return reader.read_number(upload.image)
    return reader.read_number(upload.image, fields=upload.fields)


class FeedbackRoutes:
    """Stores feedback samples, and checks that the database answers."""

    def __init__(self, store: "FeedbackStore", token: str | None, metrics: ServerMetrics) -> None:
        self._store, self._metrics = store, metrics
        self._authorization = None if token is None else f"Bearer {token}".encode()

    async def add(self, request: Request) -> Response:
        """Store a feedback sample. 201, or 200 for a known id, means that it is on disk."""
        sent = request.headers.get("authorization", "").encode()
        if self._authorization is not None and not hmac.compare_digest(sent, self._authorization):
            detail = "feedback requires the token that tenfold serve printed"
            raise ProblemError(401, detail, headers={"WWW-Authenticate": "Bearer"})
        sample = await read_json(request, FeedbackSample)
        try:
            # Shielded: a client that disconnects must not cancel what the writer thread has taken.
            is_new = await asyncio.shield(asyncio.wrap_future(self._store.add(sample)))
        except StoreBusyError as error:
            self._metrics.count_feedback("busy")
            raise ProblemError(503, str(error), retry_after=1) from error
        except StoreError as error:
            self._metrics.count_feedback("failed")
            # The database's address is for the log, not for the client.
            _log.error("feedback could not be stored: %s", error)
            raise ProblemError(503, "the feedback could not be stored: send it again", retry_after=10) from error
        self._metrics.count_feedback("stored" if is_new else "known")
        return json_response({"id": str(sample.id)}, 201 if is_new else 200)

    async def check(self) -> None:
        """Raises `ProblemError` 503 if the database does not answer."""
        try:
            await asyncio.wait_for(asyncio.to_thread(self._store.check), 5)
        except (StoreError, TimeoutError) as error:
            _log.error("%s", error or "the database does not answer")
            raise ProblemError(503, "the database does not answer", retry_after=5) from error
