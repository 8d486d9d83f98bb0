"""How paragraphs a second hang on cores, length, batch, labels and the size of a file.

    python scripts/bench/scaling.py MODEL [--of cores lengths batches labels files] [--texts N] [--repeats N]
        [--files N ...] [--json FILE] [--plot FILE.svg]

MODEL is a `tfidf` bundle or an exported one (`textclf export`). Each part prints a Markdown table. `cores` runs in
processes of their own, held to 1, 2 and so on of this machine's cores, by wall time: one process with a thread for each
core, and one process for each core; so it needs a quiet machine. `labels` gives the model other heads with random
weights. `files` runs `textclf.predict.predict_files` on JSON Lines of N paragraphs in a process of its own and tells
the most memory it held. All but `cores` are timed in processor time; the median of the repeats counts.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from textclf.articles import stream_passages
from textclf.bundle import load_bundle
from textclf.calibration import Calibration, LabelMap
from textclf.labeller import Labeller
from textclf.labels import LabelSet
from textclf.memory import process_peak
from textclf.models.exported import GRAPH, TOKENIZER, Exported, write_shifts
from textclf.models.ngram_scorer import NgramScorer
from textclf.models.tfidf import Tfidf
from textclf.predict import predict_files

ROOT = Path(__file__).parent.parent.parent
WORDS = (8, 32, 64, 128, 256, 512, 2_048)
CALLS = (1, 8, 32, 128, 512)
LABELS = (5, 20, 100, 500)
PARTS = ("cores", "lengths", "batches", "labels", "files")
Row = dict[str, float]


def paragraphs() -> list[str]:
    """Return the paragraphs of the shipped training articles, each once."""
    found = stream_passages([ROOT / "data" / "train.jsonl"])
    return list(dict.fromkeys(passage.text for passage in found))


def timed(run: Callable[[], object], *, repeats: int) -> float:
    """Return the median processor time of a call, in seconds, after one that warms up."""
    run()
    seconds = []
    for _ in range(repeats):
        started = time.process_time()
        run()
        seconds.append(time.process_time() - started)
    return statistics.median(seconds)


def lengths(model: Labeller, texts: Sequence[str], repeats: int) -> Iterator[Row]:
    """Yield the speed for texts of so many words."""
    words = " ".join(texts).split()
    for size in WORDS:
        count = max(4, min(len(texts), 8_192 // size))
        cut = [" ".join(words[(i * size) % (len(words) - size) :][:size]) for i in range(count)]
        seconds = timed(lambda cut=cut: model.predict(cut), repeats=repeats)  # type: ignore[misc]
        yield {"words a text": size, "paragraphs/s": count / seconds, "words/s": count * size / seconds}


def batches(model: Labeller, texts: Sequence[str], repeats: int) -> Iterator[Row]:
    """Yield the speed where so many texts are given at a time."""
    for size in CALLS:
        calls = [texts[i : i + size] for i in range(0, len(texts), size)]
        seconds = timed(lambda calls=calls: [model.predict(call) for call in calls], repeats=repeats)  # type: ignore[misc]
        yield {"texts a call": size, "paragraphs/s": len(texts) / seconds, "ms a call": 1e3 * seconds / len(calls)}


def labels(model: Labeller, texts: Sequence[str], repeats: int) -> Iterator[Row]:
    """Yield the speed with so many labels."""
    for count in LABELS:
        with tempfile.TemporaryDirectory() as folder:
            wider = with_labels(model, count, Path(folder))
            seconds = timed(lambda wider=wider: wider.predict(texts), repeats=repeats)  # type: ignore[misc]
        yield {"labels": count, "paragraphs/s": len(texts) / seconds}


def with_labels(model: Labeller, count: int, folder: Path) -> Labeller:
    """Return a model like this one, with a head of random weights for so many labels."""
    names, rng = LabelSet.of([f"label_{i}" for i in range(count)]), np.random.default_rng(0)
    predictor: Any = model.predictor
    made: Any
    if isinstance(predictor, Tfidf):
        made = Tfidf(names, predictor.options, seed=0)
        width = sum(len(sort.terms) for sort in predictor.sorts)
        head = rng.normal(size=(count, width)), np.zeros(count)
        made._scorer = NgramScorer(predictor.sorts, *head, lowercase=predictor.options.lowercase)
    else:
        widen_head(predictor.folder / GRAPH, folder / GRAPH, count, rng)
        (folder / TOKENIZER).write_bytes((predictor.folder / TOKENIZER).read_bytes())
        write_shifts(folder, np.ones(count), np.zeros(count))
        made = Exported.load(folder, names, predictor.options, seed=0)
    return Labeller(made, Calibration((LabelMap(),) * count), np.full(count, 0.5))


def widen_head(graph: Path, out: Path, count: int, rng: np.random.Generator) -> None:
    """Write a graph whose last linear layer gives so many numbers."""
    import onnx

    model = onnx.load(graph)
    last = [constant for constant in model.graph.initializer if constant.name.startswith("head.")][-2:]
    for constant in last:
        shape = (*list(constant.dims)[:-1], count)
        constant.CopyFrom(onnx.numpy_helper.from_array(rng.normal(size=shape).astype(np.float32), constant.name))
    model.graph.output[0].type.tensor_type.shape.dim[1].dim_value = count
    onnx.save(model, out)


def cores(model: Path, texts: Sequence[str], repeats: int) -> Iterator[Row]:
    """Yield the speed on so many cores, by threads of one process and by processes."""
    allowed = sorted(os.sched_getaffinity(0))
    for count in range(1, len(allowed) + 1):
        row: Row = {"cores": count}
        for name, processes in (("threads", 1), ("processes", count)):
            rates = [_together(model, allowed[:count], processes, len(texts)) for _ in range(repeats)]
            row[f"{name}, paragraphs/s"] = statistics.median(rates)
        yield row


def _together(model: Path, held_to: Sequence[int], processes: int, texts: int) -> float:
    """Return paragraphs a second of wall time of processes that begin at once, when each has opened its model."""
    share = len(held_to) // processes
    code = [sys.executable, __file__, str(model), "--texts", str(texts), "--part-of-cores"]
    started = []
    for i in range(processes):
        own = ",".join(map(str, held_to[i * share : (i + 1) * share]))
        environment = {**os.environ, "OMP_NUM_THREADS": str(share)}
        started.append(
            subprocess.Popen([*code, own], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)
        )
    for each in started:
        each.stdout.readline()  # type: ignore[union-attr]
    for each in started:
        each.stdin.write("go\n")  # type: ignore[union-attr]
        each.stdin.flush()  # type: ignore[union-attr]
    return processes * texts / max(float(each.communicate()[0]) for each in started)


def _part_of_cores(model: Path, held_to: str, texts: Sequence[str]) -> None:
    """Open the model on some cores, say so, wait for a line, and print how many seconds the texts take."""
    os.sched_setaffinity(0, {int(core) for core in held_to.split(",")})
    opened = load_bundle(model)
    opened.predict(texts[:64])
    print("ready", flush=True)
    sys.stdin.readline()
    began = time.perf_counter()
    opened.predict(texts)
    print(time.perf_counter() - began, flush=True)


def files(model: Path, texts: Sequence[str], sizes: Sequence[int]) -> Iterator[Row]:
    """Yield speed and memory for files of so many paragraphs, ten to an article."""
    with tempfile.TemporaryDirectory() as folder:
        for size in sizes:
            source = Path(folder) / "in.jsonl"
            with source.open("w", encoding="utf-8") as file:
                for row in range(0, size, 10):
                    # Each text is its own, or equal ones would be computed once.
                    own = [{"text": f"{texts[i % len(texts)]} {i}"} for i in range(row, min(row + 10, size))]
                    file.write(json.dumps({"id": f"a{row}", "paragraphs": own}, ensure_ascii=False) + "\n")
            code = [sys.executable, __file__, str(model), "--one-file", str(source)]
            told = subprocess.run(code, capture_output=True, text=True, check=True).stdout
            seconds, memory = map(float, told.split()[-2:])
            yield {"paragraphs": size, "paragraphs/s": size / seconds, "most memory, MiB": memory}


def show(name: str, rows: Iterator[Row]) -> list[Row]:
    """Print rows as they come, as a Markdown table, and return them."""
    print(f"\n{name}\n")
    kept: list[Row] = []
    for row in rows:
        if not kept:
            print("| " + " | ".join(row) + " |\n" + "| --- " * len(row) + "|")
        print("| " + " | ".join(f"{value:,.1f}" if value % 1 else f"{value:,.0f}" for value in row.values()) + " |")
        sys.stdout.flush()
        kept.append(row)
    return kept


def draw(found: dict[str, list[Row]], path: Path) -> None:
    """Draw a line for each part: its speed against what varies in it."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, len(found), figsize=(3 * len(found), 2.6), layout="constrained", squeeze=False)
    for place, rows in zip(axes[0], found.values(), strict=True):
        varied = next(iter(rows[0]))
        for name in (name for name in rows[0] if name.endswith("paragraphs/s")):
            told = name.partition(",")[0] if "," in name else None
            place.plot([row[varied] for row in rows], [row[name] for row in rows], marker="o", label=told)
        place.set(xlabel=varied, ylim=(0, None), xscale="linear" if varied == "cores" else "log")
        if varied == "cores":
            place.legend()
    axes[0][0].set_ylabel("paragraphs a second")
    figure.savefig(path)


