"""The routes that read."""

from collections.abc import Callable
from typing import Any, TypeVar

from fastapi import APIRouter
from fastapi.routing import APIRoute
from pydantic import BaseModel, ValidationError
from starlette.requests import Request
from starlette.responses import Response

from tenfold.errors import FormatError, TooLargeError, nearest
from tenfold.reading.reader import Number, Reading
from tenfold.serve import openapi, schemas
from tenfold.serve.answers import Answers, json_response
from tenfold.serve.batch import Batch, is_small
from tenfold.serve.metrics import Metrics
from tenfold.serve.models import ServedModel
from tenfold.serve.pictures import pixels_of, take_picture
from tenfold.serve.pool import ReadingPool
from tenfold.serve.problems import ProblemError

M = TypeVar("M", bound=BaseModel)
T = TypeVar("T")
# Pixels. Reading takes 22 bytes of memory for each of them: 1.4 GB for the largest picture that is taken.
_LARGE = 16_000_000
_TRUTHS = {"true": True, "1": True, "false": False, "0": False}
_ERRORS = openapi.problems(400, 408, 413, 415, 422, 429, 500, 503)


class PlainRoute(APIRoute):
    """Documented as any of FastAPI's, but called with the request alone: to look for parameters that it doesn't have
    would take as long as the rest of the way to it."""

    def get_route_handler(self) -> Callable[[Request], Any]:
        return self.endpoint


class Readings:
    """Reads with the served models, in the pool."""

    def __init__(self, models: dict[str, ServedModel], pool: ReadingPool, metrics: Metrics) -> None:
        self.models, self._pool, self._metrics = models, pool, metrics
        self._answers = {name: Answers(model) for name, model in models.items()}
        self._batches = {name: Batch(model.reader, pool) for name, model in models.items()}
        self._default = next(iter(models))
        metrics.watch_pool(lambda: pool.in_use, lambda: pool.waiting + sum(b.waiting for b in self._batches.values()))

    def router(self) -> APIRouter:
        router, names = APIRouter(route_class=PlainRoute), list(self.models)
        strokes = openapi.json_body(schemas.StrokesIn) | {"parameters": openapi.query_parameters(names)}
        picture = openapi.picture_body(names)
        number: Any = schemas.Reading | schemas.Number
        for path, endpoint, model, extra in (
            ("/v1/read", self.read, schemas.Reading, picture),
            ("/v1/read-number", self.read_number, schemas.Number, picture),
            ("/v1/read-strokes", self.read_strokes, number, strokes),
        ):
            router.add_api_route(path, endpoint, methods=["POST"], response_model=model, responses=_ERRORS,
                                 openapi_extra=extra, response_model_exclude_none=True)  # fmt: skip
        router.add_api_route("/v1/models", self.list_models, response_model=schemas.Models)
        return router

    async def list_models(self, _: Request) -> Response:
        """The models that read here, and where a browser gets them."""
        found = [model.summary(name == self._default) for name, model in self.models.items()]
        return json_response({"models": found})

    async def read(self, request: Request) -> Response:
        """The one digit in a picture."""
        name, pixels = self._choice(request)
        picture = await take_picture(request)
        try:
            if is_small(picture):
                reading = await self._batches[name].read(picture)
            else:
                reading = await self._large_or_not(self.models[name].reader.read, picture)
        except FormatError as error:
            raise _refusal(error) from error
        return self._answer(name, reading, pixels)

    async def read_number(self, request: Request) -> Response:
        """All digits in a photo or scan, in reading order."""
        name, pixels = self._choice(request)
        picture = await take_picture(request)
        try:
            number = await self._large_or_not(self.models[name].reader.read_number, picture)
        except FormatError as error:
            raise _refusal(error) from error
        return self._answer(name, number, pixels)

    async def read_strokes(self, request: Request) -> Response:
        """The digit, or digits, that a pen wrote."""
        name, pixels = self._choice(request)
        sent = await take_json(request, schemas.StrokesIn)
        reader = self.models[name].reader
        read: Callable[[Any], Reading | Number] = reader.read_stroke_number if sent.several else reader.read_strokes
        try:
            found = await self._pool.run(read, sent.strokes)
        except FormatError as error:
            raise ProblemError(422, str(error)) from error
        return self._answer(name, found, pixels)

    async def _large_or_not(self, read: Callable[[bytes], T], picture: bytes) -> T:
        pixels = await self._pool.run(pixels_of, picture)
        run = self._pool.run_alone if pixels > _LARGE else self._pool.run
        return await run(read, picture)

    def _choice(self, request: Request) -> tuple[str, bool]:
        if not request.scope["query_string"]:
            return self._default, False
        for key in request.query_params:
            if key not in ("model", "pixels"):
                raise ProblemError(422, f"there is no ?{key[:64]}{nearest(key[:64], ('model', 'pixels'))}")
        name = request.query_params.get("model", self._default)
        if name not in self.models:
            raise ProblemError(422, f"no model is named {name[:64]!r}{nearest(name[:64], self.models)}")
        pixels = request.query_params.get("pixels", "false").lower()
        if pixels not in _TRUTHS:
            raise ProblemError(422, f"pixels is {pixels[:64]!r}: true or false")
        return name, _TRUTHS[pixels]

    def _answer(self, name: str, found: Reading | Number, pixels: bool) -> Response:
        readings = (found,) if isinstance(found, Reading) else found.digits
        for reading in readings:
            self._metrics.read(reading.digit, reading.unsure)
        answers = self._answers[name]
        if isinstance(found, Reading):
            return json_response(answers.reading(found, pixels))
        return json_response(answers.number(found, pixels))


def _refusal(error: FormatError) -> ProblemError:
    return ProblemError(413 if isinstance(error, TooLargeError) else 400, str(error))


async def take_json(request: Request, model: type[M]) -> M:
    """The body as `model`. Raises `ProblemError`: 415, 400 for what is not JSON, 422 for other values."""
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if kind != "application/json":
        raise ProblemError(415, f"this takes application/json, not {kind or 'a body of no type'}")
    try:
        return model.model_validate_json(await request.body())
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        if first["type"] == "json_invalid":
            raise ProblemError(400, f"the body is not JSON: {first['msg']}") from error
        where = ".".join(str(part) for part in first["loc"])
        raise ProblemError(422, f"{where or 'the body'}: {first['msg']}") from error
