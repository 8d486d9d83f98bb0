"""The client that waits for its answers."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from textclf.calibration import Calibration, LabelMap
from textclf.client.faults import TooLargeError
from textclf.client.remote import (
    MOST_TEXTS,
    Answer,
    RemoteModel,
    WordWeights,
    batches,
    page_of,
    read_answer,
    whole_characters,
)
from textclf.client.retrying import Retrying
from textclf.client.settings import CARD, EXPLAIN, PREDICT, Settings, warn_of_contexts
from textclf.labeller import Labeller, as_texts
from textclf.labels import LabelSet
from textclf.records import Article, LabelledPassage


class Client:
    """A model behind `textclf serve`. It is a `Predictor`, so whatever takes a model takes this one.

        with textclf.Client("http://127.0.0.1:8000") as client:
            client.predict(["Shells fell on the market quarter for a third day."])
            for p in client.label("article.txt"):
                print(p.labels, p.scores, p.text)

    Many texts are sent in several requests. One that meets a busy server (429, 502, 503, 504) or no connection is
    tried again, after ever longer waits, or as long as the server asks for; not one that was not answered in time.

    Args:
        url: The server, such as ``"http://127.0.0.1:8000"``.
        token: Its bearer token, where it asks for one.
        timeout: Seconds to wait for each answer.
        retries: How often a request is tried again.
        most_texts: Texts of a request; halved by itself where the server takes fewer.
        transport: What carries the requests, as httpx has it; for tests and proxies.
        sleep: Waits between tries.

    Raises:
        ConfigError: When the URL is none, or a number is out of bounds.
        MissingExtraError: When the extra `client` is not installed.

    Every method raises `RemoteError`, of a kind that tells what to do, when the server does not answer as asked.
    """

    def __init__(
        self,
        url: str,
        token: str | None = None,
        *,
        timeout: float = 60.0,
        retries: int = 4,
        most_texts: int = MOST_TEXTS,
        transport: Any = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._settings = Settings(url, token, timeout, retries, most_texts)
        self._http = self._settings.httpx.Client(transport=transport, **self._settings.for_httpx())
        self._sleep = sleep
        self._model: RemoteModel | None = None

    @property
    def model(self) -> RemoteModel:
        """The model that answered last; the server is asked where none has yet."""
        return self._model or self._predict({"texts": ["."]}, texts=1).model

    @property
    def labels(self) -> LabelSet:
        """The labels, in column order."""
        return self.model.labels

    @labels.setter
    def labels(self, labels: LabelSet) -> None:
        raise AttributeError("the labels are the server's")

    def card(self) -> dict[str, Any]:
        """Return what the server tells of its model."""
        return dict(self._ask(CARD))

    def predict_proba(self, texts: Sequence[str], contexts: Sequence[str] | None = None) -> np.ndarray:
        """Return the probabilities, float32 (n, k), rows in order.

        Args:
            texts: The n texts.
            contexts: Not sent, with a warning where there is any.

        Raises:
            DataError: When `texts` is one string, or an item is no string.
        """
        warn_of_contexts(contexts)
        found = [answer.scores() for answer in self._answers(texts)]
        return np.concatenate([np.zeros((0, len(self.labels)), np.float32), *found])

    def predict(self, texts: Sequence[str]) -> list[tuple[str, ...]]:
        """Return the labels each text carries, as the server decides, in the label set's order.

        Raises:
            DataError: When `texts` is one string, or an item is no string.
        """
        return [labels for answer in self._answers(texts) for labels in answer.carried()]

    def label(self, article: Article | str | Path) -> list[LabelledPassage]:
        """Label every paragraph of an article.

        Args:
            article: Raw text or HTML, or the path of such a file, which the server reads as it reads pages; or an
                article that was read here, whose paragraphs are sent one by one, without their context.

        Raises:
            DataError: When a file cannot be read, or is of a kind only `textclf.read_article` reads.
        """
        if isinstance(article, Article):
            return self.labeller().label(article)
        page, article_id = page_of(article)
        return self._predict({"article": page}).passages(article_id)

    def explain(self, text: str) -> WordWeights:
        """Return what each word of a text adds to each label's log-odds. It may take a while."""
        return self._predict({"texts": [whole_characters(text)]}, path=EXPLAIN, texts=1).words()

    def labeller(self) -> Labeller:
        """Return the model as `textclf.load` gives one, with the server's thresholds: for `evaluate` and the like.

        A server is sent texts alone, so a model trained to read contexts goes without; a warning says so.
        """
        model = self.model
        return Labeller(self, Calibration((LabelMap(),) * len(model.labels)), model.thresholds, self.card())

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _answers(self, texts: Sequence[str]) -> Iterator[Answer]:
        whole = [whole_characters(text) for text in as_texts(texts, what="text")]
        for batch in batches(whole, most=self._settings.most_texts):
            yield from self._halving(batch)

    def _halving(self, batch: list[str]) -> Iterator[Answer]:
        """Send a batch; where it is too large for the server, send its halves, and later batches in smaller ones."""
        half = min(self._settings.most_texts, len(batch))  # the bound may have fallen since the batch was made
        if half == len(batch):
            try:
                yield self._predict({"texts": batch}, texts=len(batch))
                return
            except TooLargeError:
                if len(batch) == 1:
                    raise
            half = self._settings.most_texts = len(batch) // 2
        yield from self._halving(batch[:half])
        yield from self._halving(batch[half:])

    def _predict(self, body: dict[str, Any], *, path: str = PREDICT, texts: int | None = None) -> Answer:
        answer = read_answer(self._ask(path, body), url=self._settings.url, texts=texts)
        self._model = answer.model
        return answer

    def _ask(self, path: str, body: dict[str, Any] | None = None) -> Any:
        trying = Retrying(self._settings.retries)
        method, url = "GET" if body is None else "POST", self._settings.url + path
        while True:
            try:
                response = self._http.request(method, url, json=body)
            except self._settings.httpx.RequestError as fault:
                wait: float | None = self._settings.again_after_fault(trying, fault)
            else:
                wait = self._settings.again(trying, response)
                if wait is None:
                    return self._settings.answer_of(response)
            self._sleep(wait or 0.0)
