"""Reports: what they hold, that HTML and Markdown say the same, and that no text of the data can do any harm."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from tests.conftest import make_articles
from tests.props import quick
from textclf.calibration import Calibration, LabelMap
from textclf.errors import ConfigError, DataError, ModelError
from textclf.evaluate import Estimate, Evaluation, evaluate, evaluate_against, summarise
from textclf.intervals import Interval
from textclf.labeller import Labeller
from textclf.labels import LabelSet
from textclf.metrics import Scored
from textclf.records import Article, Examples, Paragraph
from textclf.report import Against, Contender, Leaderboard, ModelFacts, Report, build_report, write_report
from textclf.report.html import to_html
from textclf.report.markdown import to_markdown
from textclf.report.sections import compose
from textclf.report.visible import in_markdown, one_line, visible
from textclf.thresholds import NEVER

WRITTEN = datetime(2024, 5, 1, 12, tzinfo=UTC)
VOID = {"meta", "br", "img", "link", "input", "hr"}
HARM = "<script>alert(1)</script>"
TURNED = "\u202egnorw\u202c and \u2066more\u2069 \x07"


class Guesser:
    """Guesses from the text and the name of the label, always the same."""

    def __init__(self, labels: LabelSet, articles: Sequence[Article], noise: float) -> None:
        self.labels, self.noise = labels, noise
        self.truth = {p.text: p.labels for a in articles for p in a.paragraphs}

    def predict_proba(self, texts: Sequence[str]) -> np.ndarray:
        rows = [[self._guess(text, name) for name in self.labels] for text in texts]
        return np.array(rows, dtype=np.float32).reshape(len(texts), len(self.labels))

    def _guess(self, text: str, name: str) -> float:
        chance = sum(ord(c) * (i + 1) for i, c in enumerate(text + name)) % 997 / 997
        right = name in self.truth.get(text, ())
        return float(np.clip((0.75 if right else 0.25) + self.noise * (chance - 0.5), 0.01, 0.99))


def labeller(articles: Sequence[Article], labels: LabelSet, *, noise: float = 1.0, **card: Any) -> Labeller:
    k = len(labels)
    return Labeller(Guesser(labels, articles, noise), Calibration((LabelMap(),) * k), np.full(k, 0.5), card=card)


def report_of(
    articles: Sequence[Article], labels: LabelSet, *, changes: dict[str, Any] | None = None, **more: Any
) -> Report:
    model = labeller(articles, labels)
    evaluation = replace(evaluate(model, articles, resamples=100), **(changes or {}))
    assert evaluation.scored is not None
    given = {"name": "runs/guesser", "data": ["data/test.jsonl"], "written": WRITTEN, **more}
    return build_report(model, articles, evaluation, evaluation.scored, **given)


class Page(HTMLParser):
    """A page taken apart: its elements, its text without drawings, its headings; every tag must be closed."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.headings: list[int] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not {"svg", "style", "title"} & set(self.open):
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="module")
def labels() -> LabelSet:
    return LabelSet.of({"fight": "armed force", "talk": "parties at a table", "move": ""})


@pytest.fixture(scope="module")
def full(labels: LabelSet) -> Report:
    """A report with every section."""
    articles = make_articles(30)
    model, other = labeller(articles, labels), labeller(articles, labels, noise=1.3)
    evaluation, theirs, difference = evaluate_against(model, other, articles, resamples=100)
    assert evaluation.scored is not None
    changes = {"seen_articles": ["article-001"], "fitted_articles": ["article-002", "article-003"]}
    board = Leaderboard(
        [
            Contender("runs/guesser", evaluation.overall, difference.overall["macro_f1"], {"training": "8 s"}),
            Contender("runs/other", theirs.overall),
        ],
        "runs/other",
    )
    return build_report(
        model,
        articles,
        replace(evaluation, **changes),
        evaluation.scored,
        name="runs/guesser",
        data=["data/test.jsonl"],
        against=Against(ModelFacts("runs/other"), theirs, difference),
        leaderboard=board,
        slices=slices_of(evaluation),
        explain=Explainer(labels),
        command="textclf evaluate runs/guesser data/test.jsonl --report report.html",
        written=WRITTEN,
    )


@dataclass
class Slice:
    by: str
    value: str
    n_articles: int
    n_paragraphs: int
    scores: dict[str, Estimate]
    difference: Estimate


