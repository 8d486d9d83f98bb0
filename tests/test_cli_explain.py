"""The `textclf explain` command as a user types it, and the page it writes."""

from __future__ import annotations

import io
import json
import re
import sys
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from tests.conftest import WORDS, make_articles
from textclf.bundle import save_bundle
from textclf.calibration import Calibration, LabelMap
from textclf.cli import main
from textclf.cli.explain import marked as marked_text
from textclf.explain.page import account, marked, to_html
from textclf.explain.passages import ExplainedPassage, explain_passages
from textclf.explanation import Explanation
from textclf.labeller import Labeller
from textclf.labels import LabelSet
from textclf.models.tfidf import Tfidf, TfidfOptions
from textclf.progress import log
from textclf.records import Examples, LabelledPassage, Passage
from textclf.words import word_spans

LABEL_SET = LabelSet.of(WORDS)
ARTICLE = f"""Rain fell on the old mill, a teacher said of her garden, and all week it was quiet in the town.

{WORDS["fight"].capitalize()}, said a teacher on the market, and rain fell on it all week.
"""
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def model() -> Labeller:
    training = Examples.of(make_articles(24), LABEL_SET)
    fitted = Tfidf(LABEL_SET, TfidfOptions(min_df=1), seed=0).fit(training.texts, training.targets)
    return Labeller(fitted, Calibration((LabelMap(),) * 3), np.full(3, 0.5))


@pytest.fixture(scope="module")
def bundle(model: Labeller, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("runs") / "tfidf"
    config = {"model": {"kind": "tfidf", "options": {"min_df": 1}}, "seed": 0, "data": {"context": "none"}}
    save_bundle(model, path, kind="tfidf", card={"config": config})
    return path


@pytest.fixture
def story(tmp_path: Path) -> Path:
    path = tmp_path / "story.txt"
    path.write_text(ARTICLE, encoding="utf-8")
    return path


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, bundle: Path) -> Run:
    """Give a function that runs `textclf explain` with the model and returns exit code, stdout and stderr."""

    def call(*arguments: str | Path, stdin: bytes | None = None) -> tuple[int, str, str]:
        if stdin is not None:
            monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(stdin))))
        monkeypatch.setattr(log, "handlers", [])
        capfd.readouterr()
        with pytest.raises(SystemExit) as stopped:
            main(["explain", str(bundle), *map(str, arguments)])
        out, err = capfd.readouterr()
        return int(stopped.value.code or 0), out, err

    return call


def test_labelled_paragraphs_are_shown_with_their_strong_words_in_brackets(story: Path, run: Run) -> None:
    code, out, _ = run(story)
    assert code == 0
    assert re.search(r"^\[1\] fight 0\.\d\d$", out, flags=re.MULTILINE)
    assert re.search(r"\[(shells|gunmen|soldiers|fired|bridge)\]\+\d\.\d\d", out, flags=re.IGNORECASE)
    assert "with nothing read" in out
    assert "(exact)" in out
    assert "[0]" not in out


def test_one_label_can_be_chosen_and_every_paragraph_shown(story: Path, run: Run) -> None:
    code, out, _ = run(story, "--label", "talk", "--all")
    assert code == 0
    assert re.findall(r"^\[(\d)\] (\w+) .*not carried$", out, flags=re.MULTILINE) == [("0", "talk"), ("1", "talk")]
    code, out, _ = run(story, "--label", "talk")
    assert code == 0
    assert out.strip() == "no paragraph carries talk; --all explains the others as well"


def test_an_article_comes_from_standard_input_too(run: Run) -> None:
    code, out, _ = run("-", stdin=ARTICLE.encode())
    assert code == 0
    assert "[1] fight" in out


def test_json_holds_every_word_and_weight(story: Path, run: Run, tmp_path: Path) -> None:
    code, _, _ = run(story, "--json", tmp_path / "why.json")
    assert code == 0
    written = json.loads((tmp_path / "why.json").read_text(encoding="utf-8"))
    (passage,) = written["passages"]
    told = passage["explanation"]
    assert [passage["text"][word["start"] : word["end"]] for word in told["words"]] == [
        w["word"] for w in told["words"]
    ]
    fight = told["labels"]["fight"]
    assert list(told["labels"]) == passage["labels"] == ["fight"]
    assert fight["baseline"] + sum(fight["weights"]) == pytest.approx(fight["log_odds"], abs=1e-4)


