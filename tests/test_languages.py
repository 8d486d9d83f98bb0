"""Paragraphs in a language the model was not trained on are told, with their number; names alone are no language."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import DATA
from tests.props import quick
from tests.test_bundle import train_tiny
from tests.test_hostile_input import make_model
from textclf import languages
from textclf.bundle import load_bundle
from textclf.languages import LEAST, READ, count_languages, language_of, looked_at
from textclf.predict import predict_files
from textclf.progress import log

pytest.importorskip("py3langid")

WRITTEN = {
    "es": [
        "Las fuerzas del gobierno bombardearon anoche los barrios del este de la ciudad, según vecinos y activistas.",
        "Los rebeldes aceptaron entregar las armas y salir en autobuses hacia el norte.",
        "El ministro se reunió con los jefes tribales para negociar la liberación de los rehenes.",
    ],
    "fr": [
        "Les forces gouvernementales ont bombardé hier soir les quartiers est de la ville, selon des habitants.",
        "Les rebelles ont accepté de rendre les armes et de partir en autocar vers le nord.",
        "Le ministre a rencontré les chefs de tribu pour négocier la libération des otages.",
    ],
    "tr": [
        "Hükümet güçleri dün gece kentin doğu mahallelerini bombaladı, görgü tanıkları öyle söyledi.",
        "İsyancılar silahlarını bırakıp otobüslerle kuzeye gitmeyi kabul etti.",
        "Bakan, rehinelerin serbest bırakılmasını görüşmek üzere aşiret liderleriyle buluştu.",
    ],
    "de": ["Die Aufständischen willigten ein, ihre Waffen abzugeben und in Bussen nach Norden zu fahren."],
    "id": ["Pasukan pemerintah membombardir wilayah timur kota itu tadi malam, menurut warga setempat."],
    "uk": ["Урядові війська обстріляли вночі східні квартали міста, повідомили мешканці."],
    "fa": ["نیروهای دولتی شب گذشته محله‌های شرقی شهر را بمباران کردند، به گفته ساکنان."],
}
ENGLISH = [
    "Hayat Tahrir al-Sham, Jaysh al-Islam and Ahrar al-Sham clashed in Kafr Batna, Hazzeh and Beit Sawa.",
    "Sheikh Abdul Rahman al-Khatib and Abu Muhammad al-Julani met Ismail Haniyeh in Deir al-Zor, Raqqa.",
    "Fighters of the Liwa al-Quds brigade (لواء القدس) and Harakat al-Nujaba entered Sheikh Maqsoud.",
    "Khan Sheikhoun, Maarrat al-Numan, Saraqib, Jisr al-Shughour, Kafr Zita, Morek, al-Lataminah.",
    "IDLIB, SYRIA - GOVERNMENT FORCES SHELLED MAARAT AL-NUMAN ON TUESDAY, RESIDENTS SAID",
    "Mahmoud Ahmadinejad, Hassan Nasrallah, Bashar al-Assad, Recep Tayyip Erdoğan, Emmanuel Macron.",
]


@pytest.mark.parametrize("language", sorted(WRITTEN))
def test_the_language_of_a_sentence_is_told(language: str) -> None:
    assert [language_of(text) for text in WRITTEN[language]] == [language] * len(WRITTEN[language])


@pytest.mark.parametrize("text", ENGLISH)
def test_names_inside_english_are_no_other_language(text: str) -> None:
    assert language_of(text) in {"en", ""}


@pytest.mark.parametrize("text", ["", "Hola", "Adiós, amigos míos", "12 34 " * 50, "x" * 39, "x" * 500, "\ud800" * 90])
def test_of_a_few_letters_nothing_is_said(text: str) -> None:
    assert language_of(text) == ""


@quick
@given(st.text(st.characters(), max_size=80))
def test_any_text_has_a_code_or_none(text: str) -> None:
    code = language_of(text)
    assert code == "" or (code.isalpha() and sum(map(str.isalpha, text)) >= LEAST)


def test_no_english_paragraph_of_the_data_is_taken_for_another_language(texts_of_data: list[str]) -> None:
    """Every fifth of the 4,530 paragraphs of over 40 letters; of all of them none is, which was looked at once."""
    told = [language_of(text) for text in texts_of_data[::5]]
    assert len(told) > 500
    assert set(told) <= {"en", ""}
    assert told.count("") < len(told) / 100


@pytest.fixture
def texts_of_data() -> list[str]:
    lines = [line for file in sorted(DATA.glob("*.jsonl")) for line in file.read_text(encoding="utf-8").splitlines()]
    texts = [paragraph["text"] for line in lines for paragraph in json.loads(line)["paragraphs"]]
    return [text for text in texts if sum(map(str.isalpha, text[:READ])) > LEAST]


def test_a_long_stream_is_looked_at_in_part() -> None:
    looked = [*islice(looked_at(), 3_000)]
    assert all(looked[:1_000])
    assert looked[1_000:].count(True) == 200
    assert all(any(looked[n : n + 10]) for n in range(2_990))  # ten in a row are always met


def test_languages_of_many_texts_are_counted_in_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(languages, "MOST_LEARNT", 3)
    texts = [*WRITTEN["es"], *WRITTEN["fr"], "12"]
    assert count_languages(texts) == {"es": 1, "fr": 1}
    assert count_languages(texts[:2]) == {"es": 2}
    assert count_languages([]) == {}


def rows(path: Path, texts: Sequence[str]) -> Path:
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts), encoding="utf-8")
    return path


def test_paragraphs_in_a_language_the_model_does_not_know_are_told_once_with_their_number(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = rows(tmp_path / "in.jsonl", [*ENGLISH, *WRITTEN["es"], WRITTEN["tr"][0], *WRITTEN["uk"], "12", "Hola"])
    monkeypatch.setattr(log, "propagate", True)
    model = make_model(languages={"en": 990, "de": 9, "fr": 3})
    assert model.languages == {"en"}
    with caplog.at_level(logging.WARNING, logger="textclf"):
        summary = predict_files(model, [source], out=tmp_path / "out.jsonl")
    assert summary.languages == {"es": 3, "tr": 1}
    assert summary.foreign == {"Cyrillic": 1}  # told by its script, and not once more
    assert summary.heard == len(ENGLISH) + 3 + 1 + 1
    (told,) = {r.getMessage() for r in caplog.records if "languages" in r.getMessage()}
    assert "of 11 paragraphs whose language was looked at" in told
    assert "in languages the model was not trained on (it knows en): 3 es, 1 tr" in told
    first = json.loads((tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()[6])
    assert set(first) == {"article_id", "paragraph", "text", "labels", "scores", "windows"}  # nothing new


def test_a_model_trained_on_spanish_is_told_of_english(tmp_path: Path) -> None:
    source = rows(tmp_path / "in.jsonl", [*WRITTEN["es"], "Shells fell near the bridge on Monday, residents said."])
    summary = predict_files(make_model(languages={"es": 50}), [source], out=tmp_path / "out.jsonl")
    assert summary.languages == {"en": 1}


@pytest.mark.parametrize("why", ["the card does not say", "the extra is missing"])
def test_where_it_cannot_be_known_nothing_is_said(why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if why == "the extra is missing":
        monkeypatch.setattr(languages, "find_spec", lambda name: None)
    model = make_model(languages={"en": 9}) if why == "the extra is missing" else make_model()
    summary = predict_files(model, [rows(tmp_path / "in.jsonl", WRITTEN["es"])], out=tmp_path / "out.jsonl")
    assert (summary.languages, summary.heard) == ({}, 0)


def test_a_trained_model_knows_its_languages(tmp_path: Path) -> None:
    model = load_bundle(train_tiny(tmp_path, "tfidf"))
    assert model.languages == {"en"}
    assert set(model.card["languages"]) == {"en"}
