"""The app: routes, and what every request passes on its way to them."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib import metadata
from typing import TYPE_CHECKING

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from tenfold.errors import StoreError
from tenfold.serve import openapi, schemas
from tenfold.serve.answers import json_response
from tenfold.serve.body import BodyGuard
from tenfold.serve.gate import Gate
from tenfold.serve.metrics import CONTENT_TYPE, Metrics
from tenfold.serve.models import ServedModel, load_models
from tenfold.serve.pool import ReadingPool
from tenfold.serve.problems import ProblemError, on_http_exception, on_problem
from tenfold.serve.routes import Readings
from tenfold.serve.settings import ServeSettings
from tenfold.serve.static import StaticFiles

if TYPE_CHECKING:
    from tenfold.serve.feedback import FeedbackStore

_ABOUT = "Reads handwritten digits, and says when it is unsure."


_log = logging.getLogger("tenfold.serve")


def create_app(settings: ServeSettings, models: dict[str, ServedModel] | None = None) -> FastAPI:
    """Loads the models and opens the database; both are closed when the app's lifespan ends.

    models: loaded already, in place of those that the settings name.

    Raises `TenfoldError` for a model that is none, and `StoreError` for a database that can't be opened.
    """
    if models is None:
        models = load_models(settings.models)
    store = None
    if settings.feedback:
        from tenfold.serve.feedback import open_store

        store = open_store(settings.database)
    pool = ReadingPool(settings.threads, settings.waiting)
    metrics = Metrics()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await asyncio.to_thread(pool.close)
        if store is not None:
            await asyncio.to_thread(store.close)

    # No page of docs: FastAPI's own loads scripts from elsewhere, which the page's policy forbids.
    app = FastAPI(title="Tenfold", version=metadata.version("tenfold"), description=_ABOUT, lifespan=lifespan,
                  docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)  # fmt: skip
    app.openapi = lambda: document  # type: ignore[method-assign]
    app.add_exception_handler(ProblemError, on_problem)
    app.add_exception_handler(HTTPException, on_http_exception)
    app.include_router(Readings(models, pool, metrics).router())
    if store is not None:
        from tenfold.serve.feedback_route import Feedback

        app.include_router(Feedback(store, settings.token, metrics).router())
    _add_state(app, metrics, store)
    document = openapi.document(app, settings.token is not None and store is not None)
    routes = frozenset([*document["paths"], "/openapi.json"])
    app.router.default = StaticFiles(settings.page, models.values(), settings.ca)
    app.add_middleware(Gate, settings=settings, metrics=metrics, routes=routes)
    app.add_middleware(BodyGuard, settings=settings)
    return app


def _add_state(app: FastAPI, metrics: Metrics, store: "FeedbackStore | None") -> None:
    """The routes that tell how the server is."""

    @app.get("/healthz", response_model=schemas.State)
    async def healthz(_: Request) -> Response:
        """The process lives."""
        return json_response({"status": "ok"})

    @app.get("/readyz", response_model=schemas.State, responses=openapi.problems(503))
    async def readyz(_: Request) -> Response:
        """Models are loaded, and the database answers."""
        try:
            if store is not None:
                await asyncio.wait_for(asyncio.to_thread(store.check), 5)
        except (StoreError, TimeoutError) as error:
            _log.error("%s", error or "the database does not answer")
            raise ProblemError(503, "the database does not answer", retry_after=5) from error
        return json_response({"status": "ok"})

    @app.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
    async def counts(_: Request) -> Response:
        """For Prometheus."""
        return Response(metrics.exposition(), media_type=CONTENT_TYPE)

    @app.get("/openapi.json", include_in_schema=False)
    async def described(_: Request) -> Response:
        return json_response(app.openapi())
