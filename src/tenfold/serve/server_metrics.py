"""Metrics for Prometheus."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

CONTENT_TYPE = CONTENT_TYPE_LATEST
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)


class ServerMetrics:
    """The counters of one app. Label look-ups are cached: they are half the cost of counting."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self._requests = Counter("tenfold_requests", "Requests answered.", ["route", "status"], registry=registry)
        self._seconds = Histogram(
            "tenfold_request_seconds", "From a request's head to its answer.", ["route"], buckets=_BUCKETS,
            registry=registry,
        )  # fmt: skip
        self._readings = Counter("tenfold_readings", "Digits read.", ["digit", "unsure"], registry=registry)
        self._feedback = Counter("tenfold_feedback", "Feedback samples by outcome.", ["outcome"], registry=registry)
        self._by_request: dict[tuple[str, int], tuple[Counter, Histogram]] = {}
        self._by_reading: dict[tuple[int, bool], Counter] = {}

    def watch_pool(self, in_use: Callable[[], float], waiting: Callable[[], float]) -> None:
        """Both are called whenever the metrics are read."""
        Gauge("tenfold_pool_in_use", "Reading threads at work.", registry=self._registry).set_function(in_use)
        Gauge("tenfold_pool_waiting", "Images in the queue.", registry=self._registry).set_function(waiting)

    def count_request(self, route: str, status: int, seconds: float) -> None:
        """route: one of a bounded set, never a path that a client chose."""
        key = (route, status)
        found = self._by_request.get(key)
        if found is None:
            found = (self._requests.labels(route, str(status)), self._seconds.labels(route))
            self._by_request[key] = found
        found[0].inc()
        found[1].observe(seconds)

    def count_reading(self, digit: int, unsure: bool) -> None:
        key = (digit, unsure)
        found = self._by_reading.get(key)
        if found is None:
            found = self._by_reading[key] = self._readings.labels(str(digit), str(unsure).lower())
        found.inc()

    def count_feedback(self, outcome: str) -> None:
        """outcome: stored, known, busy or failed."""
        self._feedback.labels(outcome).inc()

    def exposition(self) -> bytes:
        return generate_latest(self._registry)
