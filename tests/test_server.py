"""What the server answers: its own API, other servers' shapes, limits, tokens, reloads."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error

from tests.conftest import WORDS
from tests.props import quick
from tests.server import Ask, asking, counting, guarded, listening, records, serving
from tests.test_bundle import train_tiny
from textclf.bundle import load_bundle
from textclf.errors import ConfigError
from textclf.server.guard import nesting
from textclf.server.schemas import InferResponse, PredictResponse
from textclf.server.served import Served
from textclf.server.settings import ServerSettings
from textclf.server.tokens import Tokens, read_tokens

TOKEN = "a-token-of-a-length-that-will-do"
ARTICLE = f"Menu\n\nA quiet headline\n\nRaqqa — {WORDS['fight']}, doctors said.\n\n{WORDS['talk']} on Monday.\n"
TEXTS = [WORDS["fight"], "  ", WORDS["talk"]]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train_tiny(tmp_path_factory.mktemp("served"), "tfidf")


@pytest.fixture(scope="module")
def ask(bundle: Path) -> Iterator[Ask]:
    with serving(Served.load(bundle), path=bundle) as asks:
        yield asks


def test_a_text_without_a_letter_is_said_not_to_be_read(ask: Ask) -> None:
    told = ask("POST", "/v1/predict", json={"texts": ["12 34", WORDS["fight"], "…", ""]}).json()["paragraphs"]
    assert [paragraph["read"] for paragraph in told] == [False, True, False, False]
    assert [set(paragraph["scores"].values()) == {0} for paragraph in told] == [True, False, True, True]
    assert [paragraph["labels"] for paragraph in told if not paragraph["read"]] == [[], [], []]


def test_texts_are_labelled_as_the_model_labels_them(ask: Ask, bundle: Path) -> None:
    answer = ask("POST", "/v1/predict", json={"texts": TEXTS})
    told, model = PredictResponse.model_validate(answer.json()), load_bundle(bundle)
    assert answer.status_code == 200
    assert [tuple(p.labels) for p in told.paragraphs] == model.predict(TEXTS)
    assert [p.text for p in told.paragraphs] == TEXTS
    for paragraph, row in zip(told.paragraphs, model.predict_proba(TEXTS), strict=True):
        assert [*paragraph.scores.values()] == pytest.approx(row.tolist(), abs=1e-6)
    assert told.model.name == "tiny"
    assert told.model.manifest_sha256.startswith(told.model.version)
    assert [*told.thresholds.values()] == pytest.approx(model.thresholds.tolist(), abs=1e-6)
    assert ask("POST", "/v1/predict", json={"texts": []}).json()["paragraphs"] == []


@pytest.mark.parametrize("html", [False, True])
def test_an_article_comes_back_with_places_and_what_was_left_out(ask: Ask, html: bool) -> None:
    page = f"<html><body><nav>Menu</nav><h1>A quiet day</h1><p>{WORDS['fight']}.</p></body></html>" if html else ARTICLE
    told = PredictResponse.model_validate(ask("POST", "/v1/predict", json={"article": page}).json())
    assert told.article is not None
    assert [b.text for b in told.blocks if b.paragraph is not None] == [p.text for p in told.paragraphs]
    assert "fight" in told.paragraphs[0].labels
    assert any(block.paragraph is None and block.role != "paragraph" for block in told.blocks)
    for block in told.blocks:
        assert page[block.start : block.end].split() == block.text.split()


@pytest.mark.parametrize("name", ["/etc/passwd", "article.txt", "~/.ssh/id.json"])
def test_an_article_is_never_taken_for_a_path(ask: Ask, name: str) -> None:
    told = ask("POST", "/v1/predict", json={"article": name}).json()
    assert [block["text"] for block in told["blocks"]] == [name]


def test_an_explanation_adds_up_to_the_score(ask: Ask) -> None:
    told = ask("POST", "/v1/predict?explain=true", json={"texts": TEXTS}).json()["paragraphs"]
    explained = told[0]["explanation"]
    assert [*explained["labels"]] == told[0]["labels"]
    assert [TEXTS[0][word["start"] : word["end"]] for word in explained["words"]] == TEXTS[0].split()
    fight = explained["labels"]["fight"]
    assert fight["baseline"] + sum(fight["weights"]) == pytest.approx(fight["log_odds"], abs=1e-3)
    assert told[1]["explanation"]["words"] == []


def test_no_more_is_explained_than_is_allowed() -> None:
    with serving(counting()[1], max_explained=2) as ask:
        answer = ask("POST", "/v1/predict?explain=true", json={"texts": ["a"] * 3})
    assert (answer.status_code, answer.json()["faults"][0]["at"]) == (422, "query.explain")


def test_lines_stream_with_a_head_and_an_end(ask: Ask) -> None:
    whole = ask("POST", "/v1/predict", json={"article": ARTICLE}).json()
    answer = ask("POST", "/v1/predict", json={"article": ARTICLE}, headers={"Accept": "application/x-ndjson"})
    head, *paragraphs, end = [json.loads(line) for line in answer.text.splitlines()]
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert {**head, "paragraphs": [{k: v for k, v in p.items() if k != "kind"} for p in paragraphs]} == {
        "kind": "head",
        **whole,
    }
    assert end == {"kind": "end", "paragraphs": len(paragraphs)}


def test_the_hub_shape_ranks_every_label(ask: Ask) -> None:
    one = ask("POST", "/", json={"inputs": WORDS["fight"]}).json()
    assert one[0][0]["label"] == "fight"
    assert [s["score"] for s in one[0]] == sorted((s["score"] for s in one[0]), reverse=True)
    many = ask("POST", "/", json={"inputs": TEXTS, "parameters": {"top_k": 1, "truncation": True}, "options": {}})
    assert [[s["label"] for s in row] for row in many.json()][::2] == [["fight"], ["talk"]]


def test_the_tei_shape_gives_one_list_or_one_a_text(ask: Ask) -> None:
    one = ask("POST", "/predict", json={"inputs": WORDS["fight"]}).json()
    assert ask("POST", "/predict", json={"inputs": [WORDS["fight"]]}).json() == one
    batch = {"inputs": [[WORDS["fight"]], [WORDS["talk"]]]}
    assert ask("POST", "/predict", json=batch).json()[0] == one
    raw = ask("POST", "/predict", json={"inputs": WORDS["fight"], "raw_scores": True}).json()
    assert [s["label"] for s in raw] == [s["label"] for s in one]
    assert raw[0]["score"] > 1
    for wrong in (["one", "two"], [["one", "two"]], [[]], []):
        assert ask("POST", "/predict", json={"inputs": wrong}).status_code == 422


def test_the_inference_protocol_is_spoken(ask: Ask) -> None:
    for path in ("/v2/health/live", "/v2/health/ready", "/v2/models/tiny/ready", "/v2"):
        assert ask("GET", path).status_code == 200
    assert ask("GET", "/v2/models/tiny").json()["inputs"] == [{"name": "text", "datatype": "BYTES", "shape": [-1]}]
    tensor = {"name": "text", "shape": [3, 1], "datatype": "BYTES", "data": [[text] for text in TEXTS]}
    told = InferResponse.model_validate(
        ask("POST", "/v2/models/tiny/infer", json={"id": "7", "inputs": [tensor]}).json()
    )
    scores, labels = told.outputs
    assert (told.id, scores.shape, labels.shape) == ("7", [3, 3], [3])
    assert labels.data == ["fight", "", "talk"]
    flat = {**tensor, "shape": [3], "data": TEXTS}
    only = ask("POST", "/v2/models/tiny/infer", json={"inputs": [flat], "outputs": [{"name": "scores"}]}).json()
    assert [output["data"] for output in only["outputs"]] == [scores.data]
    assert ask("GET", "/v2/models/other").status_code == 404
    for change in ({"shape": [2]}, {"name": "x"}, {"datatype": "FP32"}, {"data": [1, 2, 3]}, {"shape": [3, 2]}):
        answer = ask("POST", "/v2/models/tiny/infer", json={"inputs": [{**flat, **change}]})
        assert answer.json()["faults"][0]["at"].startswith("body.inputs"), change


def test_probes_and_counters_tell_what_was_done(bundle: Path) -> None:
    with serving(Served.load(bundle)) as ask:
        assert ask("GET", "/healthz").json() == {"status": "alive"}
        assert ask("GET", "/readyz").json()["status"] == "ready"
        ask("POST", "/v1/predict", json={"texts": TEXTS})
        ask("POST", "/v1/predict", json={})
        ask("GET", "/no/such/page")
        told = ask("GET", "/metrics").text
    for line in (
        'textclf_requests_total{method="POST",route="/v1/predict",status="200"} 1.0',
        'textclf_requests_total{method="GET",route="other",status="404"} 1.0',
        'textclf_positives_total{label="fight"} 1.0',
        'textclf_rejections_total{reason="invalid"} 1.0',
        "textclf_texts_total 3.0",
        "textclf_queue_texts 0.0",
        "textclf_batch_texts_sum 3.0",
    ):
        assert line in told.splitlines()


def test_the_card_names_no_article(ask: Ask) -> None:
    told = ask("GET", "/v1/model")
    assert told.json()["kind"] == "tfidf"
    assert told.json()["served_as"]["name"] == "tiny"
    assert "article-" not in told.text
    assert "article_ids" not in told.text


@pytest.mark.parametrize(
    ("body", "at"),
    [
        ({}, "body"),
        ({"texts": ["a"], "article": "b"}, "body"),
        ({"texts": ["a", 3]}, "body.texts[1]"),
        ({"texts": "a"}, "body.texts"),
        ({"texts": ["a"], "mode": "x"}, "body.mode"),
        ({"texts": ["a"] * 5}, "body.texts"),
        ({"texts": ["a", "b" * 51]}, "body.texts[1]"),
        ({"article": " \n "}, "body.article"),
        ({"article": f"{WORDS['fight']} at the old market. " * 3}, "body.article.paragraphs[0]"),
        ([], "body"),
    ],
)
def test_a_fault_of_the_body_is_told_with_its_place(body: Any, at: str) -> None:
    with serving(counting()[1], max_texts=4, max_characters=50) as ask:
        answer = ask("POST", "/v1/predict", json=body)
    assert answer.status_code == 422
    assert answer.json()["faults"][0]["at"] == at
    assert answer.json()["request_id"] == answer.headers["x-request-id"]


@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [
        (b'{"texts": ["' + b"a" * 200 + b'"]}', {}, 413),
        (b'{"texts": [[[[[[["a"]]]]]]]}', {}, 422),
        (b'{"texts":', {}, 422),
        (b"\xff\xfe{", {}, 400),
        (b'{"texts": ["a"]}', {"Content-Type": "text/plain"}, 415),
        (b'{"texts": ["a"]}', {"Content-Type": "application/json; charset=utf-8"}, 200),
        (b'{"texts": [' + b"9" * 80 + b"]}", {}, 422),
    ],
)
def test_what_is_no_such_body_is_refused(content: bytes, headers: dict[str, str], status: int) -> None:
    with serving(counting()[1], max_body=150, max_nesting=5) as ask:
        answer = ask("POST", "/v1/predict", content=content, headers={"Content-Type": "application/json", **headers})
    assert answer.status_code == status
    assert (status == 200) == ("error" not in answer.json())


def test_half_characters_come_back_as_question_marks(ask: Ask) -> None:
    body = {"content": rb'{"texts": ["a \ud800 b"]}', "headers": {"Content-Type": "application/json"}}
    assert ask("POST", "/v1/predict", **body).json()["paragraphs"][0]["text"] == "a ? b"


@quick
@given(st.text('[]{}"\\ a', max_size=30))
def test_nesting_is_that_of_a_reader_of_json(text: str) -> None:
    def depth(value: Any) -> int:
        inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
        return 0 if inner is None else 1 + max(map(depth, inner), default=0)

    whole = json.dumps({text: [text, [{"a": text}]]})
    assert nesting(whole.encode()) == depth(json.loads(whole)) == 4
    assert nesting(text.encode()) <= len(text)


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
KEYS = ("texts", "article", "inputs", "parameters", "outputs", "raw_scores", "id")
PATHS = ("/v1/predict", "/v1/predict?explain=true", "/", "/predict", "/v2/models/tiny/infer")


@settings(parent=quick, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    path=st.sampled_from(PATHS),
    body=st.dictionaries(st.sampled_from(KEYS), JSON, max_size=3).map(lambda b: json.dumps(b).encode())
    | st.binary(max_size=60)
    | st.lists(st.text(max_size=30), max_size=4).map(lambda t: json.dumps({"texts": t}).encode()),
)
def test_no_body_is_the_servers_fault(ask: Ask, path: str, body: bytes) -> None:
    answer = ask("POST", path, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in (200, 400, 422)
    assert answer.json() is not None


def test_nothing_that_fits_the_description_of_the_api_is_the_servers_fault(bundle: Path) -> None:
    with listening(guarded(Served.load(bundle))) as port:
        schema = schemathesis.openapi.from_url(f"http://127.0.0.1:{port}/openapi.json")
        assert {o.ok().path for o in schema.get_all_operations()} >= {"/v1/predict", "/predict", "/", "/metrics"}

        for operation in (result.ok() for result in schema.get_all_operations()):

            @settings(parent=quick, max_examples=8, suppress_health_check=[*HealthCheck])
            @given(case=operation.as_strategy())
            def ask(case: Any) -> None:
                case.call_and_validate(checks=[not_a_server_error])

            ask()


def test_the_examples_of_the_description_are_answered(ask: Ask) -> None:
    described = ask("GET", "/openapi.json").json()
    shapes = described["components"]["schemas"]
    for path, shape in (
        ("/v1/predict", "PredictRequest"),
        ("/", "HubRequest"),
        ("/predict", "TeiRequest"),
        ("/v2/models/tiny/infer", "InferRequest"),
    ):
        for example in shapes[shape]["examples"]:
            assert ask("POST", path, json=example).status_code == 200


def test_a_token_opens_everything_but_what_is_open_to_all(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("<p>page")
    log = io.StringIO()
    guard = guarded(counting()[1], tokens=(TOKEN,), page=tmp_path, log=log)
    with asking(guard) as ask:
        for path in ("/healthz", "/readyz", "/openapi.json", "/v2/health/live", "/"):
            assert ask("GET", path).status_code == 200
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": TOKEN}, {"Authorization": "Bearer é"}):
            sent = {name: value.encode() for name, value in headers.items()}
            answer = ask("POST", "/v1/predict", json={"texts": ["a"]}, headers=sent)
            assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
        for path in ("/metrics", "/v1/model", "/v2/models/counting", "/nowhere"):
            assert ask("GET", path).status_code == 401
        known = {"Authorization": f"bearer {TOKEN}"}
        assert ask("POST", "/v1/predict", json={"texts": ["a"]}, headers=known).status_code == 200
    assert TOKEN not in log.getvalue()
    assert TOKEN not in repr(ServerSettings(tokens=(TOKEN,)))


def test_tokens_are_read_from_a_file_and_the_environment(tmp_path: Path) -> None:
    file = tmp_path / "tokens"
    file.write_text(f"# of the newsroom\n{TOKEN}\n\n")
    assert read_tokens(file, environment={"TEXTCLF_TOKENS": f"{TOKEN[::-1]}, {TOKEN}"}) == (TOKEN[::-1], TOKEN)
    assert read_tokens(None, environment={}) == ()
    assert not Tokens(())
    for content in ("", "short", f"{TOKEN} {TOKEN}"):
        file.write_text(content)
        with pytest.raises(ConfigError, match="token") as told:
            read_tokens(file, environment={})
        assert not content or content not in str(told.value)
    with pytest.raises(ConfigError, match="cannot read"):
        read_tokens(tmp_path / "none", environment={})


def test_every_answer_has_an_id_and_the_headers_of_safety(ask: Ask) -> None:
    for method, path in (("GET", "/healthz"), ("GET", "/none"), ("POST", "/v1/predict")):
        answer = ask(method, path, headers={"X-Request-ID": "run-7.a"})
        assert answer.headers["x-request-id"] == "run-7.a"
        assert answer.headers["content-security-policy"].startswith("default-src 'self';")
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "access-control-allow-origin" not in answer.headers
    for odd in ("a b", "x" * 65, "a\tb", "é"):
        assert ask("GET", "/healthz", headers={"X-Request-ID": odd.encode()}).headers["x-request-id"] != odd


def test_the_page_is_served_where_it_is_there(tmp_path: Path, ask: Ask) -> None:
    for name, text in (("index.html", "<p>page"), ("page.css", "p{}"), ("page.js", "1")):
        (tmp_path / name).write_text(text)
    with serving(counting()[1], page=tmp_path) as asks:
        found = [asks("GET", path) for path in ("/", "/page.css", "/page.js")]
    assert [answer.text for answer in found] == ["<p>page", "p{}", "1"]
    assert [answer.headers["content-type"].split(";")[0] for answer in found][:2] == ["text/html", "text/css"]
    with serving(counting()[1], page=tmp_path / "none") as asks:
        assert asks("GET", "/page.js").status_code == 404


def test_the_log_has_a_line_a_request_and_no_text() -> None:
    log = io.StringIO()
    with asking(guarded(counting()[1], log=log)) as ask:
        ask("POST", "/v1/predict", json={"texts": ["a secret sentence"]}, headers={"X-Request-ID": "one"})
        ask("POST", "/v1/predict", json={"texts": ["a secret poison"]}, headers={"X-Request-ID": "two"})
        ask("POST", "/v1/predict", json={"secret": 1}, headers={"X-Request-ID": "three"})
    told = [(r["request_id"], r.get("status")) for r in records(log.getvalue())]
    assert told == [("one", 200), ("two", None), ("two", 500), ("three", 422)]
    assert "secret" not in log.getvalue()


@pytest.fixture
def copy(bundle: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(bundle, tmp_path / "copy"))


def test_a_reload_takes_the_new_model_and_refuses_a_broken_one(copy: Path, tmp_path: Path) -> None:
    known = {"Authorization": f"Bearer {TOKEN}"}
    other = train_tiny(tmp_path, "tfidf", seed=3)
    with serving(Served.load(copy), path=copy, tokens=(TOKEN,)) as ask:
        first = ask("GET", "/readyz").json()["model"]
        assert ask("POST", "/v1/reload").status_code == 401
        (copy / "model" / "weights.safetensors").write_bytes(b"broken")
        refused = ask("POST", "/v1/reload", headers=known)
        assert refused.status_code == 409
        assert "weights.safetensors" in refused.json()["error"]
        assert ask("GET", "/readyz").json()["model"] == first
        assert ask("POST", "/v1/predict", json={"texts": TEXTS}, headers=known).status_code == 200
        subprocess.run(["cp", "-r", f"{other}/.", str(copy)], check=True)
        taken = ask("POST", "/v1/reload", headers=known).json()
        assert taken["version"] != first["version"]
        assert ask("GET", "/readyz").json()["model"] == taken
        told = ask("GET", "/metrics", headers=known).text
    assert 'textclf_reloads_total{result="refused"} 1.0' in told
    assert f'version="{taken["version"]}"' in told
    assert f'version="{first["version"]}"' not in told


def test_a_reload_without_tokens_is_refused(ask: Ask) -> None:
    assert ask("POST", "/v1/reload").status_code == 403


def test_settings_out_of_bounds_are_told_together() -> None:
    with pytest.raises(ConfigError, match=r"max_texts must be .*max_wait_ms must be .*timeout_s must be"):
        ServerSettings(max_texts=0, max_wait_ms=-1, timeout_s=0)
    with pytest.raises(ConfigError, match="at most 100000"):
        ServerSettings(max_characters=100_001)
