"""What is counted, for Prometheus. Nothing of a text is in it but its length."""

from __future__ import annotations

import os
from functools import partial
from typing import Any

import prometheus_client as prometheus
from prometheus_client import multiprocess

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)


class Measures:
    """The counters of one server. Its processes share them where PROMETHEUS_MULTIPROC_DIR names a folder for that."""

    content_type: str = prometheus.CONTENT_TYPE_LATEST

    def __init__(self) -> None:
        self.registry = prometheus.CollectorRegistry()
        self._shared = bool(os.environ.get("PROMETHEUS_MULTIPROC_DIR"))
        self._served: list[tuple[str, str]] = []

        def make(kind: Any, name: str, text: str, labels: tuple[str, ...] = (), **more: Any) -> Any:
            return kind(f"textclf_{name}", text, labels, registry=self.registry, **more)

        counter, histogram = prometheus.Counter, prometheus.Histogram
        gauge = partial(prometheus.Gauge, multiprocess_mode="livesum")
        self._requests = make(counter, "requests", "Requests answered.", ("route", "method", "status"))
        self._seconds = make(histogram, "request_seconds", "From a request's arrival to its end.", ("route",))
        self._rejections = make(counter, "rejections", "Requests refused, by reason.", ("reason",))
        self._texts = make(counter, "texts", "Texts labelled.")
        self._characters = make(counter, "characters", "Characters of the texts labelled.")
        self._positives = make(counter, "positives", "Texts that carry a label.", ("label",))
        self._batch_texts = make(histogram, "batch_texts", "Texts of a batch.", buckets=SIZES)
        self._batch_seconds = make(histogram, "batch_seconds", "How long a batch took.", buckets=SECONDS)
        self._reloads = make(counter, "reloads", "Reloads of the model.", ("result",))
        self._model = make(gauge, "model_info", "The model served.", ("name", "version"))
        self._queue_texts = make(gauge, "queue_texts", "Texts that wait for the model.")
        self._queue_characters = make(gauge, "queue_characters", "Characters that wait for the model.")
        self._in_flight = make(gauge, "requests_in_flight", "Requests worked on.")

    def queue(self, *, texts: int, characters: int) -> None:
        """Take down what waits for the model (see `BatchMeter`)."""
        self._queue_texts.set(texts)
        self._queue_characters.set(characters)

    def request(self, *, route: str, method: str, status: int, seconds: float) -> None:
        """Count a request that is over."""
        self._requests.labels(route, method, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def in_flight(self, change: int) -> None:
        """Count a request that begins (1) or is over (-1)."""
        self._in_flight.inc(change)

    def rejection(self, reason: str) -> None:
        """Count a refusal."""
        self._rejections.labels(reason).inc()

    def batch(self, *, texts: int, characters: int, seconds: float) -> None:
        """Count a batch that was run (see `BatchMeter`)."""
        self._batch_texts.observe(texts)
        self._batch_seconds.observe(seconds)

    def labelled(self, *, characters: int, labels: tuple[str, ...]) -> None:
        """Count a text and the labels it carries."""
        self._texts.inc()
        self._characters.inc(characters)
        for label in labels:
            self._positives.labels(label).inc()

    def reload(self, *, result: str) -> None:
        """Count a reload that went well or was refused."""
        self._reloads.labels(result).inc()

    def model(self, name: str, version: str) -> None:
        """Tell which model is served."""
        if self._shared:  # series that processes share cannot be taken out
            for before in self._served:
                self._model.labels(*before).set(0)
        else:
            self._model.clear()
        self._model.labels(name, version).set(1)
        self._served = [(name, version)]

    def page(self) -> bytes:
        """Return everything as Prometheus reads it, of all processes of the server together."""
        registry = self.registry
        if self._shared:
            registry = prometheus.CollectorRegistry()
            multiprocess.MultiProcessCollector(registry)
        return bytes(prometheus.generate_latest(registry))
