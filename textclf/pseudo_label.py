"""Self-training: a model labels articles nobody has labelled, where it is sure, for a next model to be trained on.

A label is yes or no where the model is sure enough of it, and unknown elsewhere. How sure is enough is either a
probability, or fitted label by label so that so many of the answers were right on the held-out articles.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby, islice
from pathlib import Path
from typing import Any

import numpy as np

from textclf.article_ids import ids_in
from textclf.articles import stream_passages
from textclf.bundle import MANIFEST, load_bundle
from textclf.calibration import log_odds
from textclf.cut_offs import CutOffs, by_confidence, cut_offs_at
from textclf.errors import BundleError, ConfigError, DataError, TextclfWarning
from textclf.files import check_writable, sha256_of, written_aside
from textclf.labeller import STREAM_WINDOW, Labeller, readable
from textclf.locks import held
from textclf.progress import log_skipped, track
from textclf.records import MAX_CHARACTERS, Article, Paragraph, Passage
from textclf.thresholds import NEVER

PRECISION = 0.95
SCORES = ("yes_scores", "no_scores", "lowest_yes", "highest_no")  # of a label, in a card's `shares`


@dataclass
class PseudoLabelling:
    """What a run did.

    Attributes:
        path: The labelled file.
        cut_offs: Label to where it is sure.
        yes: Label to paragraphs that carry it.
        no: Label to paragraphs that do not.
        n_articles: Articles written.
        n_paragraphs: Paragraphs written.
        left_out: Ids of training articles met, which have labels already.
        skipped: Files of a folder that were of no known kind.
    """

    path: Path
    cut_offs: dict[str, CutOffs]
    yes: dict[str, int]
    no: dict[str, int]
    n_articles: int = 0
    n_paragraphs: int = 0
    left_out: set[str] = field(default_factory=set)
    skipped: list[Path] = field(default_factory=list)


def pseudo_label(
    source: str | Path,
    inputs: Sequence[str | Path],
    *,
    out: str | Path,
    precision: float | None = None,
    confidence: float | None = None,
) -> PseudoLabelling:
    """Label unlabelled articles where a model is sure, and write them as labelled JSON Lines.

    Args:
        source: The model's bundle.
        inputs: Files, folders or ``"-"``, as `textclf.predict.predict_files` takes them.
        out: A `.jsonl` file, whole when this returns and absent when it raises.
        precision: The share of answers that were right on the articles the model's thresholds were fitted on; 0.95
            unless a confidence is given.
        confidence: In place of it, the least probability of a yes; of a no it is the least of its contrary.

    Raises:
        ConfigError: When both are given, one is not within 0.5 and 1, or `out` does not end in .jsonl.
        DataError: When the input holds articles of the model's validation or test, an article in two places, or no
            paragraph to label.
        BundleError: When `source` is no model, or does not tell what is needed.
        WriteError: When the output cannot be written.
        LockedError: When another process labels into the same file.
    """
    path = Path(out)
    check_request(path, precision=precision, confidence=confidence)
    model = load_bundle(source)
    refuse_held_out(model, inputs)
    if confidence is not None:
        certain = [by_confidence(confidence)] * len(model.labels)
    else:
        certain = fit_cut_offs(model, PRECISION if precision is None else precision)
    never = [threshold == NEVER for threshold in model.thresholds]
    nowhere = CutOffs(np.inf, -np.inf)
    cut_offs = dict(zip(model.labels, (nowhere if n else c for n, c in zip(never, certain, strict=True)), strict=True))
    warn_of_unsure(cut_offs)
    check_writable(path)
    by = {"sha256": sha256_of(Path(source) / MANIFEST), "kind": model.card.get("kind")}
    by |= {"precision": precision or PRECISION} if confidence is None else {"confidence": confidence}
    found = PseudoLabelling(path, cut_offs, dict.fromkeys(model.labels, 0), dict.fromkeys(model.labels, 0))
    passages = stream_passages(inputs, exclude=path, on_skip=found.skipped.append)
    with (
        held(path, what="labelling"),
        written_aside(path) as aside,
        aside.open("w", encoding="utf-8", newline="\n") as file,
    ):
        for article in label_articles(model, track(passages, what="labelling", unit=" paragraphs"), found, by):
            file.write(json.dumps(article.to_json(), ensure_ascii=False) + "\n")
        if not found.n_paragraphs:
            known = " that the model was not trained on" if found.left_out else ""
            raise DataError(f"there is no paragraph in the input{known}; nothing was written")
    log_skipped(found.skipped, why="not a kind of file that is read")
    if found.left_out:
        warnings.warn(
            f"{len(found.left_out)} article(s) are ones the model was trained on "
            f"({', '.join(sorted(found.left_out)[:5])}{' ...' if len(found.left_out) > 5 else ''}); they have labels "
            f"already and were left out",
            TextclfWarning,
            stacklevel=2,
        )
    return found


def check_request(out: Path, *, precision: float | None, confidence: float | None) -> None:
    """Make sure that what is asked for can be done.

    Raises:
        ConfigError: When it cannot.
    """
    if precision is not None and confidence is not None:
        raise ConfigError("give a precision or a confidence, not both")
    for name, value in (("precision", precision), ("confidence", confidence)):
        if value is not None and not 0.5 < value < 1:
            raise ConfigError(f"{name} must be above 0.5 and below 1, not {value:g}")
    if out.suffix.lower() != ".jsonl":
        raise ConfigError(f"--out {out}: labelled articles are written as JSON Lines; let it end in .jsonl")


def fit_cut_offs(model: Labeller, precision: float) -> list[CutOffs]:
    """Return each label's cut-offs, by how its held-out paragraphs were scored, as the model's card tells it.

    Raises:
        BundleError: When the card does not tell.
    """
    shares = model.card.get("shares", {})
    found = []
    for name in model.labels:
        try:
            told = {key: np.array(shares[name][key], dtype=np.float64) for key in SCORES}
            positives, known = int(shares[name]["positives"]), int(shares[name]["known"])
        except (KeyError, TypeError, ValueError) as fault:
            raise BundleError(
                f"the model at {model.path} does not tell how its held-out paragraphs were scored "
                f"({type(fault).__name__}: {fault}): it was trained by an older textclf, or adapted. Train it again, "
                f"or give a confidence"
            ) from fault
        found.append(
            cut_offs_at(
                precision,
                yes_scores=told["yes_scores"],
                no_scores=told["no_scores"],
                lowest_yes=told["lowest_yes"],
                highest_no=told["highest_no"],
                positives=positives,
                negatives=known - positives,
            )
        )
    return found


def refuse_held_out(model: Labeller, inputs: Iterable[str | Path]) -> None:
    """Refuse inputs that are, or hold, files of the model's validation or test articles, as its card names them.

    Raises:
        DataError: Naming the file.
    """
    data = model.card.get("config", {}).get("data", {})
    given = [(item, Path(item).resolve()) for item in inputs if str(item) != "-"]
    for split in ("validation", "test"):
        for file in data.get(split) or ():
            for item, place in given:
                if Path(file).resolve().is_relative_to(place) and Path(file).exists():
                    raise DataError(
                        f"{item} is, or holds, {file}, which the model at {model.path} has for its {split} articles; a "
                        f"model trained on them could no longer be scored on them. Give other articles"
                    )


def warn_of_unsure(cut_offs: dict[str, CutOffs]) -> None:
    """Warn of labels that will never be yes, or never no."""
    for name, cut in cut_offs.items():
        missing = [word for word, there in (("yes", cut.yes < np.inf), ("no", cut.no > -np.inf)) if not there]
        if missing:
            warnings.warn(
                f"label {name!r} is never {' and never '.join(missing)} here: the model's held-out articles do not "
                f"vouch for such answers, or its training had none",
                TextclfWarning,
                stacklevel=3,
            )


def label_articles(
    model: Labeller, passages: Iterable[Passage], found: PseudoLabelling, by: dict[str, Any]
) -> Iterator[Article]:
    """Yield the articles of passages with their labels, a window at a time; what is done is counted in `found`.

    Raises:
        DataError: When an article is one the model's thresholds were fitted on, or stands in two places.
    """
    seen = set[str]()
    annotated = tuple(name for name, cut in found.cut_offs.items() if cut.decides)
    labelled = _labelled(model, _fresh(model, passages, found), found.cut_offs)
    for article_id, run in groupby(labelled, key=lambda pair: pair[0].article_id):
        if article_id in seen:
            raise DataError(
                f"article {article_id} stands in two places of the input; put its paragraphs together, or give each "
                f"article an id of its own"
            )
        seen.add(article_id)
        pairs = list(run)
        paragraphs = tuple(paragraph for _, paragraph in pairs)
        found.n_articles += 1
        found.n_paragraphs += len(paragraphs)
        for paragraph in paragraphs:
            for name in annotated:
                found.yes[name] += name in paragraph.labels
                found.no[name] += name not in paragraph.labels and name not in paragraph.uncertain
        extra = {"pseudo_labelled_by": by}
        title = readable(pairs[0][0].title)
        yield Article(readable(article_id), paragraphs, title, annotated=annotated, extra=extra)


def _fresh(model: Labeller, passages: Iterable[Passage], found: PseudoLabelling) -> Iterator[Passage]:
    """Yield the passages with text in them that are of no article the model knows."""
    data = model.card.get("data", {})
    trained, fitted = (ids_in(data.get(split, {})) for split in ("train", "validation"))
    for passage in passages:
        if passage.article_id in fitted:
            raise DataError(
                f"article {passage.article_id} is one the model's thresholds were fitted on; a model trained on it "
                f"could no longer be scored on it. Give other articles"
            )
        if passage.article_id in trained:
            found.left_out.add(passage.article_id)
        elif len(passage.text) > MAX_CHARACTERS:
            warnings.warn(
                f"paragraph {passage.paragraph} of {passage.article_id} has {len(passage.text):,} characters, more "
                f"than {MAX_CHARACTERS:,}; it is left out",
                TextclfWarning,
                stacklevel=2,
            )
        elif passage.text.strip():
            yield passage


def _labelled(
    model: Labeller, passages: Iterator[Passage], cut_offs: dict[str, CutOffs]
) -> Iterator[tuple[Passage, Paragraph]]:
    """Yield each passage with its paragraph: labels where the model is sure, unknown elsewhere."""
    names = [name for name, cut in cut_offs.items() if cut.decides]
    columns = [model.labels.names.index(name) for name in names]
    yes = np.array([cut_offs[name].yes for name in names])
    no = np.array([cut_offs[name].no for name in names])
    while window := list(islice(passages, STREAM_WINDOW)):
        contexts = None if model.context == "none" else [passage.context(model.context) for passage in window]
        scores = log_odds(model.predict_proba([passage.text for passage in window], contexts))[:, columns]
        for passage, row in zip(window, scores, strict=True):
            carried = tuple(name for name, above in zip(names, row > yes, strict=True) if above)
            unsure = tuple(name for name, within in zip(names, (row <= yes) & (row >= no), strict=True) if within)
            yield passage, Paragraph(readable(passage.text), carried, unsure)
