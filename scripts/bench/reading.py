"""Score the reader of pages against gold roles, and measure its speed and memory.

    python scripts/bench/reading.py [--pages DIR ...] [--errors] [--gigabyte] [--json FILE]

A block counts when a block of the gold has its text and its role. Prints Markdown: roles, layouts, metadata, articles a
second on one core. `--gigabyte` also streams a JSON Lines file of 1 GB, made on the spot, and tells the peak memory.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
import warnings
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent
sys.path.insert(0, str(ROOT))

from textclf.articles import read_article  # noqa: E402 (the checkout's own, installed or not)
from textclf.articles.page import read_html_page, read_text_page  # noqa: E402
from textclf.errors import TextclfWarning  # noqa: E402
from textclf.records import ROLES, Article  # noqa: E402

METADATA = ("title", "date", "byline", "source", "dateline")
STREAM = """
import resource, sys, time
from textclf.articles import stream_passages
started = time.perf_counter()
count = sum(1 for _ in stream_passages([sys.argv[1]]))
print(count, time.perf_counter() - started, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


@dataclass
class Tally:
    """Blocks counted: those right, those read, and those in the gold."""

    right: int = 0
    read: int = 0
    gold: int = 0

    @property
    def precision(self) -> float:
        """The share of the blocks read that are right."""
        return self.right / self.read if self.read else 1.0

    @property
    def recall(self) -> float:
        """The share of the gold's blocks that were read right."""
        return self.right / self.gold if self.gold else 1.0

    @property
    def f1(self) -> float:
        """The harmonic mean of both."""
        return 2 * self.right / (self.read + self.gold) if self.read + self.gold else 1.0

    def add(self, read: Counter[str], gold: Counter[str]) -> None:
        """Count the texts of one role on one page."""
        self.right += (read & gold).total()
        self.read += read.total()
        self.gold += gold.total()


@dataclass
class Scores:
    """How well pages were read.

    Attributes:
        pages: How many there are.
        roles: Blocks by role.
        layouts: Paragraphs by layout.
        teasers: Gold teasers that were read as some block of that very text.
        teasers_taken: Those of them that were taken for paragraphs.
        metadata: How many pages have the gold's title, date, byline, source and dateline.
        errors: One line for each wrong block or piece of metadata.
    """

    pages: int = 0
    roles: dict[str, Tally] = field(default_factory=lambda: {role: Tally() for role in ROLES})
    layouts: dict[str, Tally] = field(default_factory=lambda: defaultdict(Tally))
    teasers: int = 0
    teasers_taken: int = 0
    metadata: Counter[str] = field(default_factory=Counter)
    errors: list[str] = field(default_factory=list)

    @property
    def paragraph_f1(self) -> float:
        """F1 of body paragraphs: what models are given to label."""
        return self.roles["paragraph"].f1

    @property
    def teaser_share(self) -> float:
        """The share of teasers that were taken for paragraphs."""
        return self.teasers_taken / self.teasers if self.teasers else 0.0

    def accuracy(self, name: str) -> float:
        """Return the share of pages where one piece of metadata is as in the gold."""
        return self.metadata[name] / self.pages if self.pages else 1.0

    def to_json(self) -> dict[str, Any]:
        """Return the scores JSON-ready."""

        def shown(tallies: dict[str, Tally]) -> dict[str, Any]:
            return {
                n: {**asdict(t), "precision": t.precision, "recall": t.recall, "f1": t.f1} for n, t in tallies.items()
            }

        return {
            "pages": self.pages,
            "paragraph_f1": self.paragraph_f1,
            "teasers": self.teasers,
            "teasers_taken_for_paragraphs": self.teasers_taken,
            "roles": shown(self.roles),
            "layouts": shown(self.layouts),
            "metadata": {name: self.accuracy(name) for name in METADATA},
        }


def gold_pages(folders: Iterable[Path]) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Yield the pages of folders with their gold."""
    for folder in folders:
        for gold in sorted(folder.glob("*.json")):
            page = next(path for path in sorted(folder.glob(f"{gold.stem}.*")) if path != gold)
            yield page, json.loads(gold.read_text(encoding="utf-8"))


def score_pages(folders: Iterable[Path]) -> Scores:
    """Read every page of folders and compare it with its gold."""
    scores = Scores()
    for path, gold in gold_pages(folders):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", TextclfWarning)
            article = read_article(path)
        score_page(article, gold, scores, name=path.name)
    return scores


def score_page(article: Article, gold: dict[str, Any], scores: Scores, *, name: str) -> None:
    """Count one page in."""
    scores.pages += 1
    read = {role: Counter(b.text for b in article.blocks if b.role == role) for role in ROLES}
    wanted = {role: Counter(b["text"] for b in gold["blocks"] if b["role"] == role) for role in ROLES}
    for role in ROLES:
        scores.roles[role].add(read[role], wanted[role])
    scores.layouts[gold["layout"]].add(read["paragraph"], wanted["paragraph"])
    scores.teasers += wanted["teaser"].total()
    scores.teasers_taken += (wanted["teaser"] & read["paragraph"]).total()
    right = {role: read[role] & wanted[role] for role in ROLES}
    for block in article.blocks:
        if right[block.role][block.text]:
            right[block.role][block.text] -= 1
            continue
        should = [role for role in ROLES if wanted[role][block.text]]
        scores.errors.append(
            f"{name}:{block.start}: read as {block.role}, should be {'/'.join(should) or 'no block'}: "
            f"{block.text!r:.120} ({block.reason})"
        )
    texts = {block.text for block in article.blocks}
    scores.errors += [
        f"{name}: {b['role']} not read: {b['text']!r:.120}" for b in gold["blocks"] if b["text"] not in texts
    ]
    for key in METADATA:
        found, true = getattr(article, key), gold[key]
        scores.metadata[key] += found == true
        if found != true:
            scores.errors.append(f"{name}: {key} is {true!r:.80}, read {found!r:.80}")


def show_scores(scores: Scores) -> None:
    """Print the tables of quality."""
    print(f"{scores.pages} pages\n\n| role | precision | recall | F1 | in the gold |\n| --- | --- | --- | --- | --- |")
    for role, tally in scores.roles.items():
        print(f"| {role} | {tally.precision:.3f} | {tally.recall:.3f} | {tally.f1:.3f} | {tally.gold} |")
    print(f"\nF1 of body paragraphs: {scores.paragraph_f1:.3f}")
    print(f"teasers taken for paragraphs: {scores.teasers_taken} of {scores.teasers} ({scores.teaser_share:.1%})")
    print("\n| metadata | right |\n| --- | --- |")
    for name in METADATA:
        print(f"| {name} | {scores.metadata[name]} of {scores.pages} ({scores.accuracy(name):.1%}) |")
    print("\n| layout | F1 of paragraphs | paragraphs |\n| --- | --- | --- |")
    for layout, tally in sorted(scores.layouts.items(), key=lambda item: (item[1].f1, item[0])):
        print(f"| {layout} | {tally.f1:.3f} | {tally.gold} |")


def per_second(read: Any, sources: Sequence[str], *, seconds: float = 5.0) -> float:
    """Return how many sources are read a second of processor time, over and over for some seconds."""
    done, started = 0, time.process_time()
    while (spent := time.process_time() - started) < seconds or not done:
        for source in sources:
            read(source, article_id="page")
        done += len(sources)
    return done / (spent or 1e-9)


def texts_of(data: Iterable[Path]) -> list[str]:
    """Return the articles of JSON Lines as plain text: title, date line, paragraphs."""
    articles = [json.loads(line) for path in data for line in path.read_text(encoding="utf-8").splitlines()]
    fronts = [[a.get("title") or "", a.get("date") or ""] for a in articles]
    bodies = [[p["text"] for p in a.get("paragraphs", ()) if isinstance(p, dict)] for a in articles]
    return ["\n".join(filter(None, front + body)) for front, body in zip(fronts, bodies, strict=True)]


def measure_speed(folders: Iterable[Path]) -> dict[str, float]:
    """Return articles a second, read as text and as HTML, on one core."""
    texts = texts_of(sorted((ROOT / "data").glob("*.jsonl")))
    html = [
        path.read_bytes().decode("utf-8", errors="replace") for path, _ in gold_pages(folders) if path.suffix == ".html"
    ]
    speed = {"text": per_second(read_text_page, texts)}
    return speed | ({"html": per_second(read_html_page, html)} if html else {})


def stream_gigabyte() -> dict[str, float]:
    """Stream 1 GB of JSON Lines in a process of its own; return passages, seconds, and peak memory in MiB."""
    chance = random.Random(13)  # noqa: S311 (no secret)
    words = ("gunmen", "crossed", "the", "river", "at", "dawn", "and", "both", "sides", "stopped", "firing", "there")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "gigabyte.jsonl"
        with path.open("w", encoding="utf-8") as file:
            size = number = 0
            while size < 10**9:
                texts = [" ".join(chance.choices(words, k=40)) for _ in range(8)]
                line = json.dumps({"article_id": f"a{number}", "paragraphs": [{"text": text} for text in texts]}) + "\n"
                for _ in range(200):
                    file.write(line)
                size, number = size + 200 * len(line), number + 1
        command = [sys.executable, "-c", STREAM, str(path)]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        output = subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout
    count, seconds, peak = map(float, output.split())
    return {"passages": count, "seconds": seconds, "peak_mib": peak}


def main() -> None:
    """Run the benchmark and print its tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pages", nargs="+", type=Path, default=[ROOT / "tests/data/pages/dev"], metavar="DIR")
    parser.add_argument("--errors", action="store_true", help="print each wrong block")
    parser.add_argument("--gigabyte", action="store_true", help="also stream 1 GB of JSON Lines")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write every figure here")
    given = parser.parse_args()
    scores = score_pages(given.pages)
    show_scores(scores)
    if given.errors:
        print("", *scores.errors, sep="\n")
    speed = measure_speed(given.pages)
    print("\n| read as | articles a second, one core |\n| --- | --- |")
    for name, rate in speed.items():
        print(f"| {name} | {rate:.0f} |")
    figures = {**scores.to_json(), "articles_per_second": speed}
    if given.gigabyte:
        stream = figures["gigabyte"] = stream_gigabyte()
        print(f"\n1 GB of JSON Lines: {stream['passages']:.0f} passages in {stream['seconds']:.0f} s, ", end="")
        print(f"at most {stream['peak_mib']:.0f} MiB of memory")
    if given.json:
        given.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
