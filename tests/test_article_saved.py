"""Articles saved as JSON are read again as they were; what is no article is told with its place."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.props import quick
from textclf.articles import read_article, read_articles, stream_passages
from textclf.articles.saved import read_saved, to_json
from textclf.errors import DataError, TextclfError
from textclf.records import Article, Block, Paragraph

PAGE = """Home
Gunmen seize bus with forty passengers north of Terhan
By Dana Ruiz
14 March 2021
TERHAN — Gunmen seized a bus with forty passengers on the road north of the town on Monday, two drivers said.
The governor said that nobody had claimed the attack, and asked the families to wait at the customs house.
"""


def again(article: Article) -> list[Article]:
    line = json.dumps(to_json(article)) + "\n"
    return list(read_saved(io.BytesIO(line.encode()), name="x.jsonl", article_id="x"))


def test_an_article_is_read_again_as_it_was():
    article = read_article(PAGE)
    assert article.paragraphs
    assert again(article) == [article]


@quick
@example("\ud800 one two three four five.")
@pytest.mark.filterwarnings("ignore::textclf.errors.TextclfWarning")
@given(
    st.text(max_size=200) | st.lists(st.sampled_from([*PAGE.splitlines(True), "\n", "> x\n"]), max_size=12).map("".join)
)
def test_any_article_is_read_again_as_it_was(text: str):
    try:
        article = read_article(text)
    except TextclfError:
        return
    assert again(article) == [article]


def test_the_encoding_and_other_keys_are_kept(tmp_path: Path):
    path = tmp_path / "story.txt"
    path.write_bytes(PAGE.replace("governor", "gouverneur élu").encode("cp1252"))
    article = read_article(path)
    assert article.extra == {"encoding": "cp1252"}
    assert again(article) == [article]


def test_saved_articles_are_read_and_streamed_like_pages(tmp_path: Path):
    (tmp_path / "story.txt").write_text(PAGE, encoding="utf-8")
    article = read_article(tmp_path / "story.txt")
    saved = tmp_path / "saved.jsonl"
    saved.write_text(json.dumps(to_json(article)) + "\n", encoding="utf-8")
    assert list(read_articles([saved])) == [article]
    assert read_article(saved) == article
    streamed = list(stream_passages([saved]))
    assert streamed == list(stream_passages([tmp_path / "story.txt"]))
    assert [p.text for p in streamed] == [p.text for p in article.paragraphs]


def test_articles_without_blocks_are_taken_as_they_are():
    lines = (
        '\ufeff{"paragraphs": ["One.", {"text": "Two.", "start": 3, "end": 7}], "country": "Lassan"}\n\n'
        '{"article_id": 7, "paragraphs": []}\n'
    ).encode()
    first, second = read_saved(io.BytesIO(lines), name="f", article_id="f")
    assert first == Article("f-1", (Paragraph("One."), Paragraph("Two.", start=3, end=7)), extra={"country": "Lassan"})
    assert (second.article_id, second.paragraphs, second.blocks) == ("7", (), ())


BLOCK = {"role": "paragraph", "text": "One.", "start": 0, "end": 4}


@pytest.mark.parametrize(
    ("record", "said"),
    [
        ("[", "broken JSON"),
        ("[" * 100_000, "broken JSON"),
        ([], "expected an article, an object with a list of `paragraphs`"),
        ({"text": "One."}, "expected an article"),
        ({"paragraphs": "One."}, "expected an article"),
        ({"paragraphs": [3]}, "paragraph 0 has no text, found 3"),
        ({"paragraphs": ["One.", {"body": "Two."}]}, "paragraph 1 has no text"),
        ({"paragraphs": [], "title": 5}, "`title` must be a text, found 5"),
        ({"paragraphs": [], "date_raw": ["x"]}, "`date_raw` must be a text"),
        ({"paragraphs": [], "blocks": {"a": 1}}, "`blocks` must be a list"),
        (
            {"paragraphs": [], "blocks": [BLOCK, {**BLOCK, "role": "poem"}]},
            "block 1 must have a text and a role out of",
        ),
        ({"paragraphs": [], "blocks": [{**BLOCK, "role": ["x"]}]}, "block 0 must have a text and a role"),
        ({"paragraphs": [], "blocks": [{**BLOCK, "text": None}]}, "block 0 must have a text and a role"),
        ({"paragraphs": [], "blocks": [{**BLOCK, "end": "4"}]}, "block 0 must have `start` and `end`"),
        ({"paragraphs": [], "blocks": ["x"]}, "block 0 must have a text and a role"),
    ],
)
def test_what_is_no_article_is_told_with_its_place(record: Any, said: str):
    line = record if isinstance(record, str) else json.dumps(record)
    good = json.dumps({"paragraphs": []})
    with pytest.raises(DataError, match=rf"^feed\.jsonl:2: .*{said}"):
        list(read_saved(io.BytesIO(f"{good}\n{line}\n".encode()), name="feed.jsonl", article_id="f"))


def test_a_line_that_is_not_utf_8_is_told_with_its_place():
    with pytest.raises(DataError, match=r"feed\.jsonl:1: this line is not valid UTF-8"):
        list(read_saved(io.BytesIO(b'{"paragraphs": ["caf\xe9"]}\n'), name="feed.jsonl", article_id="f"))


def test_a_saved_block_keeps_its_reason():
    article = Article("a", (Paragraph("One.", start=0, end=4),), blocks=(Block("paragraph", "One.", 0, 4, "why"),))
    assert again(article) == [article]
