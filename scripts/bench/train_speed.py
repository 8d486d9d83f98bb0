"""Training samples per second, side by side with the Hugging Face Trainer, on the same texts and cores in one run.

    python scripts/bench/train_speed.py [--data FILE] [--sentences] [--texts N] [--epochs N] [--validation FILE]
        [--threads N] [--plot FILE.svg] [--json FILE]

The Trainer runs as `run_classification.py` sets it up (padded to the maximum length), with dynamic padding, and with
batches grouped by length; ours without padding. All begin from the same MiniLM with the same head and see the same
texts as often. With --validation each is scored after training: macro-F1 at one threshold for all labels and macro-AP.
Prints Markdown, the measured float32 and bf16 matrix rates of the same cores, and what share of the bf16 rate the
useful work of each contestant is.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from textclf.articles.sentences import split_units
from textclf.datasets import check_labelled
from textclf.labels import LabelSet
from textclf.metrics import Scored, macro_ap, macro_f1
from textclf.models.finetuned import Finetuned, FinetunedOptions
from textclf.models.training import use_bf16
from textclf.models.windows import tokenize
from textclf.records import Article, Examples
from textclf.thresholds import best_common_threshold, decide

ROOT = Path(__file__).parent.parent.parent
MAX_LENGTH, BATCH, RATE = 128, 16, 2e-4


def read(path: Path, labels: LabelSet | None) -> tuple[list[Article], LabelSet]:
    """Read labelled articles; without a label set it is what the file uses."""
    if labels is None:
        records = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        labels = LabelSet.of(sorted({name for r in records for p in r["paragraphs"] for name in p["labels"]}))
    return list(check_labelled(path, labels).articles), labels


def examples_of(articles: list[Article], labels: LabelSet, *, sentences: bool) -> Examples:
    """Return paragraphs, or the sentences of paragraphs with their paragraph's targets: for speed alone."""
    whole = Examples.of(articles, labels)
    if not sentences:
        return whole
    units = list(split_units((p for article in articles for p in article.passages()), unit="sentence"))
    row_of = {(a.article_id, n): None for a in articles for n in range(len(a.paragraphs))}
    rows = {key: row for row, key in enumerate(row_of)}
    chosen = [rows[(unit.article_id, unit.paragraph)] for unit in units]
    return Examples([u.text for u in units], whole.targets[chosen], whole.groups[chosen], whole.article_ids)


def new_model(labels: LabelSet, **options: Any) -> Finetuned:
    """Return MiniLM with a new head, as every contestant begins."""
    plain = {"join_neighbours": 0.0, "strip_punctuation": 0.0, "align_first_token": False, "batch_size": BATCH}
    settings = {**plain, "max_length": MAX_LENGTH, "learning_rate": RATE, "patience": 99, **options}
    return Finetuned(labels, FinetunedOptions.model_validate(settings), seed=13)


def ours(data: Examples, labels: LabelSet, epochs: int, **options: Any) -> tuple[float, list[float], Finetuned]:
    """Train with our loop; return seconds, the loss of each batch and the model."""
    from textclf.models import training

    model = new_model(labels, epochs=epochs, **options)
    model._open_encoder()  # so that reading weights is not timed, as it is not for the others
    losses: list[float] = []
    run = training.Training(model, data.texts, data.targets, contexts=None, validation=None)
    end = run._end_epoch
    run._end_epoch = lambda: (losses.extend(run.progress.losses), end())[1]  # type: ignore[method-assign]
    started = time.perf_counter()
    with torch.random.fork_rng():
        run.run()
    return time.perf_counter() - started, losses, model


def trainer(data: Examples, labels: LabelSet, epochs: int, *, padding: str) -> tuple[float, list[float], Finetuned]:
    """Train with the Hugging Face Trainer; return seconds, the loss of each batch and the model."""
    from transformers import DataCollatorWithPadding, Trainer, TrainingArguments
    from transformers.utils import logging

    logging.set_verbosity_error()
    model = new_model(labels)
    model._open_encoder()
    encoded = model.tokenizer(
        data.texts, truncation=True, max_length=MAX_LENGTH, padding="max_length" if padding == "longest" else False
    )
    rows = [
        {**{name: values[i] for name, values in encoded.items()}, "labels": data.targets[i].tolist()}
        for i in range(len(data))
    ]
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            folder,
            per_device_train_batch_size=BATCH,
            num_train_epochs=epochs,
            learning_rate=RATE,
            warmup_steps=0.1,
            weight_decay=0.01,
            logging_steps=1,
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
            seed=13,
            train_sampling_strategy="group_by_length" if padding == "grouped" else "random",
        )
        run = Trainer(
            model.model, arguments, train_dataset=rows, data_collator=DataCollatorWithPadding(model.tokenizer)
        )
        run.log = lambda logs, *rest, **more: run.state.log_history.append(logs)  # type: ignore[method-assign]
        started = time.perf_counter()
        run.train()
        seconds = time.perf_counter() - started
    model.model.eval()
    return seconds, [entry["loss"] for entry in run.state.log_history if "loss" in entry], model


