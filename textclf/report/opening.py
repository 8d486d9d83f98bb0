"""The head of a report: what was trained on what, and how good it is, in words and a few large numbers."""

from __future__ import annotations

import math

from textclf.evaluate import Estimate
from textclf.report.content import Against, ModelFacts, Report
from textclf.report.document import Banner, Block, Numeral, Numerals, Prose
from textclf.report.words import (
    MEANINGS,
    count,
    in_hundred,
    listed,
    number,
    range_in_hundred,
    score_cell,
    sentence,
    signed,
    span,
    tells_apart,
    title_of,
)

LARGE = ("macro_f1", "macro_ap", "exact_match", "false_alarm_rate")
FEW_ARTICLES = 10


def opening(report: Report) -> tuple[Block, ...]:
    """Return the head of a report."""
    blocks: list[Block] = [*_warnings(report), Prose(_in_words(report), lead=True), _numerals(report)]
    if report.against is not None:
        blocks.append(Prose(_beside(report.against)))
    blocks += [Prose(_trained(report)), Prose(_interval_in_words(report))]
    return tuple(blocks)


def _warnings(report: Report) -> list[Banner]:
    e = report.evaluation
    found = []
    if e.seen_articles:
        found.append(
            Banner(
                "red",
                "These scores are not held out",
                f"{_of(len(e.seen_articles), e.n_articles)} in the model's training data: {listed(e.seen_articles)}. A "
                f"model does better on what it has learned from. Do not cite these scores as its quality on new ones.",
            )
        )
    if e.fitted_articles:
        found.append(
            Banner(
                "amber",
                "These scores flatter a little",
                f"{_of(len(e.fitted_articles), e.n_articles)} among those the model's thresholds were fitted on: "
                f"{listed(e.fitted_articles)}. On other articles the thresholds fit less well.",
            )
        )
    if report.notes:
        told = " ".join(sentence(note) for note in report.notes)
        found.append(Banner("amber", "To be said of these scores", told))
    if e.n_articles < FEW_ARTICLES:
        found.append(
            Banner(
                "note",
                "Too few articles for intervals",
                f"With {count(e.n_articles, 'article')} the intervals are too narrow to be trusted.",
            )
        )
    empty = [label for label, n in zip(e.labels, e.support, strict=True) if n == 0]
    if empty:
        found.append(
            Banner(
                "note",
                "Not every label could be scored",
                f"No paragraph here is known to carry {listed(empty)}. There is no score for such a label, and it does "
                f"not enter the averages over the labels.",
            )
        )
    return found


def _of(n: int, all_articles: int) -> str:
    if n == all_articles:
        return "The one article here is" if n == 1 else f"All {n:,} articles here are"
    return f"{n:,} of the {all_articles:,} articles here {'is' if n == 1 else 'are'}"


def _in_words(report: Report) -> str:
    """Return the quality of the model as a newspaper would print it."""
    confidence = float(report.evaluation.settings["confidence"])
    sentences = []
    right, found = report.given_right, report.found
    if math.isnan(right.value):
        sentences.append("The model gave no label to any paragraph that could be checked.")
    else:
        sentences.append(
            f"Of 100 labels the model gives, about {in_hundred(right.value)} are right"
            f"{range_in_hundred(right, confidence=confidence)}."
        )
    if math.isnan(found.value):
        sentences.append("No paragraph here is known to carry a label, so nothing can be said of what it finds.")
    else:
        sentences.append(
            f"Of 100 it should give, it finds about {in_hundred(found.value)}"
            f"{range_in_hundred(found, confidence=confidence)}."
        )
    alarms = report.evaluation.overall.get("false_alarm_rate")
    if alarms is not None and not math.isnan(alarms.value):
        sentences.append(
            f"Of 100 paragraphs that carry no label, about {in_hundred(alarms.value)} are given one all the same"
            f"{range_in_hundred(alarms, confidence=confidence)}."
        )
    return " ".join(sentences)


def _numerals(report: Report) -> Numerals:
    e, against = report.evaluation, report.against
    items = []
    for name in LARGE:
        if name not in e.overall:
            continue
        beside = None
        if against is not None:
            beside = against.model.name, _with_interval(against.evaluation.overall[name])
        items.append(Numeral(title_of(name), score_cell(e.overall[name]), MEANINGS[name], beside))
    return Numerals(tuple(items))


def _with_interval(estimate: Estimate) -> str:
    interval = span(estimate.interval)
    return f"{number(estimate.value)} ({interval})" if interval else number(estimate.value)


def _beside(against: Against) -> str:
    """Return how the model stands to the other one."""
    gain = against.difference.overall["macro_f1"]
    if math.isnan(gain.value):
        return f"Against {against.model.name} no difference in macro-F1 can be told: it is undefined here."
    way = "higher than" if gain.value > 0 else "lower than" if gain.value < 0 else "the same as"
    by = f"{number(abs(gain.value))} {way}" if gain.value else way
    verdict = (
        "the interval leaves out zero, so these articles tell the two models apart"
        if tells_apart(gain)
        else "the interval holds zero, so these articles do not tell the two models apart"
    )
    return (
        f"Its macro-F1 is {by} that of {against.model.name} on the same articles. The difference, "
        f"{signed(gain.value)}, has the interval {span(gain.interval, with_sign=True)}: {verdict}."
    )


def _trained(report: Report) -> str:
    e = report.evaluation
    known = f"{e.n_known:,} of {e.n_paragraphs * len(e.labels):,} answers are known"
    return (
        f"{_training(report.model)} Here it reads {count(e.n_paragraphs, 'paragraph')} of "
        f"{count(e.n_articles, 'article')} ({listed(report.data)}); {report.n_labelled:,} of them carry at least "
        f"one of {count(len(e.labels), 'label')}, {report.n_empty:,} are known to carry none, and {known}."
    )


def _training(model: ModelFacts) -> str:
    kind = f" is of the kind {model.kind}" if model.kind else ""
    train, validation = model.data.get("train"), model.data.get("validation")
    when = f" on {model.created[:10]}" if model.created else ""
    if train is None:
        return f"The card of {model.name} does not say what it was trained on."
    learned = (
        f"The model {model.name}{kind}{' and' if kind else ''} was trained{when} on "
        f"{count(train['paragraphs'], 'paragraph')} of {count(train['articles'], 'article')}."
    )
    if validation and validation["articles"]:
        fitted = f"{count(validation['paragraphs'], 'paragraph')} of {count(validation['articles'], 'other article')}"
        learned += f" Its thresholds were fitted on {fitted}."
    else:
        learned += " Its thresholds were fitted on the same articles, out of fold."
    if model.adaptations:
        learned += " Later its calibration and thresholds were adapted to other text."
    return learned


def _interval_in_words(report: Report) -> str:
    settings = report.evaluation.settings
    return (
        f"An interval tells how far a score moves when other articles of the same kind are drawn: the articles were "
        f"drawn anew, whole and with replacement, {int(settings['resamples']):,} times, and the interval is where "
        f"{float(settings['confidence']):.0%} of the scores then lie. It knows nothing of news of another kind."
    )
