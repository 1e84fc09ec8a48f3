"""What Prometheus can ask for: how often each method ran, how long it took, how long it waited, and how."""

import logging

from prometheus_client import CONTENT_TYPE_LATEST, Histogram, generate_latest
from starlette.requests import Request
from starlette.responses import Response

from pages.shared.texts import text

# From a lookup to a maximization of best quality.
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_TOOK = Histogram(
    "zfnet_computation_seconds",
    text("metrics.took", "en"),
    ("method", "outcome", "hit"),
    buckets=_SECONDS,
)
_WAITED = Histogram(
    "zfnet_computation_wait_seconds",
    text("metrics.waited", "en"),
    ("method",),
    buckets=_SECONDS,
)


class Counting(logging.Handler):
    """Counts the records of ``zfnet.computations``."""

    def emit(self, record: logging.LogRecord) -> None:
        """Count one computation."""
        told = getattr(record, "fields", {})
        hit = "none" if told["hit"] is None else str(told["hit"]).lower()
        _TOOK.labels(told["method"], told["outcome"], hit).observe(told["ms"] / 1000)
        _WAITED.labels(told["method"]).observe(told["wait_ms"] / 1000)


async def metrics(_: Request) -> Response:
    """Answer with all metrics of the process in Prometheus' text format."""
    return Response(generate_latest(), headers={"content-type": CONTENT_TYPE_LATEST})
