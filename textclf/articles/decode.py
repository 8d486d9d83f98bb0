"""Bytes become text: byte-order marks, UTF-8, older encodings, and files that mix two; binary files are refused."""

from __future__ import annotations

import codecs
import re
from typing import NamedTuple

from textclf.errors import DataError

SAMPLE = 200_000  # bytes that an unknown encoding is guessed from
BINARY_SHARE = 0.02  # of control characters: more is no text
MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
SIGNATURES = {
    b"%PDF": "a PDF; turn it into text first, for example with: pdftotext FILE",
    b"PK\x03\x04": "a ZIP archive or an office document; unpack it, or save it as text or HTML",
    b"\xd0\xcf\x11\xe0": "an office document; save it as text or HTML",
    b"\x1f\x8b": "compressed with gzip; unpack it first",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"GIF87a": "a picture",
    b"GIF89a": "a picture",
    b"\x7fELF": "a program",
    b"SQLite format": "a database",
    b"PAR1": "a Parquet table; give it the ending .parquet",
}
CANDIDATES = (  # the encodings news texts come in, besides UTF-8
    *("cp1252", "cp1256", "cp1251", "cp1250", "cp1253", "cp1254", "cp1255", "cp1257", "cp1258", "iso8859_2"),
    *("iso8859_5", "iso8859_6", "iso8859_9", "iso8859_15", "koi8_r", "mac_roman", "gb18030", "big5", "shift_jis"),
    *("euc_jp", "euc_kr"),
)
WESTERN = frozenset("ÀÁÂÃÄÇÈÉÊËÍÎÏÑÓÔÕÖÙÚÛÜßàáâãäåæçèéêëìíîïñòóôõöøùúûüœŒ“”‘’«»–—…€£°ºª¿¡·§©®™\u00a0")
_FILM = re.compile(rb"RIFF.{4}(?:WAVE|AVI |WEBP)", re.DOTALL)
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")


class Decoded(NamedTuple):
    """A text and the encoding it was read in (`"utf-8 and cp1252"` where a file mixes two)."""

    text: str
    encoding: str


def decode(raw: bytes, *, name: str, declared: str | None = None) -> Decoded:
    """Turn the bytes of a text into characters.

    A byte-order mark decides, then UTF-8 where the bytes are valid, then the encoding declared where it fits, then
    the likeliest one by charset-normalizer. Where most is UTF-8 and some bytes are not, those alone are read as
    the other encoding. The byte-order mark is not part of the text.

    Args:
        raw: The bytes.
        name: Named in messages.
        declared: What the page says of itself; a wrong declaration is passed over.

    Raises:
        DataError: When the bytes are no text: a picture, a PDF, an archive.
    """
    if raw.startswith(codecs.BOM_UTF8):
        raw, declared = raw[len(codecs.BOM_UTF8) :], declared or "cp1252"
    for mark, encoding in MARKS:
        if raw.startswith(mark):
            return Decoded(raw[len(mark) :].decode(encoding, errors="replace"), encoding)
    for signature, what in SIGNATURES.items():
        if raw.startswith(signature):
            raise DataError(f"{name} is no text but {what}")
    if _FILM.match(raw):
        raise DataError(f"{name} is no text but a sound, picture or film")
    wide = _without_mark(raw)
    if wide:
        return Decoded(raw.decode(wide, errors="replace"), wide)
    if len(_CONTROL.findall(raw[:SAMPLE])) > BINARY_SHARE * min(len(raw), SAMPLE):
        raise DataError(f"{name} is no text: it is full of control characters. Give text or HTML")
    try:
        return Decoded(raw.decode("utf-8"), "utf-8")
    except UnicodeDecodeError as fault:
        if fault.reason == "unexpected end of data" and fault.start > len(raw) - 4:  # cut within its last character
            return Decoded(raw[: fault.start].decode("utf-8") + "\ufffd", "utf-8")
    if _mostly_utf8(raw):
        return _decode_mixed(raw, declared)
    encoding = _fitting(raw, declared) or ("cp1252" if _is_western(raw) else _guess(raw))
    return Decoded(raw.decode(encoding, errors="replace"), encoding)


def _without_mark(raw: bytes) -> str | None:
    """Return the UTF-16 flavour of a text without a mark: every other byte of its beginning is 0."""
    head = raw[:2_000]
    if len(head) < 4 or b"\x00" not in head:
        return None
    even, odd = head[::2].count(0) / len(head[::2]), head[1::2].count(0) / len(head[1::2])
    return "utf-16-le" if odd > 0.6 > 0.1 > even else "utf-16-be" if even > 0.6 > 0.1 > odd else None


def _mostly_utf8(raw: bytes) -> bool:
    """Tell whether the bytes that are no ASCII are for the greater part whole UTF-8 characters."""
    whole = len(re.findall(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}", raw))
    stray = raw.decode("utf-8", errors="replace").count("\ufffd") - raw.count(b"\xef\xbf\xbd")
    return whole >= stray


def _decode_mixed(raw: bytes, declared: str | None) -> Decoded:
    """Read UTF-8, and the stray bytes in the other encoding."""
    other = _fitting(b"", declared) or "cp1252"

    def read_stray(fault: UnicodeError) -> tuple[str, int]:
        assert isinstance(fault, UnicodeDecodeError)  # noqa: S101 (nothing else is asked of it)
        return fault.object[fault.start : fault.end].decode(other, errors="replace"), fault.end

    handler = f"textclf-stray-{other}"
    codecs.register_error(handler, read_stray)
    return Decoded(raw.decode("utf-8", errors=handler), f"utf-8 and {other}")


def _fitting(raw: bytes, declared: str | None) -> str | None:
    """Return the declared encoding when the bytes are valid in it."""
    try:
        name = codecs.lookup(declared or "").name
        raw.decode(name)
        b"\x80".decode(name, errors="replace")  # a few codecs, such as idna, cannot pass over a fault
    except (LookupError, UnicodeError, ValueError):
        return None
    return None if name.startswith("utf") else "cp1252" if name == "iso8859-1" else name


def _is_western(raw: bytes) -> bool:
    """Tell whether the bytes that are no ASCII are, read as cp1252, what western European languages are written with.

    charset-normalizer often takes such texts for Central European ones, which share most of their letters.
    """
    high = re.sub(rb"[\x00-\x7f]+", b"", raw[:SAMPLE]).decode("cp1252", errors="replace")
    ascii_letters = len(re.findall(rb"[A-Za-z]", raw[:SAMPLE]))
    return len(high) < 0.25 * ascii_letters and sum(c in WESTERN for c in high) >= 0.95 * len(high)


def _guess(raw: bytes) -> str:
    from charset_normalizer import from_bytes

    found = from_bytes(raw[:SAMPLE], cp_isolation=list(CANDIDATES), enable_fallback=False).best()
    return found.encoding if found is not None else "cp1252"
