"""The client: what it sends, what it makes of answers, how patient it is, and what it says when it gives up."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Callable, Iterator
from email.utils import formatdate
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import textclf
from tests.page_stub import CUES, Stub, answer, serving
from tests.props import quick
from textclf.cli import main
from textclf.client import (
    AccessError,
    AsyncClient,
    BusyError,
    Client,
    RefusedError,
    RemoteError,
    TooLargeError,
    UnreachableError,
)
from textclf.client.remote import MOST_BYTES, batches
from textclf.client.retrying import FIRST_WAIT, LONGEST_WAIT, Retrying, retry_after
from textclf.errors import ConfigError, DataError, TextclfWarning
from textclf.evaluate import evaluate
from textclf.records import Article, Paragraph

SAMPLE = Path(__file__).parent.parent / "data" / "sample_article.txt"
TEXTS = ["Shells fell on the town.", "A convoy of buses left.", "It rained.", "Talks went on; gunmen fired."]
Handler = Callable[[httpx.Request], httpx.Response]


class Server:
    """Answers through httpx.MockTransport: first what is scripted, then as the stub does."""

    def __init__(self, *scripted: httpx.Response | Exception, stub: Stub | None = None) -> None:
        self.scripted, self.stub = list(scripted), stub or Stub()
        self.card: dict[str, Any] = {"kind": "stub"}
        self.requests: list[httpx.Request] = []
        self.waits: list[float] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if self.scripted:
            given = self.scripted.pop(0)
            if isinstance(given, Exception):
                raise given
            return given
        if request.method == "GET":
            return httpx.Response(200, json=self.card)
        body = json.loads(request.content)
        if len(body.get("texts", ())) > self.stub.most_texts:
            return httpx.Response(
                413, json={"error": "too many texts", "faults": [{"at": "texts", "message": "too many"}]}
            )
        return httpx.Response(200, json=answer(self.stub, body, "explain=true" in str(request.url)))

    def sent(self) -> list[list[str]]:
        return [json.loads(request.content)["texts"] for request in self.requests]

    def client(self, **options: Any) -> Client:
        return Client("http://far/", transport=httpx.MockTransport(self), sleep=self.waits.append, **options)

    def run(self, job: Callable[[AsyncClient], Any], **options: Any) -> Any:
        async def sleep(seconds: float) -> None:
            self.waits.append(seconds)

        async def answer_later(request: httpx.Request) -> httpx.Response:
            await asyncio.sleep(0)  # so that others have their turn
            return self(request)

        async def whole() -> Any:
            transport = httpx.MockTransport(answer_later)
            async with AsyncClient("http://far", transport=transport, sleep=sleep, **options) as client:
                return await job(client)

        return asyncio.run(whole())


@pytest.fixture
def server() -> Server:
    return Server()


def failing(status: int, message: str = "the reason", **headers: str) -> httpx.Response:
    return httpx.Response(
        status, json={"error": message, "faults": [{"at": "here", "message": message}]}, headers=headers
    )


def test_probabilities_come_in_the_models_order_of_labels(server: Server) -> None:
    with server.client() as client:
        found = client.predict_proba(TEXTS)
        assert client.labels.names == tuple(CUES)
        assert client.model.thresholds.tolist() == list(server.stub.thresholds.values())
    assert (found.shape, found.dtype) == ((4, 5), np.float32)
    assert found[0].argmax() == 0
    assert found[1].argmax() == 4


def test_labels_are_those_the_server_decided_on(server: Server) -> None:
    found = server.client().predict(TEXTS)
    assert found == [("clashes",), ("evacuation",), (), ("clashes", "negotiation")]
    assert server.run(lambda client: client.predict(TEXTS)) == found


def test_no_texts_give_no_rows(server: Server) -> None:
    assert server.client().predict_proba([]).shape == (0, 5)
    assert server.client().predict([]) == []
    assert server.run(lambda client: client.predict_proba([])).shape == (0, 5)


def test_labels_are_asked_for_where_nothing_was_predicted_yet(server: Server) -> None:
    assert len(server.client().labels) == 5
    assert server.run(lambda client: client.model()).id == "minilm"


def test_what_is_no_list_of_texts_is_told(server: Server) -> None:
    with pytest.raises(DataError, match="put a single text in a list"):
        server.client().predict_proba("Shells fell.")
    assert server.requests == []


@pytest.mark.parametrize("kind", ["waiting", "awaiting"])
def test_many_texts_go_in_several_requests_and_keep_their_order(server: Server, kind: str) -> None:
    texts = [f"{n} {TEXTS[n % 4]}" for n in range(23)]
    if kind == "waiting":
        found = server.client(most_texts=5).predict_proba(texts)
    else:
        found = server.run(lambda client: client.predict_proba(texts), most_texts=5)
    assert sorted(len(sent) for sent in server.sent()) == [3, 5, 5, 5, 5]
    np.testing.assert_array_equal(found, server.client().predict_proba(texts))


@pytest.mark.parametrize("kind", ["waiting", "awaiting"])
def test_a_server_that_takes_fewer_is_sent_fewer(kind: str) -> None:
    server = Server(stub=Stub(most_texts=3))
    texts = [f"{n} {TEXTS[n % 4]}" for n in range(20)]
    if kind == "waiting":
        found = server.client(most_texts=10).predict_proba(texts)
        assert [len(sent) for sent in server.sent()] == [10, 5, 2, 2, 1, *[2] * 2, 1, *[2] * 5]
    else:
        found = server.run(lambda client: client.predict_proba(texts), most_texts=10)
    np.testing.assert_array_equal(found, Server().client().predict_proba(texts))


def test_one_text_that_is_too_large_is_told() -> None:
    with pytest.raises(TooLargeError, match=r"takes no text as large.*It says: the reason \(at here\)") as told:
        Server(failing(413)).client().predict(["long"])
    assert (told.value.status, told.value.where) == (413, "here")


@quick
@given(texts=st.lists(st.text(max_size=30)), most=st.integers(1, 7))
def test_batches_hold_every_text_once_in_order(texts: list[str], most: int) -> None:
    found = list(batches(texts, most=most))
    assert [text for batch in found for text in batch] == texts
    assert all(1 <= len(batch) <= most for batch in found)


def test_batches_are_bounded_in_bytes_too() -> None:
    texts = ["x" * (MOST_BYTES // 3)] * 7 + ["y" * (2 * MOST_BYTES)] + ["z"]
    assert [len(batch) for batch in batches(texts, most=100)] == [2, 2, 2, 1, 1, 1]


def test_half_characters_are_sent_as_question_marks(server: Server) -> None:
    server.client().predict(["half \ud800"])
    assert server.sent() == [["half ?"]]


def test_contexts_are_left_out_with_a_warning(server: Server) -> None:
    with pytest.warns(TextclfWarning, match="contexts are left out"):
        server.client().predict_proba(["a"], ["b"])
    server.client().predict_proba(["a"], [""])


def test_an_article_is_labelled_from_its_text_or_its_file(server: Server, tmp_path: Path) -> None:
    client = server.client()
    from_text = client.label(SAMPLE.read_text(encoding="utf-8"))
    from_file = client.label(SAMPLE)
    assert [p.text for p in from_text] == [p.text for p in from_file]
    assert [p.paragraph for p in from_file] == list(range(6))
    assert {p.article_id for p in from_file} == {"sample_article"}
    assert from_file[0].labels == ("surrender_deal", "evacuation")
    assert list(from_file[0].scores) == list(CUES)
    page = SAMPLE.read_text(encoding="utf-8")
    assert page[from_file[1].start : from_file[1].end].startswith("Under the paper")
    old = tmp_path / "old.txt"
    old.write_bytes("“Shells fell”, said Željko in Niš. Nobody answered him for a while, he said.".encode("cp1250"))
    assert "Željko" in client.label(str(old))[0].text
    assert server.run(lambda c: c.label(SAMPLE)) == from_file


def test_an_article_that_was_read_here_keeps_its_id_and_places(server: Server) -> None:
    article = Article("a7", (Paragraph("Shells fell.", start=10, end=22), Paragraph("Rain.")))
    found = server.client().label(article)
    assert [(p.article_id, p.paragraph, p.labels, p.start) for p in found] == [
        ("a7", 0, ("clashes",), 10),
        ("a7", 1, (), None),
    ]
    assert server.run(lambda client: client.label(article)) == found


@pytest.mark.parametrize(("name", "told"), [("a.warc", "neither text nor HTML"), ("gone.html", "cannot read")])
def test_a_file_that_cannot_be_sent_is_told(server: Server, tmp_path: Path, name: str, told: str) -> None:
    with pytest.raises(DataError, match=told):
        server.client().label(tmp_path / name)
    assert server.requests == []


def test_words_are_explained(server: Server) -> None:
    found = server.client().explain("Shells fell in peace.")
    assert found.words == ("Shells", "fell", "in", "peace", ".")
    assert found.weights.shape == (5, 5)
    assert [word for word, _ in found.top("clashes", 2)] == ["Shells", "fell"]
    assert found.top("clashes", against=True) == [("peace", pytest.approx(-0.9))]
    assert found.method == "integrated gradients"
    assert server.run(lambda client: client.explain("Shells fell.")).words == ("Shells", "fell", ".")


def test_a_label_that_was_not_explained_is_told(server: Server) -> None:
    record = answer(server.stub, {"texts": ["Shells fell."]}, True)
    record["paragraphs"][0]["explanation"]["labels"] = {"clashes": {"weights": [1.0, 0.5, 0.0]}}
    found = Server(httpx.Response(200, json=record)).client().explain("Shells fell.")
    assert found.column("clashes").tolist() == [1.0, 0.5, 0.0]
    with pytest.raises(DataError, match="'kidnapping' was not explained"):
        found.top("kidnapping")


@pytest.mark.parametrize(
    ("status", "kind", "told"),
    [
        (401, AccessError, "asks for a token, or does not accept"),
        (403, AccessError, "does not let this token in"),
        (404, RemoteError, "knows no such address"),
        (408, BusyError, "took too long"),
        (422, RefusedError, "cannot read what it was sent"),
        (500, RemoteError, "answered with status 500"),
    ],
)
def test_what_the_server_refuses_is_told_with_its_words(status: int, kind: type[RemoteError], told: str) -> None:
    server = Server(failing(status))
    with pytest.raises(kind, match=f"http://far {told}.*It says: the reason") as found:
        server.client().predict(["a"])
    assert found.value.status == status
    assert (len(server.requests), server.waits) == (1, [])


@pytest.mark.parametrize("kind", ["waiting", "awaiting"])
@pytest.mark.parametrize("fault", [429, 502, 503, 504, httpx.ConnectError("refused"), httpx.ReadError("reset")])
def test_what_passes_is_tried_again(fault: int | Exception, kind: str) -> None:
    scripted = [failing(fault) if isinstance(fault, int) else fault for _ in range(3)]
    server = Server(*scripted)
    found = server.client().predict(TEXTS) if kind == "waiting" else server.run(lambda c: c.predict(TEXTS))
    assert found[0] == ("clashes",)
    assert len(server.requests) == 4
    assert [wait / FIRST_WAIT for wait in server.waits] == [
        pytest.approx(0.75, abs=0.25),
        pytest.approx(1.5, abs=0.5),
        pytest.approx(3, abs=1),
    ]


def test_trying_again_has_an_end() -> None:
    server = Server(*[failing(503) for _ in range(9)])
    with pytest.raises(BusyError, match="is busy or not ready"):
        server.client(retries=2).predict(["a"])
    assert len(server.requests) == 3
    with pytest.raises(UnreachableError, match=r"cannot be reached \(refused\) after 2 tries"):
        Server(*[httpx.ConnectError("refused") for _ in range(9)]).client(retries=1).predict(["a"])


def test_a_server_that_asks_to_wait_is_waited_for() -> None:
    server = Server(failing(429, **{"Retry-After": "7"}))
    assert server.client().predict(["Shells fell."]) == [("clashes",)]
    assert 7 <= server.waits[0] <= 7 + FIRST_WAIT


def test_a_server_that_asks_to_wait_too_long_is_told_of() -> None:
    server = Server(failing(429, **{"Retry-After": "3600"}))
    with pytest.raises(BusyError, match="It asks to wait 3600 seconds"):
        server.client().predict(["a"])
    assert server.waits == []


def test_an_answer_that_takes_too_long_is_not_asked_for_again() -> None:
    server = Server(httpx.ReadTimeout("slow"))
    with pytest.raises(UnreachableError, match="did not answer within 60 seconds; give a longer timeout="):
        server.client().predict(["a"])
    assert len(server.requests) == 1


@quick
@given(retries=st.integers(0, 12), seed=st.integers(0, 99), asked=st.none() | st.floats(0, 2 * LONGEST_WAIT).map(str))
def test_waits_are_bounded_grow_and_keep_to_what_is_asked(retries: int, seed: int, asked: str | None) -> None:
    trying = Retrying(retries, random.Random(seed))
    headers = {} if asked is None else {"retry-after": asked}
    waits = []
    while (wait := trying.wait(headers)) is not None:
        waits.append(wait)
    assert len(waits) == (0 if asked is not None and float(asked) > LONGEST_WAIT else retries)
    for n, wait in enumerate(waits):
        assert max(float(asked or 0), min(LONGEST_WAIT, FIRST_WAIT * 2**n) / 2) <= wait <= LONGEST_WAIT + FIRST_WAIT


@pytest.mark.parametrize("given", ["", "soon", "-3", "nan", "inf", "Wed, 99 Foo 2020"])
def test_an_odd_retry_after_is_passed_over(given: str) -> None:
    assert retry_after({"retry-after": given}) == 0


def test_a_retry_after_may_be_a_date() -> None:
    assert 25 < retry_after({"retry-after": formatdate(time.time() + 30, usegmt=True)}) <= 30


@pytest.mark.parametrize(
    "given",
    [
        httpx.Response(200, text="<html>a proxy</html>"),
        httpx.Response(200, json=[1]),
        httpx.Response(200, json={"model": {"id": "x"}}),
        httpx.Response(200, json={"model": None, "paragraphs": None}),
        httpx.Response(302, headers={"Location": "http://elsewhere/"}),
    ],
)
def test_an_answer_of_another_kind_of_server_is_told(given: httpx.Response) -> None:
    server = Server(given)
    with pytest.raises(RemoteError, match=r"http://far answered"):
        server.client().predict(["a"])
    assert [request.url.host for request in server.requests] == ["far"]


def test_an_answer_about_another_number_of_texts_is_told(server: Server) -> None:
    record = answer(server.stub, {"texts": ["a", "b"]}, False)
    with pytest.raises(RemoteError, match="was sent 1 texts and answered about 2"):
        Server(httpx.Response(200, json=record)).client().predict(["a"])


def test_the_token_is_sent_and_never_shown(server: Server) -> None:
    client = server.client(token="secret-of-mine")
    client.predict(["a"])
    assert server.requests[0].headers["authorization"] == "Bearer secret-of-mine"
    assert "secret" not in repr(client) + repr(client._settings)
    with pytest.raises(ConfigError, match="token must be one line") as told:
        server.client(token="secret\n")
    assert "secret" not in str(told.value)


@pytest.mark.parametrize("url", ["", "far:8000", "ftp://far", "http://", "http:///", "http://far:port"])
def test_what_is_no_url_is_told(url: str) -> None:
    with pytest.raises(ConfigError, match="is no URL"):
        Client(url)


def test_a_password_in_the_url_is_refused_and_not_shown() -> None:
    with pytest.raises(ConfigError, match="give a token with token=") as told:
        Client("http://me:secret@far")
    assert "secret" not in str(told.value)


def test_one_failing_request_of_many_ends_them_all() -> None:
    server = Server(failing(422), *[failing(422)] * 3)
    with pytest.raises(RefusedError, match="the reason"):
        server.run(lambda client: client.predict(TEXTS * 10), most_texts=1)
    assert len(server.requests) < 20


@pytest.mark.parametrize("options", [{"timeout": 0}, {"retries": -1}, {"most_texts": 0}])
def test_numbers_out_of_bounds_are_told(options: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match="timeout must be above 0, retries at least 0"):
        AsyncClient("http://far", **options)


def test_a_remote_model_is_evaluated_like_one_that_is_here(server: Server) -> None:
    articles = [
        Article(f"a{n}", (Paragraph(f"{n} Shells fell.", ("clashes",)), Paragraph("A convoy left.", ("evacuation",))))
        for n in range(4)
    ]
    result = evaluate(server.client().labeller(), articles, resamples=100)
    assert result.n_paragraphs == 8
    assert result.per_label["f1"][0].value == 1.0


def test_a_model_that_was_to_read_contexts_goes_without_and_that_is_said(server: Server) -> None:
    server.card = {"config": {"data": {"context": "title"}}}
    article = Article("a", (Paragraph("Shells fell."),), title="Convoy leaves")
    with pytest.warns(TextclfWarning, match="contexts are left out"):
        found = server.client().labeller().label(article)
    assert found[0].labels == ("clashes",)


def test_the_card_is_what_the_server_tells(server: Server) -> None:
    assert server.client().card() == {"kind": "stub"}
    assert server.run(lambda client: client.card()) == {"kind": "stub"}


def test_both_clients_are_public_names() -> None:
    assert (textclf.Client, textclf.AsyncClient) == (Client, AsyncClient)


@pytest.fixture(scope="module")
def stub() -> Stub:
    return Stub()


@pytest.fixture(scope="module")
def address(stub: Stub) -> Iterator[str]:
    with serving(stub) as url:
        yield url


def test_the_command_predicts_through_a_server(
    address: str, stub: Stub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.jsonl"
    stub.token = "a-token-of-some-length"
    try:
        with pytest.raises(SystemExit):
            main(["predict", "--url", address, str(SAMPLE), "--out", str(out)])
        assert "error: " + address + " asks for a token" in capsys.readouterr().err
        assert not out.exists()
        monkeypatch.setenv("TEXTCLF_TOKEN", stub.token)
        with pytest.raises(SystemExit) as end:
            main(["predict", "--url", address, str(SAMPLE), "--out", str(out)])
        assert end.value.code == 0
    finally:
        stub.token = None
    records = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    with Client(address) as client:
        expected = client.label(SAMPLE)
    assert [(r["text"], tuple(r["labels"]), r["start"]) for r in records] == [
        (p.text, p.labels, p.start) for p in expected
    ]
    assert records[0]["article_id"] == "sample_article"


def test_without_an_input_the_command_says_what_to_give(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["predict", "runs/minilm"])
    assert end.value.code == 2
    assert "give the MODEL and at least one INPUT" in " ".join(capsys.readouterr().err.split())
