"""The same server as a Ray Serve application: replicas on the nodes of a cluster, each with a core and an app."""

import dataclasses
import logging
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from tenfold.errors import ClusterError, ServeError, UsageError
from tenfold.serve.app import create_app
from tenfold.serve.models import ServedModel, load_models
from tenfold.serve.run import listen
from tenfold.serve.settings import ServeSettings

if TYPE_CHECKING:
    from fastapi import FastAPI

NAME = "tenfold"
# How often the cluster is asked whether it is still there.
_LOOK_SECONDS = 2.0


def replicated(settings: ServeSettings) -> ServeSettings:
    """The settings for servers on several machines: without corrections, unless their database is one that all reach.

    Raises `UsageError` for a SQLite file that was asked for, and `StoreError` for a database that can't be opened.
    """
    if not settings.feedback:
        return settings
    from tenfold.serve.feedback import open_store
    from tenfold.serve.feedback.database import database_url

    url = database_url(settings.database)
    if url.get_backend_name() == "sqlite":
        if settings.database:
            raise UsageError(
                f"--database {settings.database} is a file of one machine: give postgresql://USER@HOST/NAME, which all "
                "replicas reach, or --no-feedback"
            )
        return dataclasses.replace(settings, feedback=False)
    # What is wrong with it is told here, and replicas find its tables made.
    open_store(settings.database).close()
    return dataclasses.replace(settings, database=url.render_as_string(hide_password=False))


def serve_on_ray(
    settings: ServeSettings, host: str, port: int, replicas: int | None, started: Callable[[int, int], None]
) -> None:
    """Serves on the cluster that this process is connected to, until SIGINT or SIGTERM.

    settings: such as `replicated` gives. host, port: where every node that has a replica listens; port 0 is one that is
    free here. replicas: one for each CPU of the cluster, unless said; one that dies is replaced. started: is told the
    port and their number once requests are answered. Models go to the replicas through Ray.

    Raises `ServeError` where Ray Serve runs already, or can't begin, `ClusterError` where the cluster has no room for
    so many or is lost, and `TenfoldError` as `create_app` does.
    """
    import ray
    from ray import serve

    models = load_models(settings.models)
    count = _count(ray, replicas)
    with listen(host, port) as found:
        port = found.getsockname()[1]
    running = serve.status()
    if running.proxies or running.applications:
        names = ", ".join(running.applications) or "no application"
        raise ServeError(f"Ray Serve runs on this cluster already, with {names}; serve shutdown ends it")
    serving = False
    with _interrupted_by_both():
        try:
            _begin(settings, models, host, port, count)
            serving = True
            started(port, count)
            while True:
                time.sleep(_LOOK_SECONDS)
                serve.status()
        except KeyboardInterrupt:
            if not serving:
                raise
        except (ray.exceptions.RayError, ConnectionError) as error:
            raise ClusterError(f"the cluster failed: {' '.join(str(error).split())[:300]}") from error
        except RuntimeError as error:  # A replica or a proxy that could not begin.
            raise ServeError(f"the replicas can't begin: {' '.join(str(error).split())[-300:]}") from error
        finally:
            with suppress(Exception):  # The cluster's, where it is gone.
                serve.shutdown()  # type: ignore[no-untyped-call]


def _begin(settings: ServeSettings, models: dict[str, ServedModel], host: str, port: int, count: int) -> None:
    from ray import serve
    from ray.serve.schema import LoggingConfig

    quiet = LoggingConfig(log_level="ERROR", enable_access_log=False)
    logging.getLogger("ray.serve").setLevel("ERROR")

    def app() -> "FastAPI":
        # The page is where that node's Tenfold has it.
        return create_app(dataclasses.replace(settings, page=ServeSettings.page, threads=1), models)

    server: Any = serve.deployment(
        serve.ingress(app)(),
        name="Server",
        num_replicas=count,
        ray_actor_options={"num_cpus": 1},
        # As many as an app reads and lets wait, before it says that they are too many.
        max_ongoing_requests=1 + settings.waiting,
        graceful_shutdown_timeout_s=settings.shutdown_seconds,
    )
    serve.start(proxy_location="EveryNode", http_options={"host": host, "port": port}, logging_config=quiet)
    serve.run(server.bind(), name=NAME, route_prefix="/", logging_config=quiet)


def _count(ray: Any, replicas: int | None) -> int:
    room = int(ray.cluster_resources().get("CPU", 0))
    if room < (replicas or 1):
        raise ClusterError(f"the cluster has {room} CPUs, and a replica takes one: lower --replicas, or add nodes")
    return replicas or room


@contextmanager
def _interrupted_by_both() -> Iterator[None]:
    """Makes SIGTERM what SIGINT is."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
