"""The client that awaits its answers, several at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

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
from textclf.client.settings import CARD, EXPLAIN, PREDICT, Settings
from textclf.labeller import as_texts
from textclf.records import Article, LabelledPassage

AT_A_TIME = 4  # requests under way


class AsyncClient:
    """As `Client`, for asyncio; up to four requests are under way at a time.

        async with textclf.AsyncClient("http://127.0.0.1:8000") as client:
            await client.predict(["Shells fell on the market quarter for a third day."])

    Args:
        url: The server, such as ``"http://127.0.0.1:8000"``.
        token: Its bearer token, where it asks for one.
        timeout: Seconds to wait for each answer.
        retries: How often a request is tried again.
        most_texts: Texts of a request; halved by itself where the server takes fewer.
        transport: What carries the requests, as httpx has it; for tests and proxies.
        sleep: Awaited between tries.

    Raises:
        ConfigError: When the URL is none, or a number is out of bounds.
        MissingExtraError: When the extra `client` is not installed.
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
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._settings = Settings(url, token, timeout, retries, most_texts)
        self._http = self._settings.httpx.AsyncClient(transport=transport, **self._settings.for_httpx())
        self._sleep = sleep
        self._under_way = asyncio.Semaphore(AT_A_TIME)
        self._model: RemoteModel | None = None

    async def model(self) -> RemoteModel:
        """Return the model that answered last; the server is asked where none has yet."""
        if self._model is None:
            return (await self._predict({"texts": ["."]}, texts=1)).model
        return self._model

    async def card(self) -> dict[str, Any]:
        """Return what the server tells of its model."""
        return dict(await self._ask(CARD))

    async def predict_proba(self, texts: Sequence[str]) -> np.ndarray:
        """Return the probabilities, float32 (n, k), rows in order (see `Client.predict_proba`)."""
        found = [answer.scores() for answer in await self._answers(texts)]
        return np.concatenate([np.zeros((0, len((await self.model()).labels)), np.float32), *found])

    async def predict(self, texts: Sequence[str]) -> list[tuple[str, ...]]:
        """Return the labels each text carries (see `Client.predict`)."""
        return [labels for answer in await self._answers(texts) for labels in answer.carried()]

    async def label(self, article: Article | str | Path) -> list[LabelledPassage]:
        """Label every paragraph of an article (see `Client.label`)."""
        if not isinstance(article, Article):
            page, article_id = page_of(article)
            return (await self._predict({"article": page})).passages(article_id)
        passages = list(article.passages())
        answers = await self._answers([passage.text for passage in passages])
        said = [each for answer in answers for each in answer.passages(article.article_id)]
        return [
            LabelledPassage(p.article_id, p.paragraph, p.text, each.labels, each.scores, start=p.start, end=p.end)
            for p, each in zip(passages, said, strict=True)
        ]

    async def explain(self, text: str) -> WordWeights:
        """Return what each word of a text adds to each label's log-odds. It may take a while."""
        return (await self._predict({"texts": [whole_characters(text)]}, path=EXPLAIN, texts=1)).words()

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _answers(self, texts: Sequence[str]) -> list[Answer]:
        whole = [whole_characters(text) for text in as_texts(texts, what="text")]
        tasks = [asyncio.ensure_future(self._halving(b)) for b in batches(whole, most=self._settings.most_texts)]
        try:
            found = await asyncio.gather(*tasks)
        finally:
            for task in tasks:  # where one failed, nobody waits for the others
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        return [answer for answers in found for answer in answers]

    async def _halving(self, batch: list[str]) -> list[Answer]:
        """Send a batch; where it is too large for the server, send its halves."""
        half = min(self._settings.most_texts, len(batch))
        if half == len(batch):
            try:
                return [await self._predict({"texts": batch}, texts=len(batch))]
            except TooLargeError:
                if len(batch) == 1:
                    raise
            half = len(batch) // 2
            self._settings.most_texts = min(half, self._settings.most_texts)
        return [*await self._halving(batch[:half]), *await self._halving(batch[half:])]

    async def _predict(self, body: dict[str, Any], *, path: str = PREDICT, texts: int | None = None) -> Answer:
        answer = read_answer(await self._ask(path, body), url=self._settings.url, texts=texts)
        self._model = answer.model
        return answer

    async def _ask(self, path: str, body: dict[str, Any] | None = None) -> Any:
        trying = Retrying(self._settings.retries)
        method, url = "GET" if body is None else "POST", self._settings.url + path
        while True:
            try:
                async with self._under_way:
                    response = await self._http.request(method, url, json=body)
            except self._settings.httpx.RequestError as fault:
                wait: float | None = self._settings.again_after_fault(trying, fault)
            else:
                wait = self._settings.again(trying, response)
                if wait is None:
                    return self._settings.answer_of(response)
            await self._sleep(wait or 0.0)
