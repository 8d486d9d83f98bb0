"""The model card: what `textclf.json` knows of a model, in plain words, as the README.md of its folder."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from textclf.markdown import code, escaped, plain, table
from textclf.model_metadata import OVERALL, base_models, front_matter, intervals_of, loads_in_transformers

PER_LABEL = {"precision": "precision", "recall": "recall", "f1": "F1", "ap": "average precision"}


def write_model_card(card: Mapping[str, Any], *, name: str) -> str:
    """Return the README.md of a bundle: the hub's metadata, then what it labels, how well, how to use it, its limits.

    Args:
        card: What `textclf.json` holds, or is to hold.
        name: The model's name.
    """
    card = json.loads(json.dumps(card))  # as it is read back: no numpy strings, no tuples
    shown = plain(name) or "model"
    lines = [f"# {escaped(shown)}", "", *_begin(card), "", "## What it labels", "", *_labels(card)]
    for title, part in (
        ("How good it is", _scores(card)),
        ("Thresholds and calibration", _decisions(card)),
        ("How to use it", _use(card, shown)),
        ("What it was trained on", _training(card)),
        ("Limits", _limits(card)),
        ("How it was made", _making(card)),
    ):
        lines += ["", f"## {title}", "", *part]
    return front_matter(card, name=shown) + "\n" + "\n".join(lines) + "\n"


def _begin(card: Mapping[str, Any]) -> Iterator[str]:
    encoders = ", ".join(map(escaped, base_models(card)))
    made = f", made from {encoders}" if encoders else ""
    yield (
        f"A model of kind `{plain(card['kind'])}`{made}, that labels paragraphs of news articles by what they report. "
        f"It was made with textclf {plain(card['textclf_version'])}, which wrote this page from `textclf.json`."
    )


def _labels(card: Mapping[str, Any]) -> Iterator[str]:
    yield "A paragraph may carry none of these labels, one or several. It carries a label when it reports:"
    yield ""
    rows = [[escaped(label["name"]), escaped(label.get("definition") or "–")] for label in card["labels"]]
    yield from table(["label", "definition"], rows)


def _scores(card: Mapping[str, Any]) -> Iterator[str]:
    evaluations = card.get("evaluations", ())
    if evaluations:
        yield (
            "Scores on articles held out of training. In brackets are intervals from resampling the articles; they say "
            "how far scores would move on other articles of the same kind, and nothing of text of another kind."
        )
    else:
        yield (
            "It has not been scored on held-out articles, or the scores were not kept. `textclf evaluate MODEL DATA "
            "--save-scores` puts them here."
        )
    for scores in evaluations:
        yield from ("", f"### On {escaped(scores['data'])}", "")
        yield (
            f"{scores['n_articles']} articles, {scores['n_paragraphs']} paragraphs; scored on "
            f"{plain(scores['date'])[:10]}; SHA-256 `{plain(scores['sha256'])}`."
        )
        yield from ("", *_tables(card, scores))
    if "validation_scores" in card:
        scores = card["validation_scores"]
        yield from ("", f"### On the {escaped(scores.get('fitted_on', 'validation articles'))}: these flatter", "")
        yield (
            f"Thresholds and calibration were fitted on these {scores['n_articles']} articles "
            f"({scores['n_paragraphs']} paragraphs), so the scores are higher than on others."
        )
        if card.get("adaptations"):
            yield "They are of the model as it was trained, before it was adapted or its thresholds were changed."
        if card.get("export"):
            yield "They are of the model that this one was exported from."
        yield from ("", *_tables(card, scores))


def _tables(card: Mapping[str, Any], scores: Mapping[str, Any]) -> Iterator[str]:
    confidence = scores.get("intervals", {}).get("confidence")
    percent = f" [{confidence:.0%} interval]" if confidence else ""
    rows = [[shown, _score(scores, key)] for key, (_, shown, _) in OVERALL.items() if key in scores]
    yield from table(["over all labels", f"score{percent}:"], rows)
    yield ""
    per_label = scores["per_label"]
    rows = []
    for label in card["labels"]:
        if (found := per_label.get(label["name"])) is not None:
            cells = [_score(scores, key, label=label["name"]) for key in PER_LABEL]
            rows.append([escaped(label["name"]), *cells, str(found.get("support", "–"))])
    yield from table(["label", *(f"{shown}:" for shown in PER_LABEL.values()), "paragraphs with it:"], rows)
    left_out = [label["name"] for label in card["labels"] if label["name"] not in per_label]
    if left_out:
        yield from ("", f"Not scored here: {', '.join(map(escaped, left_out))}.")
    for note in scores.get("notes", ()):
        yield from ("", f"Note: {escaped(note)}.")


def _score(scores: Mapping[str, Any], key: str, *, label: str | None = None) -> str:
    value = (scores if label is None else scores["per_label"][label]).get(key)
    if value is None:
        return "–"
    low, high = intervals_of(scores, key, label=label)
    return f"{value:.3f}" if low is None or high is None else f"{value:.3f} [{low:.3f}, {high:.3f}]"


def _decisions(card: Mapping[str, Any]) -> Iterator[str]:
    yield (
        "A paragraph carries a label when its calibrated probability reaches the label's threshold. textclf applies "
        "both by itself; whoever reads the probabilities elsewhere has to compare them with these."
    )
    yield ""
    maps, fits, rows = card["calibration"]["labels"], card.get("threshold_fit", {}), []
    for label in card["labels"]:
        name = label["name"]
        threshold, fit = card["thresholds"][name], fits.get(name, {})
        goal = " ".join(str(fit[key]) for key in ("objective", "value") if key in fit)
        rows.append(
            [
                escaped(name),
                f"{threshold:.3f}" if threshold <= 1 else "never given",
                escaped(goal or "–"),
                escaped(maps.get(name, {}).get("method", "none")),
                escaped(fit.get("reason") or ""),
            ]
        )
    yield from table(["label", "threshold:", "fitted for", "calibration", "doubt"], rows)
    if card["calibration"]["in_weights"]:
        yield from ("", "Calibration is in the weights: the scores of plain transformers are calibrated too.")


def _use(card: Mapping[str, Any], name: str) -> Iterator[str]:
    flat, place = card.get("layout") == "flat", repr(f"./{name}")
    yield "With textclf, from a local folder (from a hub: `hf download USER/NAME --local-dir DIR` first):"
    yield ""
    yield from code(
        f"import textclf\n\nmodel = textclf.load({place})\n"
        'model.predict(["Shells fell on the market quarter for a third day."])\n'
        'for p in model.label(textclf.read_article("article.txt")):\n    print(p.labels, p.scores, p.text)',
        language="python",
    )
    if not loads_in_transformers(card):
        yield from ("", "Its files are of textclf's own layout; plain transformers does not load them.")
        return
    folder = place if flat else repr(f"./{name}/model")
    yield from ("", "In plain transformers, without textclf:", "")
    yield from code(
        "from transformers import pipeline\n\n"
        f'classify = pipeline("text-classification", model={folder}, top_k=None, function_to_apply="sigmoid")\n'
        'classify("Shells fell on the market quarter for a third day.", truncation=True)',
        language="python",
    )
    yield ""
    yield (
        "`top_k=None` gives every label and not the likeliest alone; the function is the sigmoid, for labels do not "
        "exclude each other. Compare each score with the threshold above: 0.5 is not it. A text longer than the model "
        "reads at a time is cut; textclf reads it in windows."
    )
    if not card["calibration"]["in_weights"]:
        yield "Calibration is not in the weights, so the thresholds do not hold for these scores; in textclf they do."
    if _context(card) != "none":
        yield (
            f"The model was trained to read a context beside the paragraph ({plain(_context(card))}); in transformers "
            f"give it as the second text of a pair."
        )


def _training(card: Mapping[str, Any]) -> Iterator[str]:
    data = card.get("data", {})
    if not data:
        yield "Nothing is known of that: it was fitted in Python, on texts that were handed to it."
        return
    if card["kind"] == "zero_shot":
        yield "It knows labels by their descriptions; labelled articles fitted only calibration and thresholds."
        yield ""
    corpus, rows = card.get("corpus", {}), []
    for split, use in (("train", "to learn from"), ("validation", "for calibration and thresholds")):
        told = data.get(split, {})
        if told.get("articles"):
            dates = corpus.get(split, {}).get("dates")
            shown = f"{plain(dates[0])} to {plain(dates[1])}" if dates else "–"
            counts = [f"{told[what]:,}" if what in told else "–" for what in ("articles", "paragraphs")]
            digest = f"`{plain(told['sha256'])}`" if "sha256" in told else "–"
            rows.append([use, *counts, shown, digest])
    yield from table(["labelled articles", "articles:", "paragraphs:", "dates", "SHA-256"], rows)
    counted = {split: corpus[split]["labels"] for split in ("train", "validation") if split in corpus}
    if counted:
        yield ""
        titles = {"train": "in training", "validation": "for thresholds"}
        rows = [
            [escaped(label["name"]), *(_share(part.get(label["name"], {})) for part in counted.values())]
            for label in card["labels"]
        ]
        yield from table(["paragraphs with the label, of those known", *(f"{titles[s]}:" for s in counted)], rows)
    for step in card.get("adaptations", ()):
        target = step.get("target") or {}
        on = f" on {target['articles']:,} articles ({target['paragraphs']:,} paragraphs)" if target else ""
        yield from ("", f"Then changed without training, by the method {escaped(step.get('method', 'unknown'))}{on}.")


def _share(counts: Mapping[str, int]) -> str:
    return f"{counts['positives']:,} of {counts['known']:,}" if counts else "–"


def _limits(card: Mapping[str, Any]) -> Iterator[str]:
    languages = card.get("config", {}).get("card", {}).get("language", ())
    spoken = (
        ", ".join(map(escaped, languages)) if languages else "that of its training articles, which nobody has named"
    )
    yield f"- Language: {spoken}. In another language its answers mean nothing."
    yield (
        "- Kind of text: body paragraphs of news articles like those it learnt from. On other outlets, times, "
        "registers and regions it is likely to be worse; label a sample of the text it is for, and evaluate on that."
    )
    yield (
        "- Thresholds and calibration hold where labels are about as frequent as above. Where they are rarer, "
        "precision is lower; `textclf adapt` fits both anew."
    )
    yield (
        "- It tells what a paragraph reports, not whether that is true, nor who did it. It is no ground for a decision "
        "about a person, for targeting, or for an alarm that nobody checks. Read what it found before it is counted or "
        "published."
    )
    never = [name for name, threshold in card["thresholds"].items() if threshold > 1]
    if never:
        yield f"- It never gives {', '.join(map(escaped, never))}."


def _making(card: Mapping[str, Any]) -> Iterator[str]:
    libraries = ", ".join(f"{plain(name)} {plain(version)}" for name, version in card.get("libraries", {}).items())
    yield f"Written by textclf {plain(card['textclf_version'])}, with {escaped(libraries)}."
    yield "When, and how long training took, stands in `textclf.json` under `run`."
    yield ""
    exported = card.get("export")
    if exported:
        model = exported["from"]["model"]
        how = "in 8-bit integers where that keeps the decisions" if exported.get("int8") else "in float"
        yield f"`textclf export` made it from a model of kind `{plain(model['kind'])}`, {how}."
        return
    config = card.get("config", {})
    yield "`textclf train config.yaml` trains it again, where `config.yaml` holds:"
    yield ""
    yield from code(_as_yaml(card, config), language="yaml")


def _as_yaml(card: Mapping[str, Any], config: Mapping[str, Any]) -> str:
    """Return the config as a person would write it: labels with their definitions, nothing that is empty."""
    labels = {label["name"]: label.get("definition", "") for label in card["labels"]}
    kept = {key: config[key] for key in ("data", "model", "thresholds", "evaluation", "card", "seed") if key in config}
    for part in ("data", "thresholds", "card"):  # in a model's options null may mean something
        kept[part] = {key: value for key, value in (kept.get(part) or {}).items() if value not in (None, {}, [])}
    whole = {"labels": labels if any(labels.values()) else list(labels), **{k: v for k, v in kept.items() if v != {}}}
    return str(yaml.safe_dump(whole, sort_keys=False, allow_unicode=True, width=100))


def _context(card: Mapping[str, Any]) -> str:
    return str(card.get("config", {}).get("data", {}).get("context", "none"))
