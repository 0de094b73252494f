"""Errors as clients see them: RFC 9457, one shape for all of them."""

import json
from collections.abc import Mapping
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

MEDIA_TYPE = "application/problem+json"


class ProblemError(Exception):
    """A request that is answered with an error. retry_after: seconds, for the Retry-After header."""

    def __init__(self, status: int, detail: str, retry_after: int | None = None, **headers: str) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}
        if retry_after is not None:
            self.headers["Retry-After"] = str(retry_after)

    def response(self) -> Response:
        return problem_response(self.status, self.detail, self.headers)


def problem_body(status: int, detail: str) -> bytes:
    """RFC 9457, 3.1; a problem of type about:blank has its status's title (4.2.1)."""
    document = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail}
    return json.dumps(document).encode()


def problem_response(status: int, detail: str, headers: Mapping[str, str] | None = None) -> Response:
    return Response(problem_body(status, detail), status, headers, MEDIA_TYPE)


async def on_problem(_: Request, problem: Exception) -> Response:
    """Exception handler for `ProblemError`."""
    assert isinstance(problem, ProblemError)
    return problem.response()


async def on_http_exception(request: Request, error: Exception) -> Response:
    """Exception handler for the router's own errors, 404 and 405."""
    assert isinstance(error, HTTPException)
    detail = {
        404: f"there is nothing at {request.url.path}",
        405: f"{request.url.path} does not support {request.method}",
    }.get(error.status_code, str(error.detail))
    return problem_response(error.status_code, detail, error.headers)
