"""Paragraphs a second, ours and what users would pick instead, side by side in one run on the same cores.

    python scripts/bench/inference.py MODEL [--texts N] [--lengths news|data] [--threads N] [--repeats N]
        [--only WORD ...] [--json FILE] [--plot FILE.svg]

MODEL is the bundle of a fine-tuned encoder; it is exported here to each runtime that is installed. Contestants take
turns, so that a busy machine slows all alike; the median of the repeats counts, in processor time. Peers whose package
is not installed are left out, and said to be. `news` joins neighbouring paragraphs of an article until they are as long
as paragraphs of real news (104 tokens on average); `data` takes them as they are.

Prints Markdown: paragraphs a second with the spread of the repeats, the ratio to `pipeline` one by one, the share of
the measured matrix rate of its precision that useful work makes up, and how far its probabilities and decisions are
from the model's in float32.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from textclf.bundle import load_bundle
from textclf.calibration import log_odds
from textclf.datasets import check_labelled
from textclf.export import export
from textclf.labeller import Labeller
from textclf.models.windows import tokenize

ROOT = Path(__file__).parent.parent.parent
NEWS_TOKENS = 104.0
Answer = Callable[[Sequence[str]], np.ndarray]


def texts_of(model: Labeller, n: int, *, news: bool) -> list[str]:
    """Return n paragraphs of the shipped articles, joined to the lengths of real news where asked."""
    articles = [
        article
        for name in ("train", "agency")
        for article in check_labelled(ROOT / "data" / f"{name}.jsonl", model.labels).articles
    ]
    rng = np.random.default_rng(0)
    texts: list[str] = []
    for place in rng.permutation(len(articles)):
        waiting: list[str] = []
        wanted = rng.lognormal(np.log(NEWS_TOKENS) - 0.18, 0.6)
        for paragraph in articles[place].paragraphs:
            waiting.append(paragraph.text)
            if not news or len(" ".join(waiting).split()) * 1.35 >= wanted:
                texts.append(" ".join(waiting))
                waiting, wanted = [], rng.lognormal(np.log(NEWS_TOKENS) - 0.18, 0.6)
    return texts[:n]


def contestants(model: Path, folder: Path, threads: int) -> dict[str, tuple[Answer, str]]:
    """Return name to a function that gives probabilities, and the precision whose matrix rate bounds it."""
    import torch

    torch.set_num_threads(threads)
    ready: dict[str, tuple[Answer, str]] = {
        "pipeline, one by one": (pipeline(model, 1), "float32"),
        "pipeline, 32 at a time": (pipeline(model, 32), "float32"),
        "plain loop, sorted by length": (sorted_loop(model), "float32"),
        "textclf, torch": (load_bundle(model).predict_proba, "float32"),
    }
    for runtime, package in (("onnx", "onnxruntime"), ("openvino", "openvino")):
        if importlib.util.find_spec(package) is None:
            print(f"left out: {package} is not installed")
            continue
        for int8 in (False, True):
            made = export(model, folder / f"{runtime}-{int8}", int8=int8, runtime=runtime)  # type: ignore[arg-type]
            name = f"textclf, {'ONNX Runtime' if runtime == 'onnx' else 'OpenVINO'}{', int8' if int8 else ''}"
            bound = "int8" if int8 else "float32" if runtime == "onnx" else "bf16"
            ready[name] = (made.model.predict_proba, bound)
    ready["ONNX Runtime, its own dynamic int8"] = (dynamic_int8(model, folder), "int8")
    return ready


def pipeline(model: Path, batch_size: int) -> Answer:
    """Return `transformers.pipeline` over a bundle."""
    import transformers

    labels = load_bundle(model).labels
    run = transformers.pipeline("text-classification", str(model / "model"), top_k=None, function_to_apply="sigmoid")

    def answer(texts: Sequence[str]) -> np.ndarray:
        found = run(list(texts), batch_size=batch_size, truncation=True, max_length=256)
        return np.array([[{s["label"]: s["score"] for s in row}[name] for name in labels] for row in found])

    return answer


def sorted_loop(model: Path) -> Answer:
    """Return the loop that people write: transformers' model, texts sorted by length, 32 at a time."""
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    network = AutoModelForSequenceClassification.from_pretrained(model / "model").eval()
    tokenizer = AutoTokenizer.from_pretrained(model / "model")

    def answer(texts: Sequence[str]) -> np.ndarray:
        order = np.argsort([len(text) for text in texts])
        result = np.zeros((len(texts), network.config.num_labels), dtype=np.float32)
        with torch.inference_mode():
            for start in range(0, len(order), 32):
                rows = order[start : start + 32]
                chosen = [texts[i] for i in rows]
                inputs = tokenizer(chosen, return_tensors="pt", padding=True, truncation=True, max_length=256)
                result[rows] = torch.sigmoid(network(**inputs).logits).numpy()
        return result

    return answer