def test_what_is_wrong_is_said_in_one_line(story: Path, run: Run, tmp_path: Path) -> None:
    for arguments, said in (
        ((story, "--label", "figth"), "did you mean 'fight'"),
        ((tmp_path / "none.txt",), "none.txt"),
        ((story, "--html", story / "under" / "page.html"), "cannot write"),
    ):
        code, out, err = run(*arguments)
        assert code == 1
        assert said in err
        assert out == ""
    code, _, err = run("-", stdin=b"")
    assert code == 1
    assert "there is no paragraph in the input" in err


class Page(HTMLParser):
    """Collects the tags and the text of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.texts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        assert not {name for name, _ in attrs} & {"src", "href", "onclick", "onload"}

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def made(text: str, weights: list[float]) -> ExplainedPassage:
    labels = LabelSet.of(["alarm"])
    column = np.array(weights, dtype=np.float32)[:, None]
    explanation = Explanation(
        text, labels, word_spans(text), column, np.ones(1), np.zeros(1), "occlusion", np.array([-1.5]), ("alarm",)
    )
    return ExplainedPassage(LabelledPassage("a<b>", 0, text, ("alarm",), {"alarm": 0.9}), explanation, ("alarm",))


def test_the_page_is_whole_escaped_and_needs_nothing_beside_it(story: Path, run: Run, tmp_path: Path) -> None:
    code, _, _ = run(story, "--html", tmp_path / "why.html")
    assert code == 0
    page = (tmp_path / "why.html").read_text(encoding="utf-8")
    assert page.startswith("<!DOCTYPE html>")
    assert "prefers-color-scheme: dark" in page
    assert {"script", "link", "img"}.isdisjoint(Page(page).tags)
    text = "<script>alert('x')</script> & \"fire\" قصف"
    hostile = Page(to_html([made(text, [0.1] * len(word_spans(text)))], title="<i>&"))
    assert {"script", "i", "b"}.isdisjoint(hostile.tags)
    assert text in "".join(hostile.texts)


def test_a_word_is_marked_by_its_sign_and_share() -> None:
    explanation = made("fire in town", [2.0, -1.0, 0.01]).explanation
    assert marked(explanation, "alarm") == (
        '<span class="adds" style="--w:1.00" title="+2.00">fire</span> '
        '<span class="takes" style="--w:0.50" title="-1.00">in</span> town'
    )
    said = account(explanation, "alarm")
    assert "before calibration +0.00 with nothing read, +2.51 with the text" in said
    assert "all but 1.50" in said


def test_where_there_are_colours_words_have_them_and_no_brackets() -> None:
    explained = made("fire in [town] today", [2.0, -1.0, 0.0, 0.3, 0.0, 0.0])
    text = marked_text(explained, "alarm", coloured=True)
    assert text.plain == "fire in [town] today"
    styles = {text.plain[span.start : span.end]: str(span.style) for span in text.spans}
    assert "on #5b9dff" in styles["fire"]
    assert "on #ffd3a1" in styles["in"]
    assert "underline" in styles["town"]
    assert marked_text(explained, "alarm", coloured=False).plain == "[fire]+2.00 [in]-1.00 [town] today"
    shown = Console(file=io.StringIO(), width=80)
    shown.print(text)
    assert shown.file.getvalue() == "fire in [town] today\n"  # type: ignore[attr-defined]


def test_half_a_character_is_read_as_a_question_mark_and_can_be_written(model: Labeller) -> None:
    passages = [Passage("a", 0, f"{WORDS['fight']} \ud800")]
    (explained,) = explain_passages(model, passages)
    assert explained.passage.text.endswith(" ?")
    to_html([explained], title="page").encode("utf-8")
    json.dumps(explained.to_json(), ensure_ascii=False).encode("utf-8")


def test_a_paragraph_without_a_label_is_explained_for_the_one_it_comes_nearest_to(model: Labeller) -> None:
    passages = [Passage("a", 0, "rain fell on the market all week")]
    assert list(explain_passages(model, passages)) == []
    (explained,) = explain_passages(model, passages, every=True)
    assert explained.labels == (max(explained.passage.scores, key=explained.passage.scores.__getitem__),)
