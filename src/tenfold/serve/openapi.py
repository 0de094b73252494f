"""The OpenAPI 3.1 document: which operations exist, what they accept and what they answer."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from importlib import metadata
from inspect import getdoc
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tenfold.serve.problems import MEDIA_TYPE
from tenfold.serve.schemas import ImageInput, NumberInput, ProblemDetails
from tenfold.serve.uploads import IMAGE_TYPES

_POST_PROBLEMS = (400, 408, 413, 415, 422, 429, 500, 503)
_PROBLEMS = {
    400: "The body can't be decoded as an image, a form or JSON.",
    401: "The token is missing or wrong.",
    408: "The body arrived too slowly.",
    413: "The body or the image is too large.",
    415: "The content type is not one of those listed.",
    422: "A value is missing, has the wrong type or is out of range.",
    429: "Too many requests from this address.",
    500: "An internal error.",
    503: "The server is too busy, or the database does not answer.",
}
_SCHEMAS = "#/components/schemas/{model}"
_BINARY = {"type": "string", "format": "binary"}
_TOKEN = "token"


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One operation of the API: POST if it has a body, otherwise GET.

    handler: its docstring is the operation's summary. answers: schemas by status; None for text. body: a JSON body's
    schema; with `ImageInput` the body may also be an image file, or a form with one. options: whether it has the
    parameters ?model= and ?pixels=. problems: besides those of a POST.
    """

    path: str
    handler: Callable[[Request], Awaitable[Response]]
    answers: dict[int, tuple[type[BaseModel], ...] | None]
    body: type[BaseModel] | None = None
    options: bool = False
    problems: tuple[int, ...] = ()
    token: bool = False

    @property
    def method(self) -> str:
        return "POST" if self.body else "GET"

    def route(self) -> Route:
        return Route(self.path, self.handler, methods=[self.method])


def build_document(operations: Iterable[Operation], models: Iterable[str]) -> dict[str, Any]:
    """The document as JSON types. models: names that ?model= accepts."""
    operations = list(operations)
    paths = {operation.path: {operation.method.lower(): _describe(operation, list(models))} for operation in operations}
    used = {model for operation in operations for answer in operation.answers.values() for model in answer or ()}
    bodies = {operation.body for operation in operations if operation.body}
    _, schemas = models_json_schema(
        [*((model, "serialization") for model in used | {ProblemDetails}), *((body, "validation") for body in bodies)],
        ref_template=_SCHEMAS,
    )
    components: dict[str, Any] = {"schemas": schemas["$defs"]}
    if any(operation.token for operation in operations):
        components["securitySchemes"] = {_TOKEN: {"type": "http", "scheme": "bearer"}}
    about = {
        "title": "Tenfold",
        "version": metadata.version("tenfold"),
        "description": "Reads handwritten digits, and abstains when it is unsure.",
    }
    return {"openapi": "3.1.0", "info": about, "paths": paths, "components": components}


def _describe(operation: Operation, models: list[str]) -> dict[str, Any]:
    problems = operation.problems + (_POST_PROBLEMS if operation.body else ()) + ((401,) if operation.token else ())
    document: dict[str, Any] = {
        "summary": getdoc(operation.handler),
        "operationId": operation.path.strip("/").replace("/", "-"),
        "responses": {
            **{str(status): _answer(status, schemas) for status, schemas in operation.answers.items()},
            **{str(status): _problem(status) for status in problems},
        },
    }
    if operation.options:
        document["parameters"] = [
            {"name": "model", "in": "query", "description": "A name that /v1/models lists.",
             "schema": {"type": "string", "enum": models}},
            {"name": "pixels", "in": "query", "description": "Include the pixels that the model saw.",
             "schema": {"type": "boolean", "default": False}},
        ]  # fmt: skip
    if operation.body:
        document["requestBody"] = {"required": True, "content": _content(operation.body)}
    if operation.token:
        document["security"] = [{_TOKEN: []}]
    return document


def _content(body: type[BaseModel]) -> dict[str, Any]:
    json = {"application/json": {"schema": _reference(body)}}
    if not issubclass(body, ImageInput):
        return json
    parts: dict[str, Any] = {"image": _BINARY}
    encoding = {"image": {"contentType": ", ".join(IMAGE_TYPES)}}
    if issubclass(body, NumberInput):
        parts["fields"] = {
            "type": "string",
            "format": "fields",
            "description": f"JSON: the property fields of {NumberInput.__name__}.",
            "contentMediaType": "application/json",
        }
    form = {"type": "object", "required": ["image"], "properties": parts}
    images: dict[str, Any] = {kind: {"schema": _BINARY} for kind in (*IMAGE_TYPES, "application/octet-stream")}
    return {**images, **json, "multipart/form-data": {"schema": form, "encoding": encoding}}


def _answer(status: int, schemas: tuple[type[BaseModel], ...] | None) -> dict[str, Any]:
    description = {200: "Success.", 201: "Created."}[status]
    if schemas is None:
        return {"description": description, "content": {"text/plain": {}}}
    references = [_reference(schema) for schema in schemas]
    schema = references[0] if len(references) == 1 else {"anyOf": references}
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _problem(status: int) -> dict[str, Any]:
    headers: dict[str, Any] = {}
    if status in (429, 503):
        headers["Retry-After"] = {"description": "Seconds.", "schema": {"type": "integer", "minimum": 0}}
    if status == 401:
        headers["WWW-Authenticate"] = {"schema": {"type": "string"}}
    content = {MEDIA_TYPE: {"schema": _reference(ProblemDetails)}}
    return {"description": _PROBLEMS[status], "content": content, "headers": headers}


def _reference(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": _SCHEMAS.format(model=model.__name__)}
