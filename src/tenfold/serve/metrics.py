"""What the server counts, for Prometheus."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

CONTENT_TYPE = CONTENT_TYPE_LATEST
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)


class Metrics:
    """Of one app: two of them in a process do not count together. Labels are looked up once and kept: it is half of
    what counting costs."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._requests = Counter("tenfold_requests", "Requests answered.", ["route", "status"], registry=self._registry)
        self._seconds = Histogram(
            "tenfold_request_seconds", "From head to answer.", ["route"], buckets=_SECONDS, registry=self._registry
        )
        self._readings = Counter("tenfold_readings", "Digits read.", ["digit", "unsure"], registry=self._registry)
        self._feedback = Counter("tenfold_feedback", "Corrections, by what became of them.", ["outcome"],
                                 registry=self._registry)  # fmt: skip
        self._answered: dict[tuple[str, int], tuple[Counter, Histogram]] = {}
        self._read: dict[tuple[int, bool], Counter] = {}

    def watch_pool(self, in_use: Callable[[], float], waiting: Callable[[], float]) -> None:
        """Both are asked when the metrics are."""
        Gauge("tenfold_pool_in_use", "Threads that read.", registry=self._registry).set_function(in_use)
        Gauge("tenfold_pool_waiting", "Pictures that wait for one.", registry=self._registry).set_function(waiting)

    def answered(self, route: str, status: int, seconds: float) -> None:
        """route: of a bounded set, never a path as it was asked for."""
        key = (route, status)
        found = self._answered.get(key)
        if found is None:
            found = (self._requests.labels(route, str(status)), self._seconds.labels(route))
            self._answered[key] = found
        found[0].inc()
        found[1].observe(seconds)

    def read(self, digit: int, unsure: bool) -> None:
        key = (digit, unsure)
        found = self._read.get(key)
        if found is None:
            found = self._read[key] = self._readings.labels(str(digit), str(unsure).lower())
        found.inc()

    def corrected(self, outcome: str) -> None:
        """outcome: stored, known, busy or failed."""
        self._feedback.labels(outcome).inc()

    def exposition(self) -> bytes:
        return generate_latest(self._registry)
