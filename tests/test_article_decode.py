"""Bytes become text in the encoding they are in, whatever they say of themselves; what is no text is refused."""

from __future__ import annotations

import codecs
import gzip
import io
import random
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.props import quick
from textclf.articles import PAGES, read_article
from textclf.articles.decode import decode
from textclf.errors import DataError, TextclfError

ENGLISH = (
    "The café by the bridge stayed open, its owner said. “Naïve,” the mayor’s façade of a reply ran – no more.\n" * 3
)
FRENCH = "Les ravisseurs ont libéré l’otage à l’aube, près du château, a déclaré le préfet à la presse.\n" * 4
SPANISH = "El alcalde pidió a los señores que liberasen a la niña; mañana habrá más detalles, añadió.\n" * 4
ARABIC = "قال شهود إن مسلحين خطفوا حافلة تقل أربعين راكبا على الطريق شمال المدينة قبل وصول الجيش إلى المعبر.\n" * 4
RUSSIAN = "Боевики захватили автобус с сорока пассажирами на дороге к северу от города, сообщили очевидцы.\n" * 4


@pytest.mark.parametrize(
    ("mark", "encoding"),
    [
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
        (codecs.BOM_UTF32_LE, "utf-32-le"),
        (codecs.BOM_UTF32_BE, "utf-32-be"),
    ],
)
@pytest.mark.parametrize("text", [ENGLISH, ARABIC, RUSSIAN, ""])
def test_a_byte_order_mark_decides_and_is_no_part_of_the_text(mark: bytes, encoding: str, text: str):
    assert decode(mark + text.encode(encoding), name="x") == (text, encoding)


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("text", [ENGLISH, SPANISH])
def test_utf_16_without_a_mark_is_known_by_its_zeros(encoding: str, text: str):
    assert decode(text.encode(encoding), name="x") == (text, encoding)


@pytest.mark.parametrize(
    ("text", "encoding", "read_as"),
    [
        (ENGLISH, "cp1252", "cp1252"),
        (FRENCH, "cp1252", "cp1252"),
        (SPANISH, "iso-8859-1", "cp1252"),
        (SPANISH, "cp1252", "cp1252"),
        (ARABIC, "cp1256", "cp1256"),
        (RUSSIAN, "cp1251", "cp1251"),
    ],
)
def test_older_encodings_are_told_apart(text: str, encoding: str, read_as: str):
    assert decode(text.encode(encoding), name="x") == (text, read_as)


@pytest.mark.parametrize("declared", ["cp1252", "utf-16", "ascii", "koi8-r", "no-such-encoding", "", "hex", "rot13"])
@pytest.mark.parametrize("text", [ENGLISH, ARABIC])
def test_what_a_page_wrongly_says_of_itself_is_passed_over_where_it_is_utf_8(text: str, declared: str):
    assert decode(text.encode(), name="x", declared=declared) == (text, "utf-8")


@pytest.mark.parametrize("declared", ["utf-8", "ascii", "no-such-encoding", "hex", None])
def test_a_wrong_declaration_does_not_hide_the_encoding(declared: str | None):
    assert decode(FRENCH.encode("cp1252"), name="x", declared=declared) == (FRENCH, "cp1252")


def test_a_right_declaration_is_followed():
    text = "Мэр сказал нет."
    assert decode(text.encode("koi8-r"), name="x", declared="KOI8-R") == (text, "koi8-r")


@pytest.mark.parametrize("mark", [b"", codecs.BOM_UTF8])
def test_stray_bytes_in_utf_8_are_read_as_the_other_encoding(mark: bytes):
    raw = mark + FRENCH.encode() + SPANISH.encode() + "“déjà vu”".encode("cp1252")
    assert decode(raw, name="x") == (FRENCH + SPANISH + "“déjà vu”", "utf-8 and cp1252")


def test_stray_bytes_are_read_as_the_encoding_declared():
    stray = "нет".encode("cp1251")
    assert decode(RUSSIAN.encode() + stray, name="x", declared="windows-1251") == (RUSSIAN + "нет", "utf-8 and cp1251")