@dataclass
class Slices:
    slices: list[Slice]
    worst: list[Slice]


def slices_of(evaluation: Evaluation) -> Slices:
    gap = Estimate(-0.2, Interval(-0.3, -0.1))
    slices = [Slice("source", name, 3, 12, evaluation.overall, gap) for name in ("Herald", "Wire", "")]
    return Slices(slices, slices[:1])


@dataclass
class Explanation:
    text: str
    labels: LabelSet
    spans: list[tuple[int, int]]
    weights: np.ndarray
    method: str = "by length of word"


class Explainer:
    """Says that long words speak for a label and short ones against it."""

    def __init__(self, labels: LabelSet) -> None:
        self.labels = labels

    def __call__(self, text: str) -> Explanation:
        spans = [match.span() for match in re.finditer(r"\w+", text)]
        lengths = np.array([end - start - 4.5 for start, end in spans], dtype=float)
        return Explanation(text, self.labels, spans, np.repeat(lengths[:, None], len(self.labels), axis=1))


@pytest.fixture(scope="module")
def page(full: Report) -> Page:
    return Page(to_html(compose(full)))


def numbers(text: str) -> set[str]:
    return set(re.findall(r"[−+]?\d[\d.,]*\d|\d", text))


def plain(markdown: str) -> str:
    return html.unescape(re.sub(r"\\(.)", r"\1", markdown))


def test_the_head_says_how_good_it_is_in_words_and_beside_the_other_model(full: Report, page: Page):
    right = full.given_right
    assert f"Of 100 labels the model gives, about {100 * right.value:.0f} are right (95% interval: " in page.text
    macro = full.evaluation.overall["macro_f1"]
    assert f"{macro.value:.3f}" in page.text
    assert "that of runs/other on the same articles" in page.text
    assert f"of the kind {full.model.kind}" not in page.text  # the card of this model does not say
    assert "The card of runs/guesser does not say what it was trained on." in page.text


def test_articles_the_model_has_met_are_said_in_red_and_amber(page: Page):
    banners = [a["class"] for a in page.all("div") if "banner" in (a.get("class") or "")]
    assert banners == ["banner red", "banner amber"]
    assert "These scores are not held out" in page.text
    assert "1 of the 30 articles here is in the model's training data: article-001." in page.text
    assert "2 of the 30 articles here are among those the model's thresholds were fitted on" in page.text


def test_what_else_must_be_said_is_said_at_the_head(labels: LabelSet):
    report = report_of(make_articles(30), labels, notes=["3 paragraph(s) here are near-copies", "Copies flatter."])
    head = Page(to_html(compose(report))).text.split("Of 100 labels")[0]
    assert "To be said of these scores 3 paragraph(s) here are near-copies. Copies flatter." in head


def test_a_report_on_held_out_articles_has_no_such_banner(labels: LabelSet):
    report = report_of(make_articles(30), labels)
    assert "not held out" not in to_markdown(compose(report))
    assert "flatter" not in to_markdown(compose(report))


def test_every_score_of_every_label_stands_in_the_table_with_its_interval(full: Report, page: Page):
    for scores in full.evaluation.per_label.values():
        for score in scores:
            assert f"{score.value:.3f} {score.interval.low:.3f} to {score.interval.high:.3f}" in page.text


def test_html_and_markdown_hold_the_same_numbers_and_words(full: Report, page: Page):
    markdown = plain(to_markdown(compose(full)))
    assert len(numbers(page.text)) > 200
    assert numbers(page.text) == numbers(markdown)
    for section in compose(full).sections:
        assert f"## {section.title}" in markdown
        assert section.title in page.text


def test_headings_are_in_order_and_sections_can_be_reached(page: Page):
    assert page.headings[0] == 1
    assert page.headings.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(page.headings))
    ids = [a["id"] for _, a in page.elements if a.get("id")]
    assert len(ids) == len(set(ids))
    targets = [(a["href"] or "") for a in page.all("a")]
    assert targets[0] == "#scores"
    assert {target.removeprefix("#") for target in targets} <= set(ids)


