"""HTML, saved pages and web archives: what is seen is kept with its place, whatever the markup is like."""

from __future__ import annotations

import base64
import gzip
import importlib
import io
import json
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.props import quick
from textclf.articles import pages, read_article, read_articles
from textclf.articles.html import declared_encoding, looks_like_html, read_html_pieces
from textclf.articles.page import read_html_page
from textclf.errors import DataError, MissingExtraError, TextclfError

pytest.importorskip("trafilatura")

ONE = "Gunmen seized a bus with forty passengers on the road north of Terhan on Monday, two drivers said."
TWO = "The governor said that nobody had claimed the attack, and asked the families to wait at the customs house."
PAGE = f"""<!DOCTYPE html><html><head><title>Bus</title></head><body><nav><a href=/>Home</a> <a href=/w>World</a></nav>
<article><h1>Gunmen seize bus north of Terhan</h1><p>{ONE}</p><p>{TWO}</p></article></body></html>"""


def pieces(source: str) -> list[str]:
    return [piece.text for piece in read_html_pieces(source)[0]]


def body(inner: str) -> list[str]:
    return pieces(f"<html><body>{inner}</body></html>")


# What parts a page into blocks


@pytest.mark.parametrize(
    ("inner", "found"),
    [
        ("<p>One two.</p><p>Three four.</p>", ["One two.", "Three four."]),
        ("<p>One two.<p>Three four.", ["One two.", "Three four."]),
        ("<div>One two.<div>Three four.</div>Five six.</div>", ["One two.", "Three four.", "Five six."]),
        ("<ul><li>One two.<li>Three four.</ul>", ["One two.", "Three four."]),
        ("<dl><dt>One<dd>Two three.<dt>Four<dd>Five.</dl>", ["One", "Two three.", "Four", "Five."]),
        ("<table><tr><td>One<td>Two<tr><td>Three</table>", ["One", "Two", "Three"]),
        ("<p>One <b>two <i>three</b> four</i>.</p>", ["One two three four."]),
        ("<p>One<b>s</b> and t<em>wo</em></p>", ["Ones and two"]),
        ("<p>One two.<br>Three four.</p>", ["One two.", "Three four."]),
        ("<p>One two.<br/><br />Three four.</p>", ["One two.", "Three four."]),
        ("<p>One\n  two\n</p>", ["One two"]),
        ("<h2>One</h2>Two.<hr>Three.", ["One", "Two.", "Three."]),
        ("<p>One two.</div></p></section><p>Three four.", ["One two.", "Three four."]),
        ("<blockquote>One two.<p>Three four.</blockquote>", ["One two.", "Three four."]),
        ("<figure><img src=x><figcaption>One two.</figcaption></figure>", ["One two."]),
        ("<a>One two<p>Three four.</a><p>Five six.", ["One two", "Three four.", "Five six."]),
        ("<p>One two.<table><tr><td><p>Three four.</table>Five six.", ["One two.", "Three four.", "Five six."]),
    ],
)
def test_blocks_are_parted_as_they_are_seen(inner: str, found: list[str]):
    assert body(inner) == found


def test_a_line_break_within_a_long_sentence_parts_nothing():
    assert body(f"<p>{ONE[:69]}<br>{ONE[70:]}</p>") == [f"{ONE[:69]} {ONE[70:]}"]


def test_a_row_of_links_is_parted_and_links_in_a_sentence_are_not():
    assert body("<div><a>Home</a> | <a>World</a> | <a>Sport</a></div>") == ["Home", "World", "Sport"]
    assert body("<p>The <a>mayor</a> and the <a>governor</a> met.</p>") == ["The mayor and the governor met."]


def test_elements_that_meet_without_a_space_are_parted():
    assert body("<div><span>Terhan content</span><span>Rebels leave</span></div>") == ["Terhan content", "Rebels leave"]
    assert body("<p><span>iP</span><span>hone</span></p>") == ["iPhone"]


# What is left out


@pytest.mark.parametrize(
    "hidden",
    [
        "<script>var x = '<p>no</p>';</script>",
        "<style>p { color: red }</style>",
        "<noscript><p>no</p></noscript>",
        "<template><p>no</p></template>",
        "<svg><title>no</title><text>no</text></svg>",
        "<div hidden><p>no</p></div>",
        "<div style='display: none'><p>no</p></div>",
        "<p style='visibility:hidden'>no</p>",
        "<div aria-hidden=true>no</div>",
        "<span class='sr-only'>no</span>",
        "<select><option>no</select>",
        "<textarea>no</textarea>",
        "<iframe>no</iframe>",
        "<!-- no -->",
        "<!-- <p>no</p> -->",
        "<![CDATA[no]]>",
        "<![foo[no]]>",
        "<?php no ?>",
        "<!no>",
        "<div>" * 450 + "<script>no</script>" + "</div>" * 450,
    ],
)
def test_what_is_not_seen_is_left_out(hidden: str):
    assert body(f"<p>One two.</p>{hidden}<p>Three four.</p>") == ["One two.", "Three four."]


