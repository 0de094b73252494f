"""The parts of the OpenAPI document that FastAPI can't tell from the code: raw bodies, and what errors look like."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel

from tenfold.serve import pictures
from tenfold.serve.problems import MEDIA_TYPE
from tenfold.serve.schemas import ProblemDetails, body_schema

_MEANINGS = {
    400: "It can't be decoded: no image, no form, no JSON.",
    401: "The token is missing, or another.",
    408: "The body came too slowly.",
    413: "The body, or the picture, is too large.",
    415: "Another content type than the ones below.",
    422: "A value is missing, of another type or out of range.",
    429: "Too many requests from this address.",
    500: "A mistake of the server's.",
    503: "Too busy, or the database is gone.",
}
BINARY = {"type": "string", "format": "binary"}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route that may end so."""
    found: dict[int | str, dict[str, Any]] = {}
    for status in statuses:
        headers = {}
        if status in (429, 503):
            headers["Retry-After"] = {"description": "Seconds.", "schema": {"type": "integer", "minimum": 0}}
        if status == 401:
            headers["WWW-Authenticate"] = {"schema": {"type": "string"}}
        found[status] = {
            "description": _MEANINGS[status],
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDetails"}}},
            "headers": headers,
        }
    return found


def picture_body(names: list[str]) -> dict[str, Any]:
    """The `openapi_extra` of a route that takes a picture. names: of the models."""
    form = {"type": "object", "required": ["image"], "properties": {"image": BINARY}}
    content: dict[str, Any] = {kind: {"schema": BINARY} for kind in pictures.TYPES}
    encoding = {"image": {"contentType": ", ".join(pictures.TYPES)}}
    content["multipart/form-data"] = {"schema": form, "encoding": encoding}
    return {"requestBody": {"required": True, "content": content}, "parameters": query_parameters(names)}


def json_body(model: type[BaseModel]) -> dict[str, Any]:
    """The `openapi_extra` of a route that takes JSON."""
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": body_schema(model)}}}}


def query_parameters(names: list[str]) -> list[dict[str, Any]]:
    return [
        {"name": "model", "in": "query", "required": False, "description": "One of those that /v1/models lists.",
         "schema": {"type": "string", "enum": names}},
        {"name": "pixels", "in": "query", "required": False, "description": "Give back what the model saw, too.",
         "schema": {"type": "boolean", "default": False}},
    ]  # fmt: skip


def document(app: FastAPI, token: bool) -> dict[str, Any]:
    """OpenAPI 3.1. token: whether corrections ask for one."""
    made = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
    parts = made.setdefault("components", {})
    parts.setdefault("schemas", {})["ProblemDetails"] = ProblemDetails.model_json_schema()
    if token:
        parts["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    return made