CONTESTANTS: dict[str, Callable[..., tuple[float, list[float], Finetuned]]] = {
    "Trainer, padded to 128": lambda *a: trainer(*a, padding="longest"),
    "Trainer, dynamic padding": lambda *a: trainer(*a, padding="dynamic"),
    "Trainer, grouped by length": lambda *a: trainer(*a, padding="grouped"),
    "ours, float32, 16 a step": lambda *a: ours(*a, precision="float32"),
    "ours, bf16, 16 a step": lambda *a: ours(*a, precision="bf16"),
    "ours, bf16, 2,048 tokens a step": lambda *a: ours(
        *a, precision="bf16", batch_tokens=2_048, learning_rate=2 * RATE
    ),
    "ours, the same, embeddings frozen": lambda *a: ours(
        *a, precision="bf16", batch_tokens=2_048, learning_rate=2 * RATE, freeze_embeddings=True
    ),
}


def matrix_rate(dtype: torch.dtype) -> float:
    """Return the floating-point operations a second of a large matrix product on these cores."""
    one = torch.randn(2_048, 2_048).to(dtype)
    best = 0.0
    for _ in range(5):
        started = time.perf_counter()
        one @ one
        best = max(best, 2 * 2_048**3 / (time.perf_counter() - started))
    return best


def useful_work(data: Examples, model: Finetuned) -> float:
    """Return the operations of training on each text once, forward and backward, with no padding at all."""
    config = model.model.config
    width, wide, layers = config.hidden_size, config.intermediate_size, config.num_hidden_layers
    lengths = np.array([len(row["input_ids"]) for row in tokenize(model.tokenizer, data.texts)], dtype=np.float64)
    a_token = layers * (8 * width**2 + 4 * width * wide)
    return float(3 * (a_token * lengths + layers * 4 * width * lengths**2).sum())


def main() -> None:
    """Run the benchmark and print its table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=ROOT / "data" / "train.jsonl")
    parser.add_argument("--validation", type=Path, help="labelled articles to score on after training")
    parser.add_argument("--sentences", action="store_true", help="train on sentences instead of paragraphs")
    parser.add_argument("--texts", type=int, default=480, help="texts to train on, drawn at random; 0 for all")
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--only", nargs="+", metavar="WORD", help="contestants whose name holds one of these")
    parser.add_argument("--plot", type=Path, help="write the loss curves here, as SVG")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    articles, labels = read(given.data, None)
    data = examples_of(articles, labels, sentences=given.sentences)
    if given.texts:
        data = data.take(np.random.default_rng(0).permutation(len(data))[: given.texts])
    held_out = Examples.of(read(given.validation, labels)[0], labels) if given.validation else None
    rates = {"float32": matrix_rate(torch.float32), "bf16": matrix_rate(torch.bfloat16)}
    results = []
    for name, contestant in CONTESTANTS.items():
        if given.only and not any(word in name for word in given.only):
            continue
        seconds, losses, model = contestant(data, labels, given.epochs)
        result = {"name": name, "per_second": len(data) * given.epochs / seconds, "losses": losses}
        result["share"] = useful_work(data, model) * given.epochs / seconds / rates["bf16"]
        if held_out is not None:
            p = model.predict_proba(held_out.texts)
            threshold = np.full(p.shape[1], best_common_threshold(held_out.targets, p))
            scored = Scored(held_out.targets, p, decide(p, threshold))
            result["macro_f1"], result["macro_ap"] = (float(m(scored, scored.ones())[0]) for m in (macro_f1, macro_ap))
        results.append(result)
        print(f"{name}: {result['per_second']:.1f} a second", flush=True)
    report(results, data, rates, given)


def report(results: list[dict[str, Any]], data: Examples, rates: dict[str, float], given: argparse.Namespace) -> None:
    """Print the table, and write plot and JSON where asked."""
    model = new_model(LabelSet.of(["any"]))
    model._open_encoder()
    tokens = np.mean([len(row["input_ids"]) for row in tokenize(model.tokenizer, data.texts)])
    measured = ", ".join(f"{name} {value / 1e9:.0f} GFLOP/s" for name, value in rates.items())
    print(f"\n{len(data)} texts of {tokens:.0f} tokens, {given.epochs} epoch(s), {given.threads} thread(s), {measured}")
    print(f"bf16 by default here: {use_bf16('auto', 'cpu')}\n")
    scored = "macro_f1" in results[0]
    print(f"| training | texts/s | ratio | of bf16 rate |{' macro-F1 | macro-AP |' if scored else ''}")
    print(f"| --- | --- | --- | --- |{' --- | --- |' if scored else ''}")
    for r in results:
        scores = f" {r['macro_f1']:.3f} | {r['macro_ap']:.3f} |" if scored else ""
        ratio = r["per_second"] / results[0]["per_second"]
        print(f"| {r['name']} | {r['per_second']:.1f} | {ratio:.1f} | {r['share']:.0%} |{scores}")
    if given.json:
        given.json.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    if given.plot:
        draw(results, given.plot)


def draw(results: list[dict[str, Any]], path: Path) -> None:
    """Draw the loss against the share of the training that is done."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(8, 4.5), layout="constrained")
    for result in results:
        losses = np.array(result["losses"])
        width = max(1, len(losses) // 20)
        smooth = np.convolve(losses, np.ones(width) / width, mode="valid")
        axes.plot(np.linspace(0, 1, len(smooth)), smooth, label=result["name"])
    axes.set(xlabel="share of the training done", ylabel="loss (moving mean)")
    axes.legend(fontsize=8)
    figure.savefig(path)


if __name__ == "__main__":
    main()