def main() -> None:
    """Run the parts asked for and print their tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--of", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--texts", type=int, default=256)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--files", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--json", type=Path)
    parser.add_argument("--plot", type=Path, help="write a picture here, as SVG")
    parser.add_argument("--part-of-cores", help=argparse.SUPPRESS)
    parser.add_argument("--one-file", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one_file:
        opened, began = load_bundle(given.model), time.process_time()
        predict_files(opened, [given.one_file], out=given.one_file.with_name("out.jsonl"))
        print(time.process_time() - began, process_peak() or float("nan"))
        return
    texts = paragraphs()
    while len(texts) < given.texts:
        texts += [f"{text} {len(texts)}" for text in texts]
    texts = texts[: given.texts]
    if given.part_of_cores:
        _part_of_cores(given.model, given.part_of_cores, texts)
        return
    model = load_bundle(given.model)
    makers: dict[str, Callable[[], Iterator[Row]]] = {
        "cores": lambda: cores(given.model, texts, given.repeats),
        "lengths": lambda: lengths(model, texts, given.repeats),
        "batches": lambda: batches(model, texts, given.repeats),
        "labels": lambda: labels(model, texts, given.repeats),
        "files": lambda: files(given.model, texts, given.files),
    }
    found = {part: show(part, makers[part]()) for part in PARTS if part in given.of}
    if given.json:
        given.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    if given.plot:
        draw(found, given.plot)


if __name__ == "__main__":
    main()