def test_every_figure_is_told_in_words(full: Report, page: Page):
    ids = {a["id"] for _, a in page.elements if a.get("id")}
    named = [a for a in page.all("div") if a.get("role") == "img"]
    assert len(named) == 3 * len(full.labels) == len(page.all("figure"))
    for figure in named:
        assert set((figure["aria-labelledby"] or "").split()) <= ids
    assert all(a.get("aria-hidden") == "true" for a in page.all("svg"))  # each stands beside its words
    average = full.evaluation.per_label["ap"][0].value
    assert f"average precision {average:.3f}; at the threshold 0.50 precision is" in page.text


def test_tables_tell_rows_from_columns(page: Page):
    tables = page.all("table")
    assert len(page.all("caption")) == len(tables) > 8
    assert {a.get("scope") for a in page.all("th")} == {"row", "col"}


def test_nothing_is_fetched_and_nothing_runs(full: Report, page: Page):
    for tag, attributes in page.elements:
        assert tag not in {"script", "img", "iframe", "object", "embed", "link", "form", "base", "image"}
        assert not [name for name in attributes if name.startswith("on")]
        for name in ("src", "href", "action", "data", "xlink:href"):
            assert (attributes.get(name) or "#").startswith("#")
    written = to_html(compose(full))
    assert "@import" not in written
    assert "url(" not in written
    assert "default-src 'none'" in written


def test_a_drawing_is_the_same_whenever_it_is_made(full: Report):
    assert to_html(compose(full)) == to_html(compose(full))


@pytest.mark.parametrize("ending", [".html", ".md"])
def test_hostile_texts_are_shown_and_do_nothing(ending: str, tmp_path: Path):
    labels = LabelSet.of({f"fight {HARM}": f"when {HARM}", '"talk" & `more` *so* $x$ {{ 1 }}': "", "حركة": ""})
    articles = [
        Article(
            f"id-{i} {HARM}",
            tuple(
                Paragraph(f"{a} {i} </p><img src=x onerror=alert(1)> {HARM} {TURNED}", (labels[i % 3],)) for a in "xyz"
            ),
            title=f"{HARM} {TURNED}",
            date=HARM,
            source=f"# {HARM}",
        )
        for i in range(12)
    ]
    report = report_of(
        articles, labels, name=HARM, data=[f"{HARM}.jsonl"], explain=Explainer(labels), command=f"textclf '{HARM}'"
    )
    write_report(tmp_path / f"r{ending}", report)
    written = (tmp_path / f"r{ending}").read_text(encoding="utf-8")
    assert not set(written) & set("\u202e\u202c\u2066\u2069\x07")
    assert "⟨U+202E⟩gnorw⟨U+202C⟩" in written
    rendered = written if ending == ".html" else MarkdownIt("gfm-like", {"linkify": False}).render(written)
    taken = Page(rendered)
    assert not {tag for tag, _ in taken.elements} & {"script", "img"}
    assert not [name for _, attributes in taken.elements for name in attributes if name.startswith("on")]
    assert taken.text.count(HARM) > 20
    assert '"talk" & `more` *so* $x$ {{ 1 }}' in taken.text
    assert "<imgsrc=xonerror=alert(1)>" in taken.text.replace(" ", "")  # words may be marked, each by itself


@quick
@given(st.text(st.characters(exclude_categories=[]), max_size=60))
def test_markdown_shows_any_text_letter_by_letter(text: str):
    rendered = Page(MarkdownIt("commonmark").render(in_markdown(text)))
    assert {tag for tag, _ in rendered.elements} <= {"p"}
    assert rendered.text == " ".join(one_line(text).split())
    visible(text).encode("utf-8")


@pytest.mark.parametrize(
    "text", ["- a", "12. a", "3) a", "+", "# a", "> a", "===", "---", "a | b", "<b>", "&lt;", "\\*"]
)
def test_markdown_shows_what_looks_like_markup(text: str):
    rendered = Page(MarkdownIt("commonmark").render(in_markdown(text)))
    assert {tag for tag, _ in rendered.elements} == {"p"}
    assert rendered.text == text


