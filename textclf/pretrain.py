"""Pretraining: an encoder and a folder of unlabelled articles become an encoder that has read them."""

from __future__ import annotations

import hashlib
import json
import math
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from textclf.articles import stream_passages
from textclf.bundle import library_versions
from textclf.errors import DataError, ModelError
from textclf.files import check_writable, sha256_of, written_aside
from textclf.locks import held
from textclf.models.checkpoints import checkpoints_in
from textclf.models.encoders import VOCABULARIES, find_encoder, load_tokenizer, quiet, weight_files
from textclf.models.masked_encoder import open_masked, settle
from textclf.models.masked_language import MaskedSettings, MaskedTraining
from textclf.models.token_stream import TokenStream
from textclf.progress import log, log_skipped, track
from textclf.records import Passage
from textclf.version import __version__

CARD = "pretraining.json"
KEPT = (
    *VOCABULARIES,
    *("tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "merges.txt"),
    *("modules.json", "sentence_bert_config.json", "config_sentence_transformers.json"),
)
"""What a written encoder takes over as it is: the tokenizer, and how a sentence encoder pools."""


@dataclass(frozen=True)
class PretrainingResult:
    """An encoder that was trained further.

    Attributes:
        path: Its folder.
        n_articles: Articles learnt from.
        n_held_out: Articles scored.
        n_tokens: Tokens of the articles learnt from.
        before: Loss on hidden words of the held-out articles before the encoder's own weights moved; where the head is
            new, after that has learnt alone.
        after: The same at the end.
        info: What else there is to tell of the training; JSON-ready.
    """

    path: Path
    n_articles: int
    n_held_out: int
    n_tokens: int
    before: float
    after: float
    info: dict[str, Any]


def pretrain(
    encoder: str, inputs: Sequence[str | Path], *, out: str | Path, settings: MaskedSettings, allow_bin: bool = False
) -> PretrainingResult:
    """Train an encoder further on unlabelled articles and write it as an encoder's folder.

    Args:
        encoder: Hub name or folder.
        inputs: Files, folders or ``"-"``, as `textclf.articles.stream_passages` takes them. Of labelled articles the
            texts alone are read.
        out: The folder of the new encoder; an older one that was pretrained is replaced, anything else refused.
        settings: How.
        allow_bin: Read pytorch_model.bin where the encoder has no safetensors.

    Raises:
        DataError: When there are fewer than two articles.
        ModelError: When the encoder has no mask token or cannot be trained so, or `out` holds something else.
        StoppedError: When the process was asked to stop; the same command goes on.
        LockedError: When another pretraining into the same folder is under way.
    """
    path = Path(out)
    check_place(path, inputs)
    check_writable(path)
    source = find_encoder(encoder, allow_bin=allow_bin)
    tokenizer = check_tokenizer(load_tokenizer(source, max_length=settings.max_length), encoder)
    with held(path, what="pretraining"), checkpoints_in(path.parent / f".{path.name}.checkpoints"):
        model, fresh_head = open_masked(source, tokenizer, seed=settings.seed, allow_bin=allow_bin)
        digest = hashlib.sha256()
        stream = read_stream(tokenizer, inputs, digest)
        learnt, held_out = part(stream, share=settings.held_out, seed=settings.seed)
        log.info("learning from %d articles, %d tokens; %d held out", len(learnt), len(learnt.ids), len(held_out))
        weights = {file.name: sha256_of(file) for file in weight_files(source)}
        name = repr((weights, digest.hexdigest()))
        info = MaskedTraining(model, tokenizer, learnt, held_out, settings, fresh_head=fresh_head, name=name).run()
        before, after = losses_of(info)
        card = {
            "encoder": {"name": encoder, "sha256": weights},
            "settings": asdict(settings),
            "data": {
                "articles": len(learnt),
                "held_out_articles": len(held_out),
                "tokens": len(learnt.ids),
                "sha256": digest.hexdigest(),
            },
            "fresh_head": fresh_head,
            "held_out_loss": {"before": before, "after": after},
            "training": info,
        }
        write_encoder(settle(model, source, seed=settings.seed, allow_bin=allow_bin), source, path, card=card)
    return PretrainingResult(path, len(learnt), len(held_out), len(learnt.ids), before, after, card)


def write_encoder(model: Any, source: Path, path: Path, *, card: Mapping[str, Any]) -> None:
    """Write an encoder's folder, whole or not at all.

    Args:
        model: The encoder, without its head.
        source: The folder it was opened from, whose tokenizer and pooling are taken over.
        path: The folder.
        card: What is known of it; JSON-ready.
    """
    with written_aside(path, folder=True) as aside:
        with quiet():
            model.save_pretrained(aside)
        keep_files(source, aside)
        versions = {"textclf_version": __version__, "libraries": library_versions()}
        whole = {**versions, **card, "files": sorted(file.name for file in aside.iterdir())}
        (aside / CARD).write_text(json.dumps(whole, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def check_place(path: Path, inputs: Sequence[str | Path]) -> None:
    """Make sure that an encoder may be written at `path`: nothing there, an empty folder, or one written before.

    Raises:
        ModelError: When something else is there, or the place lies within an input, which would then read it.
    """
    if path.is_dir() and (path / CARD).is_file():
        ours = {CARD, *json.loads((path / CARD).read_text(encoding="utf-8")).get("files", [])}
        foreign = sorted({file.name for file in path.iterdir()} - ours)
        if foreign:
            raise ModelError(
                f"{path} holds {', '.join(foreign)} beside the encoder, which would be lost. Move that away, or choose "
                f"another --out"
            )
    elif path.exists() and not (path.is_dir() and not any(path.iterdir())):
        raise ModelError(f"{path} exists and is no encoder of textclf pretrain; it is left alone. Choose another --out")
    for given in inputs:
        if str(given) != "-" and Path(given).is_dir() and path.resolve().is_relative_to(Path(given).resolve()):
            raise ModelError(f"{path} lies within {given}, which is read; choose an --out beside it")


def check_tokenizer(tokenizer: Any, encoder: str) -> Any:
    """Return a tokenizer that has a mask token.

    Raises:
        ModelError: When it has none.
    """
    if tokenizer.mask_token_id is None:
        raise ModelError(
            f"the tokenizer of {encoder!r} has no mask token, so no word can be hidden from it; choose an encoder that "
            f"was trained by masking, as BERT, RoBERTa, DeBERTa, ModernBERT and the sentence encoders made of them were"
        )
    return tokenizer


def read_stream(tokenizer: Any, inputs: Sequence[str | Path], digest: Any) -> TokenStream:
    """Return the articles of the inputs as tokens; of articles with the same text one is read.

    Args:
        tokenizer: The encoder's.
        inputs: See `pretrain`.
        digest: Of `hashlib`; takes in every text that is read.

    Raises:
        DataError: When there are fewer than two articles.
    """
    skipped: list[Path] = []
    passages = track(stream_passages(inputs, on_skip=skipped.append), what="reading", unit=" paragraphs")
    stream = TokenStream.of(tokenizer, _unlike(_articles(passages), digest))
    log_skipped(skipped, why="not a kind of file that is read")
    if not len(stream):
        raise DataError(f"there is no paragraph in {', '.join(map(str, inputs))}; nothing was learnt")
    if len(stream) < 2:
        raise DataError(
            "there is only one article, and articles are held out to measure what was learnt; give at least two (a "
            "file of plain text is one article; JSON Lines and CSV hold one or more)"
        )
    return stream


def _articles(passages: Iterable[Passage]) -> Iterator[list[str]]:
    """Yield the texts of each run of passages of one article."""
    for _, run in groupby(passages, key=lambda passage: passage.article_id):
        texts = [passage.text for passage in run if passage.text.strip()]
        if texts:
            yield texts


def _unlike(articles: Iterable[list[str]], digest: Any) -> Iterator[list[str]]:
    """Yield the articles whose texts are not those of one before."""
    seen, copies = set[bytes](), 0
    for texts in articles:
        own = hashlib.sha256(repr(texts).encode("utf-8", errors="replace")).digest()
        if own in seen:
            copies += 1
            continue
        seen.add(own)
        digest.update(own)
        yield texts
    if copies:
        log.info("passed over %d article(s) whose text was read before", copies)


def part(stream: TokenStream, *, share: float, seed: int) -> tuple[TokenStream, TokenStream]:
    """Return the articles to learn from, and a share of them, at least one, that is held out."""
    order = np.random.default_rng([seed, 1]).permutation(len(stream))
    n = min(len(stream) - 1, max(1, round(share * len(stream))))
    return stream.take(np.sort(order[n:])), stream.take(np.sort(order[:n]))


def losses_of(info: dict[str, Any]) -> tuple[float, float]:
    """Return the held-out loss before the encoder's own weights moved, and at the end."""
    history = info["history"]
    before = next((mark for mark in history if mark["way"] >= info["head_steps"]), history[-1])
    return before["held_out_loss"], history[-1]["held_out_loss"]


def keep_files(source: Path, target: Path) -> None:
    """Copy an encoder's tokenizer and what says how it pools."""
    for name in KEPT:
        if (source / name).is_file():
            shutil.copyfile(source / name, target / name)
    if not (source / "modules.json").is_file():
        return
    try:
        modules = json.loads((source / "modules.json").read_text(encoding="utf-8"))
        folders = [Path(module["path"]).name for module in modules if module["path"]]
    except (ValueError, KeyError, TypeError) as fault:
        raise ModelError(f"{source / 'modules.json'} is damaged: {fault}") from fault
    for folder in folders:
        if (source / folder).is_dir():
            shutil.copytree(source / folder, target / folder, ignore=shutil.ignore_patterns("*.bin"))
        elif folder:
            log.info("the encoder's folder %s is not there and is not taken over", folder)


def perplexity(loss: float) -> float:
    """Return how many words a guess is worth: the exponential of a loss."""
    return math.exp(loss) if loss < 700 else math.inf