@pytest.mark.parametrize("opened", ["<!-- no", "<!--", "<![CDATA[no", "<!no"])
def test_a_comment_left_open_goes_on_to_the_end(opened: str):
    assert pieces(f"<html><body><p>One two.</p>{opened} <p") == ["One two."]


def test_a_head_left_open_ends_where_something_is_to_be_seen():
    assert pieces("<html><head><title>No</title><meta charset=utf-8><p>One two.</p>") == ["One two."]


def test_what_a_head_holds_for_browsers_without_scripts_is_not_seen():
    source = "<html><head><noscript><p>No</p></noscript><title>No</title></head><body><p>One two.</p>"
    assert pieces(source) == ["One two."]


@pytest.mark.parametrize(
    "doctype",
    [
        "",
        "<!doctype html>",
        "<!DOCTYPE HTML PUBLIC '-//W3C//DTD HTML 4.01//EN' 'http://e.test/strict.dtd'>",
        "<?xml version='1.0' encoding='utf-8'?>\n<!DOCTYPE html>",
        "<!-- saved from url -->\n<!doctype html>",
        "\ufeff",
    ],
)
def test_a_page_is_known_by_its_first_tag(doctype: str):
    source = doctype.lstrip("\ufeff") + PAGE[PAGE.index("<html") :]
    assert looks_like_html(source)
    assert [p.text for p in read_article(source).paragraphs] == [ONE, TWO]


@pytest.mark.parametrize("text", ["", "One < two.", "<3 this town", "<b>One</b> two", "a <p> tag", "<pre-dawn raid>"])
def test_a_text_with_a_sign_or_two_is_no_page(text: str):
    assert not looks_like_html(text)


# Places


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("caf&eacute;", "café"),
        ("caf&#233;", "café"),
        ("caf&#xe9;", "café"),
        ("R&amp;D", "R&D"),
        ("R&D", "R&D"),
        ("AT&T grew", "AT&T grew"),
        ("Q&A: one", "Q&A: one"),
        ("one & two", "one & two"),
        ("&copy 2020", "© 2020"),
        ("&#8220;one&#8221;", "“one”"),
        ("one&nbsp;two", "one two"),
        ("&lt;one&gt;", "<one>"),
        ("&bogus; one", "&bogus; one"),
        ("one &", "one &"),
        ("&#0; one", "\ufffd one"),
        ("&#1114112;", "\ufffd"),
    ],
)
def test_entities_are_characters_and_their_places_are_those_of_the_source(written: str, read: str):
    source = f"<html><body><p>{written}</p><p>Next.</p></body></html>"
    first, second = read_html_pieces(source)[0]
    assert first.text == read
    assert source[first.start : first.end] == written
    assert source[second.start : second.end] == "Next."


def test_places_hold_the_markup_within_and_no_markup_around():
    source = "<html><body>\n<p>\n  One <b>two</b>\nthree. </p>\r\n<p>\u00e9 four</p>"
    spans = [source[piece.start : piece.end] for piece in read_html_pieces(source)[0]]
    assert spans == ["One <b>two</b>\nthree.", "\u00e9 four"]


# Nesting and size


@pytest.mark.filterwarnings("ignore::textclf.errors.TextclfWarning")
@pytest.mark.parametrize("tag", ["div", "b", "table><tr><td", "ul><li", "a", "p", "blockquote", "svg", "script"])
def test_nesting_of_any_depth_is_read(tag: str):
    close = "".join(f"</{part.strip('<')}>" for part in reversed(tag.split(">")))
    source = f"<html><body><p>{ONE}</p>" + f"<{tag}>" * 5_000 + close * 5_000 + f"<p>{TWO}</p>"
    assert pieces(source)[0] == ONE
    assert tag == "script" or TWO in pieces(source)