def test_five_thousand_paragraphs_and_sixty_labels_stay_under_three_megabytes():
    labels = LabelSet.of([f"label {'of a very long name ' * 6}{i}" if i % 2 else f"l{i}" for i in range(60)])
    rng = np.random.default_rng(0)
    targets = (rng.random((5_000, 60)) < 0.08).astype(np.float32)
    probabilities = np.clip(0.4 * targets + 0.6 * rng.random((5_000, 60)), 0, 1).astype(np.float32)
    names = labels.decode(targets == 1)
    articles = [
        Article(f"a{i}", tuple(Paragraph(f"{row} " + "word " * 60, names[row]) for row in range(10 * i, 10 * i + 10)))
        for i in range(500)
    ]
    model = labeller(articles, labels)
    scored = Scored(targets, probabilities, probabilities >= 0.5)
    examples = Examples.of(articles, labels)
    evaluation = summarise(model, examples, scored, resamples=2, confidence=0.95, seed=0)
    report = build_report(model, articles, evaluation, scored, name="m", data=["d"], written=WRITTEN)
    written = to_html(compose(report))
    assert len(written.encode()) < 3_000_000
    page = Page(written)
    assert "The 12 most frequent labels are shown" in page.text
    assert len(page.all("figure")) == 180


@pytest.mark.parametrize(
    ("articles", "names", "said"),
    [
        ([Article("a", (Paragraph("x"),))], ["fight"], "no paragraph carries it"),
        ([Article("a", (Paragraph("x", ("fight",)), Paragraph("y")))], ["fight"], "There is one label"),
        ([Article("a", (Paragraph("x", (), ("fight", "talk")),))], ["fight", "talk"], "nothing is known of it here"),
        (
            [Article(f"a{i}", (Paragraph(f"x {i}"),)) for i in range(12)],
            ["fight", "talk"],
            "No label has a known positive",
        ),
    ],
    ids=["no positive", "one label", "all unknown", "many without"],
)
def test_little_data_makes_a_report_that_says_what_it_cannot(articles: list[Article], names: list[str], said: str):
    document = compose(report_of(articles, LabelSet.of(names)))
    page = Page(to_html(document))
    assert said in page.text
    assert numbers(page.text) == numbers(plain(to_markdown(document)))
    assert "nan" not in page.text.lower().split()
    if len(articles) < 10:
        assert "Too few articles for intervals" in page.text


def test_a_label_that_is_never_given_has_no_upright_line_and_a_reason(labels: LabelSet):
    articles = make_articles(12)
    model = labeller(articles, labels)
    model = replace(model, thresholds=np.array([NEVER, 0.5, 0.5]))
    evaluation = evaluate(model, articles, resamples=100)
    assert evaluation.scored is not None
    report = build_report(model, articles, evaluation, evaluation.scored, name="m", data=["d"])
    text = Page(to_html(compose(report))).text
    assert "the model never gave it" in text
    assert "the model never gives it" in text
    assert "never given" in text


def test_words_that_drove_a_decision_are_marked_named_and_explained(full: Report, page: Page):
    marks = [a["class"] or "" for a in page.all("mark")]
    assert {"for", "against"} == {name.split()[0] for name in marks}
    assert "Words are underlined by how much they drove the decision (method: by length of word)" in page.text
    assert "spoke for it: " in page.text
    mistake = full.mistakes.misses[0]
    assert "".join(piece.text for piece in mistake.marked.pieces) == mistake.article.paragraphs[mistake.paragraph].text


def test_an_explainer_that_cannot_is_said_and_the_report_is_made(labels: LabelSet):
    def explain(text: str) -> Explanation:
        raise ModelError("this kind cannot explain")

    report = report_of(make_articles(20), labels, explain=explain)
    assert report.mistakes.misses
    assert "are not marked: this kind cannot explain" in to_markdown(compose(report))


def test_the_report_can_be_made_again_and_tells_what_it_was_made_of(full: Report, page: Page, labels: LabelSet):
    assert full.command in page.text
    assert full.fingerprint.sha256 in page.text
    assert re.fullmatch("[0-9a-f]{64}", full.fingerprint.sha256)
    other = report_of([*make_articles(29), *make_articles(31)[30:]], labels)
    assert other.fingerprint.sha256 != full.fingerprint.sha256
    assert "1 May 2024" in page.text


def test_the_worst_parts_are_named_and_each_way_of_parting_has_a_table(full: Report, page: Page):
    macro = full.evaluation.overall["macro_f1"].value
    assert f"Clearly below the rest, the surest first: source Herald (macro-F1 {macro:.3f}, 12 paragraphs" in page.text
    assert f"Macro-F1 by source; the upright line is the score of all articles, {macro:.3f}" in page.text
    assert "−0.200 −0.300 to −0.100 *" in page.text
    assert "not said" in page.text  # articles without a source


