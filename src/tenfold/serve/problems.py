"""Errors as clients see them: RFC 9457, one shape for all of them."""

import json
from collections.abc import Mapping
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

MEDIA_TYPE = "application/problem+json"


class ProblemError(HTTPException):
    """A request that is answered with an error. retry_after: seconds, for the Retry-After header."""

    def __init__(
        self, status: int, detail: str, retry_after: int | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(status, detail, {"Retry-After": str(retry_after)} if retry_after is not None else headers)


def problem_body(status: int, detail: str) -> bytes:
    """RFC 9457, 3.1; a problem of type about:blank has its status's title (4.2.1)."""
    document = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail}
    return json.dumps(document).encode()


def problem_response(status: int, detail: str, headers: Mapping[str, str] | None = None) -> Response:
    return Response(problem_body(status, detail), status, headers, MEDIA_TYPE)


async def on_http_exception(request: Request, error: Exception) -> Response:
    """Exception handler for `ProblemError`, and for the router's one error of its own, 405."""
    assert isinstance(error, HTTPException)
    is_ours = isinstance(error, ProblemError)
    detail = error.detail if is_ours else f"{request.url.path} does not support {request.method}"
    return problem_response(error.status_code, detail, error.headers)
