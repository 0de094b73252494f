"""Metrics for Prometheus."""

from collections.abc import Callable
from functools import cache

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

CONTENT_TYPE = CONTENT_TYPE_LATEST
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)


class ServerMetrics:
    """The counters of one app. Label look-ups are cached: they are half the cost of counting."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        requests = Counter("tenfold_requests", "Requests answered.", ["route", "status"], registry=registry)
        seconds = Histogram("tenfold_request_seconds", "From a request's head to its answer.", ["route"],
                            buckets=_BUCKETS, registry=registry)  # fmt: skip
        readings = Counter("tenfold_readings", "Digits read.", ["digit", "unsure"], registry=registry)
        self._feedback = Counter("tenfold_feedback", "Feedback samples by outcome.", ["outcome"], registry=registry)
        self._requests = cache(lambda route, status: requests.labels(route, str(status)))
        self._seconds = cache(seconds.labels)
        self._readings = cache(lambda digit, unsure: readings.labels(str(digit), str(unsure).lower()))

    def watch_pool(self, in_use: Callable[[], float], waiting: Callable[[], float]) -> None:
        """Both are called whenever the metrics are read."""
        Gauge("tenfold_pool_in_use", "Reading threads at work.", registry=self._registry).set_function(in_use)
        Gauge("tenfold_pool_waiting", "Images in the queue.", registry=self._registry).set_function(waiting)

    def count_request(self, route: str, status: int, seconds: float) -> None:
        """route: one of a bounded set, never a path that a client chose."""
        self._requests(route, status).inc()
        self._seconds(route).observe(seconds)

    def count_reading(self, digit: int, unsure: bool) -> None:
        self._readings(digit, unsure).inc()

    def count_feedback(self, outcome: str) -> None:
        """outcome: stored, known, busy or failed."""
        self._feedback.labels(outcome).inc()

    def exposition(self) -> bytes:
        return generate_latest(self._registry)