def test_scores_that_are_no_shares_have_no_strip_and_other_scores_are_to_be_looked_up(labels: LabelSet):
    depth = Estimate(1.7, Interval(1.5, 1.9))
    plain_report = report_of(make_articles(20), labels)
    e = plain_report.evaluation
    evaluation = replace(
        e, overall={**e.overall, "coverage_error": depth}, per_label={**e.per_label, "brier": e.per_label["f1"]}
    )
    document = compose(replace(plain_report, evaluation=evaluation))
    assert "| coverage error | 1.700 (1.500 to 1.900) |" in to_markdown(document)
    section = next(each for each in document.sections if each.anchor == "labels")
    cells = [row for block in section.blocks for row in getattr(block, "rows", ()) if row[0].text == "coverage error"]
    assert [cell.strip for cell in cells[0]] == [None, None]
    assert "More scores of each label" in Page(to_html(document)).text


def test_the_head_says_what_was_trained_on_what(labels: LabelSet):
    articles = make_articles(12)
    card = {
        "kind": "tfidf",
        "created": "2024-04-30T10:00:00+00:00",
        "textclf_version": "0.1.0",
        "data": {"train": {"articles": 1_482, "paragraphs": 13_223, "sha256": "ab" * 32, "article_ids": []}},
        "config": {"model": {"kind": "tfidf"}},
        "adaptations": [{"target": {}}],
    }
    model = labeller(articles, labels, **card)
    evaluation = evaluate(model, articles, resamples=100)
    assert evaluation.scored is not None
    report = build_report(model, articles, evaluation, evaluation.scored, name="runs/a", data=["d"])
    text = Page(to_html(compose(report))).text
    assert "The model runs/a is of the kind tfidf and was trained on 2024-04-30 on 13,223 paragraphs of 1,482" in text
    assert "fitted on the same articles, out of fold. Later its calibration and thresholds were adapted" in text
    assert "ab" * 32 in text
    assert "trained with textclf 0.1.0" in text
    assert "model: kind: tfidf" in text


def test_scores_of_other_articles_are_refused(labels: LabelSet):
    articles = make_articles(12)
    model = labeller(articles, labels)
    evaluation = evaluate(model, articles, resamples=100)
    assert evaluation.scored is not None
    with pytest.raises(DataError, match="paragraphs were scored, but the articles have"):
        build_report(model, articles[:5], evaluation, evaluation.scored, name="m", data=["d"])


def test_another_ending_is_refused(full: Report, tmp_path: Path):
    with pytest.raises(ConfigError, match=r"written as \.html or \.md, not 'r\.pdf'"):
        write_report(tmp_path / "r.pdf", full)
    assert list(tmp_path.iterdir()) == []


def theme(css: str, name: str) -> dict[str, str]:
    light = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", css.split("@media")[0]))
    dark = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", css.split("@media")[1]))
    return light if name == "light" else {**light, **dark}


def contrast(one: str, other: str) -> float:
    def luminance(colour: str) -> float:
        channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted([luminance(one), luminance(other)])
    return (high + 0.05) / (low + 0.05)


TEXT_ON = [
    ("ink", ("paper", "note-paper", "red-paper", "amber-paper", "for-paper", "against-paper")),
    ("ink", ("heat-1", "heat-2", "heat-3", "heat-4", "heat-5")),
    ("muted", ("paper", "note-paper")),
    ("accent", ("paper",)),
    ("red", ("red-paper",)),
    ("amber", ("amber-paper",)),
]
DRAWN_ON = [
    ("accent", "paper"),
    ("second", "paper"),
    ("faint", "paper"),
    ("accent", "for-paper"),
    ("second", "against-paper"),
]


@pytest.mark.parametrize("name", ["light", "dark"])
def test_colours_can_be_told_apart_in_both_themes(name: str):
    css = (Path(__file__).parent.parent / "textclf/report/templates/report.css").read_text(encoding="utf-8")
    colours = theme(css, name)
    for text, papers in TEXT_ON:
        for paper in papers:
            assert contrast(colours[text], colours[paper]) >= 4.5, (text, paper)
    for line, paper in DRAWN_ON:
        assert contrast(colours[line], colours[paper]) >= 3, (line, paper)
    used = set(re.findall(r"var\(--([\w-]+)\)", css))
    assert used - {"serif", "sans", "mono"} <= set(colours)