@pytest.mark.filterwarnings("ignore::textclf.errors.TextclfWarning")
@pytest.mark.parametrize(
    "unit", ["<div>", "&amp;", "<", "<a>x", "<br>x", "<p>", "<li>x y</li>", "<![", "</p>", "&", "<!--"]
)
def test_a_hundred_kilobytes_of_one_tag_are_read(unit: str):
    source = f"<html><body><p>{ONE}</p>" + unit * (100_000 // len(unit))
    assert pieces(source)[0] == ONE


# What a page says of itself


def test_metadata_of_json_ld_and_open_graph():
    ld = {
        "@context": "https://schema.org",
        "@type": "NewsArticle",
        "headline": "Gunmen seize bus north of Terhan",
        "datePublished": "2021-03-14T10:42:00Z",
        "author": {"@type": "Person", "name": "Dana Ruiz"},
        "publisher": {"@type": "Organization", "name": "Harbour Times"},
    }
    head = f'<script type="application/ld+json">{json.dumps(ld)}</script>'
    article = read_article(PAGE.replace("</head>", head + "</head>"))
    assert article.title == "Gunmen seize bus north of Terhan"
    assert (article.date, article.source, article.byline) == ("2021-03-14", "Harbour Times", "Dana Ruiz")


def test_broken_metadata_is_no_harm():
    article = read_article(PAGE.replace("</head>", "<script type='application/ld+json'>{\"a\": [</script></head>"))
    assert [p.text for p in article.paragraphs] == [ONE, TWO]


@pytest.mark.parametrize("declared", ["utf-8", "iso-8859-1", "windows-1256", "no-such-encoding"])
def test_a_wrong_charset_is_passed_over(tmp_path: Path, declared: str):
    path = tmp_path / "page.html"
    text = "The café’s façade was hit by shells on Monday morning, its owner told reporters, and nobody was hurt."
    path.write_bytes(PAGE.replace(ONE, text).replace("<title>", f"<meta charset={declared}><title>").encode())
    article = read_article(path)
    assert article.paragraphs[0].text == text
    assert "encoding" not in article.extra


@pytest.mark.parametrize(
    ("tag", "name"),
    [
        (b"<meta charset=windows-1256>", "windows-1256"),
        (b"<META HTTP-EQUIV='Content-Type' CONTENT='text/html; charset=KOI8-R'>", "KOI8-R"),
        (b"<meta name=x content=y>", None),
    ],
)
def test_the_encoding_is_read_out_of_the_page(tag: bytes, name: str | None):
    assert declared_encoding(b"<html><head>" + tag) == name


def test_trafilatura_missing_is_told_with_the_line_that_installs_it(monkeypatch: pytest.MonkeyPatch):
    real = importlib.import_module

    def without(name: str, package: str | None = None) -> Any:
        if name == "trafilatura":
            raise ImportError(name)
        return real(name, package)

    monkeypatch.setattr(importlib, "import_module", without)
    with pytest.raises(MissingExtraError, match=r"reading HTML needs.*\n *pip install 'textclf\[html\]'"):
        read_article(PAGE)


# Saved pages and archives


@pytest.mark.parametrize("transfer", ["8bit", "base64", "quoted-printable"])
def test_the_html_of_a_saved_page_is_read(tmp_path: Path, transfer: str):
    html = PAGE.encode()
    written = {
        "8bit": html,
        "base64": base64.encodebytes(html),
        "quoted-printable": html.replace(b"=", b"=3D"),
    }[transfer]
    head = "From: <Saved>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/related; boundary=b\r\n\r\n--b\r\n"
    part = f"Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: {transfer}\r\n\r\n"
    picture = "\r\n--b\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\niVBORw0K\r\n--b--\r\n"
    path = tmp_path / "saved.mhtml"
    path.write_bytes(head.encode() + part.encode() + written + picture.encode())
    article = read_article(path)
    assert article.article_id == "saved"
    assert [p.text for p in article.paragraphs] == [ONE, TWO]


def test_a_saved_page_without_html_is_refused(tmp_path: Path):
    path = tmp_path / "saved.mht"
    path.write_bytes(b"Content-Type: image/png\r\n\r\nx")
    with pytest.raises(DataError, match=r"saved\.mht: there is no HTML in this saved page"):
        read_article(path)


def archive(*records: tuple[str, str, str, str], compressed: bool) -> bytes:
    """Return a web archive of (type, address, content type and status, body)."""
    raw = b""
    for kind, address, content, text in records:
        content_type, _, status = content.partition(" ")
        payload = text.encode()
        if kind == "response":
            payload = f"HTTP/1.1 {status or '200 OK'}\r\nContent-Type: {content_type}\r\n\r\n".encode() + payload
            content_type = "application/http; msgtype=response"
        head = {
            "WARC-Type": kind,
            "WARC-Record-ID": "<urn:uuid:00000000-0000-4000-8000-000000000000>",
            "WARC-Date": "2021-03-14T10:42:00Z",
            "WARC-Target-URI": address,
            "Content-Type": content_type,
            "Content-Length": str(len(payload)),
        }
        lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
        record = f"WARC/1.0\r\n{lines}\r\n".encode() + payload + b"\r\n\r\n"
        raw += gzip.compress(record) if compressed else record
    return raw


RECORDS = (
    ("response", "http://harbour.test/1", "text/html;charset=utf-8", PAGE),
    ("response", "http://harbour.test/pic", "image/png", "no picture"),
    ("response", "http://harbour.test/gone", "text/html 404 Not Found", PAGE),
    ("metadata", "http://harbour.test/1", "text/html", PAGE),
    ("resource", "http://harbour.test/2", "text/html", PAGE.replace("bus", "ferry")),
)


@pytest.mark.parametrize("compressed", [True, False])
def test_the_pages_of_a_web_archive_are_articles_named_by_their_address(tmp_path: Path, compressed: bool):
    path = tmp_path / ("crawl.warc.gz" if compressed else "crawl.warc")
    path.write_bytes(archive(*RECORDS, compressed=compressed))
    found = list(read_articles([path]))
    assert [article.article_id for article in found] == ["http://harbour.test/1", "http://harbour.test/2"]
    assert found[1].title == "Gunmen seize ferry north of Terhan"
    with pytest.raises(DataError, match="holds 2 articles; read them with read_articles"):
        read_article(path)


@pytest.mark.parametrize("compressed", [True, False])
def test_an_archive_that_breaks_off_within_a_page_is_told(compressed: bool):
    text = PAGE + "".join(f"<p>{number * 7919}</p>" for number in range(20_000))
    raw = archive(RECORDS[0], ("response", "http://harbour.test/2", "text/html", text), compressed=compressed)
    stream = pages.read_warc(io.BytesIO(raw[: len(raw) * 3 // 4]), name="crawl.warc", article_id="crawl")
    assert next(stream).article_id == "http://harbour.test/1"
    with pytest.raises(DataError, match=r"crawl\.warc: broken web archive at record 2.*breaks off"):
        list(stream)


@pytest.mark.parametrize("raw", [b"hello\r\n\r\n", gzip.compress(b"hello")])
def test_what_is_no_archive_is_told(raw: bytes):
    with pytest.raises(DataError, match="broken web archive"):
        list(pages.read_warc(io.BytesIO(raw), name="crawl.warc", article_id="crawl"))


def test_a_fault_of_one_page_is_told_as_that_page_s(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(pages, "LARGEST_PAGE", 100)
    raw = archive(RECORDS[0], compressed=False)
    with pytest.raises(DataError, match=r"^crawl: http://harbour\.test/1: this page has more than 100 bytes"):
        list(pages.read_warc(io.BytesIO(raw), name="crawl", article_id="crawl"))


def test_the_parts_a_browser_saves_beside_a_page_are_passed_over(tmp_path: Path):
    (tmp_path / "story_files").mkdir()
    (tmp_path / "story_files" / "frame.html").write_text(PAGE, encoding="utf-8")
    (tmp_path / "story.html").write_text(PAGE, encoding="utf-8")
    (tmp_path / "story.png").write_bytes(b"\x89PNG")
    skipped: list[Path] = []
    found = list(read_articles([tmp_path], on_skip=skipped.append))
    assert [article.article_id for article in found] == ["story"]
    assert skipped == [tmp_path / "story.png"]


def test_html_in_a_text_file_is_read_as_html(tmp_path: Path):
    path = tmp_path / "story.txt"
    path.write_text(PAGE + "<!-- -->" * 40_000, encoding="utf-8")
    assert [p.text for p in read_article(path).paragraphs] == [ONE, TWO]


# Any soup

TAGS = ["p", "div", "span", "b", "a href=x", "ul", "li", "table", "tr", "td", "h1", "script", "style", "head", "body"]
TAGS += ["title", "button", "nav", "article", "br", "br/", "img", "p hidden", "div class='related'", "option", "svg"]
TEXTS = [
    "One two.",
    "three",
    ONE,
    TWO,
    " ",
    "\n",
    "&amp;",
    "R&D",
    "&nbsp;",
    "&#233;",
    "é",
    "<",
    ">",
    "<!--",
    "-->",
    "&",
]
TEXTS += ["<![CDATA[", "<![x[", "]]>", "<!", "<?", "</", "\x00", "\u200b", "\u00ad", "\r", "…", "/", "'", '"', "&#0;"]
SOUP = st.lists(
    st.sampled_from([f"<{tag}>" for tag in TAGS] + [f"</{tag.split()[0]}>" for tag in TAGS] + TEXTS)
    | st.text(max_size=4),
    max_size=30,
).map(lambda parts: "<html>" + "".join(parts))


@quick
@example("<html><![x[")
@example("<html>R&D")
@example("<html><p>\ud800")
@given(SOUP)
def test_the_blocks_of_any_soup_lie_in_order_where_their_words_are(source: str):
    try:
        article = read_html_page(source, article_id="soup")
    except TextclfError:
        return
    end = 0
    for block in article.blocks:
        assert end <= block.start < block.end <= len(source)
        characters = iter(unescape(source[block.start : block.end]))
        assert all(character in characters for character in block.text if character != " ")  # in this order
        end = block.end
    assert read_html_page(source, article_id="soup") == article
