"""The ASGI application: routes, middleware, and what is opened and closed with them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tenfold.serve import schemas
from tenfold.serve.middleware import GateMiddleware
from tenfold.serve.openapi import Operation, build_document
from tenfold.serve.problems import on_http_exception
from tenfold.serve.reading_pool import ReadingPool
from tenfold.serve.routes import FeedbackRoutes, ReadingRoutes, json_response
from tenfold.serve.served_models import load_models
from tenfold.serve.server_metrics import CONTENT_TYPE, ServerMetrics
from tenfold.serve.settings import ServeSettings
from tenfold.serve.static_files import StaticFiles


def create_app(settings: ServeSettings) -> Starlette:
    """Loads the models and opens the database; the app's lifespan closes them.

    Raises `TenfoldError` for an invalid model, and `StoreError` for a database that can't be opened.
    """
    models = load_models(settings.models)
    store = None
    if settings.feedback:
        # SQLAlchemy and Alembic take 17 MB of memory.
        from tenfold.serve.feedback import FeedbackStore

        store = FeedbackStore(settings.database)
    pool, metrics = ReadingPool(settings.threads, settings.queue), ServerMetrics()

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        await asyncio.to_thread(pool.close)
        if store is not None:
            await asyncio.to_thread(store.close)

    feedback = FeedbackRoutes(store, settings.token, metrics) if store else None
    operations = _operations(ReadingRoutes(models, pool, metrics), feedback, settings.token, metrics)
    document = build_document(operations, models)

    async def openapi(_: Request) -> Response:
        return json_response(document)

    known_paths = frozenset([*document["paths"], "/openapi.json"])
    gate = Middleware(GateMiddleware, settings=settings, metrics=metrics, routes=known_paths)
    app = Starlette(
        routes=[*(operation.route() for operation in operations), Route("/openapi.json", openapi)],
        exception_handlers={HTTPException: on_http_exception},
        lifespan=lifespan,
        middleware=[*_cors(settings), gate],
    )
    app.router.redirect_slashes = False
    app.router.default = StaticFiles(settings.web_app, models.values(), settings.ca)
    return app


def _cors(settings: ServeSettings) -> list[Middleware]:
    """Lets pages of other web sites call the API, where that was asked for."""
    if not settings.allow_origins:
        return []
    headers = ["authorization", "content-type"]
    return [Middleware(CORSMiddleware, allow_origins=settings.allow_origins, allow_methods=["GET", "POST"],
                       allow_headers=headers, max_age=600)]  # fmt: skip


def _operations(
    reading: ReadingRoutes, feedback: FeedbackRoutes | None, token: str | None, metrics: ServerMetrics
) -> list[Operation]:
    async def healthz(_: Request) -> Response:
        """Whether the process is alive."""
        return json_response({"status": "ok"})

    async def readyz(_: Request) -> Response:
        """Whether the models are loaded and the database answers."""
        if feedback is not None:
            await feedback.check()
        return json_response({"status": "ok"})

    async def prometheus(_: Request) -> Response:
        """Metrics in Prometheus's text format."""
        return Response(metrics.exposition(), media_type=CONTENT_TYPE)

    one, several = schemas.ReadingOutput, schemas.NumberOutput
    operations = [
        Operation(path="/v1/read", handler=reading.read, body=schemas.ImageInput, options=True, answers={200: (one,)}),
        Operation(path="/v1/read-number", handler=reading.read_number, body=schemas.NumberInput, options=True,
                  answers={200: (several, schemas.FieldsOutput)}),
        Operation(path="/v1/read-strokes", handler=reading.read_strokes, body=schemas.StrokesInput, options=True,
                  answers={200: (one, several)}),
        Operation(path="/v1/models", handler=reading.list_models, answers={200: (schemas.ModelsOutput,)}),
        Operation(path="/healthz", handler=healthz, answers={200: (schemas.StatusOutput,)}),
        Operation(path="/readyz", handler=readyz, answers={200: (schemas.StatusOutput,)}, problems=(503,)),
        Operation(path="/metrics", handler=prometheus, answers={200: None}),
    ]  # fmt: skip
    if feedback is not None:
        stored = (schemas.StoredOutput,)
        operations.append(
            Operation(path="/v1/feedback", handler=feedback.add, body=schemas.FeedbackSample,
                      answers={201: stored, 200: stored}, token=token is not None)
        )  # fmt: skip
    return operations
