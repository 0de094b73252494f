"""The route that takes corrections."""

import asyncio
import base64
import hmac
import logging

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from tenfold.errors import FeedbackError, StoreBusyError, StoreError
from tenfold.serve import openapi, schemas
from tenfold.serve.answers import json_response
from tenfold.serve.feedback import Correction, FeedbackStore
from tenfold.serve.metrics import Metrics
from tenfold.serve.problems import ProblemError
from tenfold.serve.routes import PlainRoute, take_json

_log = logging.getLogger("tenfold.serve")
_STATUSES = (400, 408, 413, 415, 422, 429, 500, 503)


class Feedback:
    def __init__(self, store: FeedbackStore, token: str | None, metrics: Metrics) -> None:
        self._store, self._metrics = store, metrics
        self._token = None if token is None else f"Bearer {token}".encode()

    def router(self) -> APIRouter:
        router = APIRouter(route_class=PlainRoute)
        statuses = _STATUSES if self._token is None else (401, *_STATUSES)
        responses = openapi.problems(*statuses)
        responses[200] = {"description": "It was known already.", "model": schemas.Stored}
        extra = openapi.json_body(schemas.FeedbackIn)
        if self._token is not None:
            extra["security"] = [{"token": []}]
        router.add_api_route("/v1/feedback", self.add, methods=["POST"], status_code=201, response_model=schemas.Stored,
                             responses=responses, openapi_extra=extra)  # fmt: skip
        return router

    async def add(self, request: Request) -> Response:
        """Stores what a digit was. An answer of 201 or 200 means that it is on disk."""
        told = request.headers.get("authorization", "").encode()
        if self._token is not None and not hmac.compare_digest(told, self._token):
            raise ProblemError(
                401, "corrections ask for the token that tenfold serve printed", WWW_Authenticate="Bearer"
            )
        sent = await take_json(request, schemas.FeedbackIn)
        try:
            stored = asyncio.wrap_future(self._store.add(_correction(sent)))
            # Who stops waiting must not take it out of the hands of the thread that writes.
            new = await asyncio.shield(stored)
        except FeedbackError as error:
            raise ProblemError(422, str(error)) from error
        except StoreBusyError as error:
            self._metrics.corrected("busy")
            raise ProblemError(503, str(error), retry_after=1) from error
        except StoreError as error:
            self._metrics.corrected("failed")
            # Where the database is, is the log's to tell.
            _log.error("a correction could not be stored: %s", error)
            raise ProblemError(503, "the correction could not be stored; send it again", retry_after=10) from error
        self._metrics.corrected("stored" if new else "known")
        return json_response({"id": str(sent.id)}, 201 if new else 200)


def _correction(sent: schemas.FeedbackIn) -> Correction:
    return Correction(
        id=sent.id,
        truth=sent.truth,
        digit=sent.digit,
        confidence=sent.confidence,
        probabilities=None if sent.probabilities is None else tuple(sent.probabilities),
        pixels=base64.b64decode(sent.pixels),
        strokes=None if sent.strokes is None else tuple(tuple(stroke) for stroke in sent.strokes),
        source=sent.source,
        model_digest=sent.model_digest,
        made_at=sent.made_at,
    )