def dynamic_int8(model: Path, folder: Path) -> Answer:
    """Return what ONNX Runtime's own quantize_dynamic makes of our float graph: one scale for a whole batch."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    made = load_bundle(export(model, folder / "dynamic").path)
    graph = folder / "dynamic" / "model" / "model.onnx"
    quantize_dynamic(graph, folder / "dynamic.onnx", weight_type=QuantType.QInt8, per_channel=True)
    from textclf.models.runtimes import open_graph

    made.predictor._run = open_graph(folder / "dynamic.onnx", runtime="onnx")  # type: ignore[attr-defined]
    return made.predict_proba


def matrix_rates() -> dict[str, float]:
    """Return operations a second of a large matrix product on these cores, by precision."""
    import torch

    rates = {}
    for name, make in (
        ("float32", lambda: torch.randn(1_536, 1_536)),
        ("bf16", lambda: torch.randn(1_536, 1_536).to(torch.bfloat16)),
        ("int8", lambda: torch.randint(-99, 99, (1_536, 1_536), dtype=torch.int8)),
    ):
        one = make()
        product = torch._int_mm if name == "int8" else torch.matmul
        seconds = []
        for _ in range(7):
            started = time.process_time()
            product(one, one)
            seconds.append(time.process_time() - started)
        rates[name] = 2 * 1_536**3 / min(seconds)
    return rates


def useful_work(model: Labeller, texts: Sequence[str]) -> float:
    """Return the operations of reading each text once, the last layer for the first token alone, with no padding."""
    network: Any = model.predictor
    config = network.model.config
    width, wide, layers = config.hidden_size, config.intermediate_size, config.num_hidden_layers
    lengths = np.array([len(row["input_ids"]) for row in tokenize(network.tokenizer, texts)], dtype=np.float64)
    whole = 8 * width**2 + 4 * width * wide
    work = (layers - 1) * (whole * lengths + 4 * width * lengths**2)
    last = 4 * width**2 * lengths + 4 * width**2 + 4 * width * wide + 4 * width * lengths
    return float((work + last).sum())


def main() -> None:
    """Run the benchmark and print its table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--texts", type=int, default=256)
    parser.add_argument("--lengths", choices=("news", "data"), default="news")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--only", nargs="+", metavar="WORD", help="contestants whose name holds one of these")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--plot", type=Path, help="write a picture here, as SVG")
    given = parser.parse_args()
    model = load_bundle(given.model)
    texts = texts_of(model, given.texts, news=given.lengths == "news")
    with tempfile.TemporaryDirectory() as folder:
        ready = contestants(given.model, Path(folder), given.threads)
        if given.only:
            ready = {name: each for name, each in ready.items() if any(word in name for word in given.only)}
        seconds: dict[str, list[float]] = {name: [] for name in ready}
        answers = {name: answer(texts) for name, (answer, _) in ready.items()}  # warms up too
        for _ in range(given.repeats):
            for name, (answer, _) in ready.items():
                started = time.process_time()
                answer(texts)
                seconds[name].append(time.process_time() - started)
    rates = matrix_rates()
    report(model, texts, ready, seconds, answers, rates, given)


def report(
    model: Labeller,
    texts: Sequence[str],
    ready: dict[str, tuple[Answer, str]],
    seconds: dict[str, list[float]],
    answers: dict[str, np.ndarray],
    rates: dict[str, float],
    given: argparse.Namespace,
) -> None:
    """Print the table, and write JSON and picture where asked."""
    network: Any = model.predictor
    tokens = [len(row["input_ids"]) for row in tokenize(network.tokenizer, texts)]
    wanted, work = model.predict_proba(texts), useful_work(model, texts)
    thresholds = log_odds(model.thresholds)
    told = ", ".join(f"{name} {rate / 1e9:.0f} GOP/s" for name, rate in rates.items())
    print(f"\n{len(texts)} texts of {np.mean(tokens):.0f} tokens, {given.threads} thread(s), {given.repeats} repeats")
    print(f"{told}\n")
    print("| contestant | paragraphs/s | spread | ratio | of its matrix rate | greatest move | flips |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    rows = []
    first = statistics.median(next(iter(seconds.values())))
    for name, times in seconds.items():
        middle, bound = statistics.median(times), ready[name][1]
        flips = int(((log_odds(answers[name]) >= thresholds) != (log_odds(wanted) >= thresholds)).sum())
        row = {
            "name": name,
            "per_second": len(texts) / middle,
            "spread": [len(texts) / max(times), len(texts) / min(times)],
            "ratio": first / middle,
            "share": work / middle / rates[bound],
            "bound": bound,
            "move": float(np.abs(answers[name] - wanted).max()),
            "flips": flips,
            "decisions": int(wanted.size),
        }
        rows.append(row)
        print(
            f"| {name} | {row['per_second']:.1f} | {row['spread'][0]:.1f} to {row['spread'][1]:.1f} | "
            f"{row['ratio']:.1f} | {row['share']:.0%} {bound} | {row['move']:.4f} | {flips} of {wanted.size} |"
        )
    if given.json:
        given.json.write_text(json.dumps({"rows": rows, "rates": rates}, indent=2) + "\n", encoding="utf-8")
    if given.plot:
        draw(rows, given.plot)


def draw(rows: list[dict[str, Any]], path: Path) -> None:
    """Draw a bar for each contestant."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(8, 0.5 * len(rows) + 1), layout="constrained")
    ours = ["tab:blue" if row["name"].startswith("textclf") else "tab:gray" for row in rows]
    bars = axes.barh([row["name"] for row in rows], [row["per_second"] for row in rows], color=ours)
    axes.bar_label(bars, [f"{row['per_second']:.0f} ({row['ratio']:.1f}x)" for row in rows], padding=3)
    axes.invert_yaxis()
    axes.set(xlabel="paragraphs a second", xlim=(0, 1.2 * max(row["per_second"] for row in rows)))
    figure.savefig(path)


if __name__ == "__main__":
    main()
