"""The command that trains an encoder further on unlabelled articles."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from textclf.cli import tables
from textclf.errors import ConfigError

if TYPE_CHECKING:
    from textclf.pretrain import PretrainingResult


def pretrain(
    encoder: Annotated[str, typer.Argument(metavar="ENCODER", help="Hub name or folder of the encoder.")],
    inputs: Annotated[
        list[str], typer.Argument(metavar="INPUT...", help="Unlabelled or labelled articles, as predict reads them.")
    ],
    out: Annotated[Path, typer.Option(metavar="DIR", help="The new encoder's folder.")],
    steps: Annotated[int | None, typer.Option(min=1, metavar="N", help="Steps in all, in place of --epochs.")] = None,
    epochs: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Passes over the articles [default: 3].")
    ] = None,
    batch_tokens: Annotated[int, typer.Option(min=8, metavar="N", help="Tokens of a step.")] = 4_096,
    max_length: Annotated[int, typer.Option(min=8, metavar="N", help="Tokens read at a time.")] = 256,
    learning_rate: Annotated[
        float | None, typer.Option(metavar="R", help="Peak, of the encoder [default: by its width].")
    ] = None,
    mask: Annotated[float, typer.Option(min=0.01, max=0.9, metavar="SHARE", help="Of the tokens, hidden.")] = 0.15,
    held_out: Annotated[
        float, typer.Option(min=0.001, max=0.5, metavar="SHARE", help="Of the articles, scored and not learnt from.")
    ] = 0.05,
    max_minutes: Annotated[
        float | None, typer.Option(metavar="M", help="End after so long, the learning rate fallen to 0.")
    ] = None,
    precision: Annotated[str, typer.Option(metavar="NAME", help="auto, float32 or bf16.")] = "auto",
    allow_bin: Annotated[
        bool, typer.Option("--allow-bin", help="Read pytorch_model.bin where there is no safetensors.")
    ] = False,
    seed: Annotated[int, typer.Option(min=0, metavar="S", help="Fixes all chance.")] = 13,
) -> None:
    """Train an encoder further on unlabelled articles, by hidden words; a rerun goes on where one was stopped."""
    from textclf.models.masked_language import MaskedSettings
    from textclf.pretrain import pretrain as run

    if steps is not None and epochs is not None:
        raise ConfigError("give --steps or --epochs, not both")
    settings = MaskedSettings(
        steps=steps,
        epochs=epochs or 3,
        batch_tokens=batch_tokens,
        max_length=max_length,
        learning_rate=learning_rate,
        mask=mask,
        held_out=held_out,
        max_minutes=max_minutes,
        precision=precision,  # type: ignore[arg-type] # checked there
        seed=seed,
    )
    show_pretraining(run(encoder, inputs, out=out, settings=settings, allow_bin=allow_bin))


def show_pretraining(result: PretrainingResult) -> None:
    """Show how well hidden words of the held-out articles are told, before and after."""
    from textclf.pretrain import perplexity

    training = result.info["training"]
    shown = tables.table(
        f"hidden words of {result.n_held_out} held-out articles",
        "",
        "steps",
        "loss",
        "perplexity",
    )
    first = "before, with a new head that learnt alone" if result.info["fresh_head"] else "before"
    alone = next(mark["step"] for mark in training["history"] if mark["held_out_loss"] == result.before)
    named = {first: (alone, result.before), "after": (training["steps"], result.after)}
    for name, (step, loss) in named.items():
        shown.add_row(name, str(step), f"{loss:.3f}", f"{perplexity(loss):,.1f}")
    screen = tables.console()
    screen.print(shown)
    told = f"learnt from {result.n_articles} articles, {result.n_tokens:,} tokens, {training['epochs']:.1f} times over"
    screen.print(Text(f"{told}, in {training['seconds']:.0f} s ({training['precision']})"), soft_wrap=True)
    screen.print(Text(f"saved {result.path}; use it with: --set model.options.encoder={result.path}"), soft_wrap=True)