@pytest.mark.parametrize("end", ["é", "€", "😀"])
def test_a_file_cut_within_its_last_character_is_utf_8(end: str):
    raw = (FRENCH + end).encode()
    for cut in range(1, len(end.encode())):
        assert decode(raw[:-cut], name="x") == (FRENCH + "\ufffd", "utf-8")


def zipped() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("word/document.xml", ENGLISH)
    return file.getvalue()


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n", "no text but a PDF.*pdftotext"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "no text but a picture"),
        (b"\xff\xd8\xff\xe0\x00\x10JFIF", "no text but a picture"),
        (b"GIF89a\x01\x00\x01\x00", "no text but a picture"),
        (b"RIFF\x24\x00\x00\x00WAVEfmt ", "no text but a sound"),
        (zipped(), "no text but a ZIP"),
        (gzip.compress(ENGLISH.encode()), "no text but compressed with gzip"),
        (b"PAR1\x15\x04", "no text but a Parquet table"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "no text but an office document"),
        (random.Random(13).randbytes(10_000), "full of control characters"),
        (b"\x00" * 1_000, "full of control characters"),
    ],
)
def test_a_file_that_is_no_text_is_refused_by_its_name(tmp_path: Path, raw: bytes, said: str):
    path = tmp_path / "story.txt"
    path.write_bytes(raw)
    with pytest.raises(DataError, match=rf"story\.txt is {said}|story\.txt is no text: it is {said}"):
        read_article(path)


@pytest.mark.parametrize("text", ["RIFFA, Bahrain — Gunmen fired.", "GIF8 is no picture.", "PARIS — Gunmen fired."])
def test_a_text_that_begins_nearly_like_a_binary_file_is_read(text: str):
    assert decode(text.encode(), name="x") == (text, "utf-8")


def test_a_few_control_characters_are_no_harm():
    text = "\x0c" + ENGLISH * 5 + "\x1a"
    assert decode(text.encode(), name="x") == (text, "utf-8")


def test_an_empty_file_is_an_empty_text():
    assert decode(b"", name="x") == ("", "utf-8")


@quick
@given(st.binary(max_size=300), st.sampled_from([None, "cp1252", "utf-8", "utf-7", "idna", "hex", "\x00", "base64"]))
def test_any_bytes_are_text_or_refused(raw: bytes, declared: str | None):
    try:
        found = decode(raw, name="x", declared=declared)
    except DataError:
        return
    assert isinstance(found.text, str)
    assert found == decode(raw, name="x", declared=declared)


@quick
@given(st.text(max_size=300).filter(lambda text: not text.startswith("\ufeff")))
def test_utf_8_is_read_as_it_was_written(text: str):
    printable = "".join(c for c in text if c >= " " and c != "\x7f")
    assert decode(printable.encode(), name="x") == (printable, "utf-8")


@quick
@pytest.mark.filterwarnings("ignore::textclf.errors.TextclfWarning")
@pytest.mark.parametrize("ending", sorted(PAGES))
@given(
    raw=st.binary(max_size=200)
    | st.tuples(
        st.sampled_from(
            [
                b"",
                b"<html><p>",
                b"WARC/1.0\r\nWARC-Type: response\r\n",
                b"\x1f\x8b\x08\x00",
                b"From: x\r\nContent-Type: text/html; charset=",
                b"Content-Type: multipart/related; boundary=b\r\n\r\n--b\r\nContent-Type: text/html\r\n\r\n",
                codecs.BOM_UTF16_LE,
                codecs.BOM_UTF32_BE,
            ]
        ),
        st.binary(max_size=80),
    ).map(b"".join)
)
def test_any_bytes_in_any_file_of_pages_are_articles_or_refused(ending: str, raw: bytes):
    def articles() -> object:
        try:
            return list(PAGES[ending](io.BytesIO(raw), name="x", article_id="x"))
        except TextclfError as fault:
            return str(fault)

    assert articles() == articles()
