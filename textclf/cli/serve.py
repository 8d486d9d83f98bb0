"""The `textclf serve` command: a model behind HTTP."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from textclf.cli.models import Model


def serve(
    model: Model,
    host: Annotated[str, typer.Option(metavar="ADDRESS", help="Where to listen.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(metavar="N", min=0, max=65_535, help="The port; 0 takes a free one.")] = 8000,
    name: Annotated[str | None, typer.Option(metavar="NAME", help="The model's name [default: its config's].")] = None,
    token_file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Bearer tokens that are let in, one a line; or in TEXTCLF_TOKENS."),
    ] = None,
    workers: Annotated[
        int, typer.Option(metavar="N", min=1, max=256, help="Processes that serve; the limits below are each one's.")
    ] = 1,
    max_wait_ms: Annotated[
        float, typer.Option(metavar="MS", min=0, help="How long a text waits for others to share its batch.")
    ] = 5.0,
    batch_characters: Annotated[int, typer.Option(metavar="N", min=1, help="Characters of a batch.")] = 16_384,
    max_queue: Annotated[
        int, typer.Option(metavar="N", min=1, help="Characters that may wait; past it 429.")
    ] = 1_000_000,
    max_requests: Annotated[
        int, typer.Option(metavar="N", min=1, help="Requests worked on at a time; past it 429.")
    ] = 256,
    max_body: Annotated[int, typer.Option(metavar="BYTES", min=1, help="Of a request; past it 413.")] = 4 * 2**20,
    max_texts: Annotated[int, typer.Option(metavar="N", min=1, help="Texts of a request.")] = 1_000,
    max_characters: Annotated[int, typer.Option(metavar="N", min=1, help="Characters of a text.")] = 100_000,
    max_explained: Annotated[int, typer.Option(metavar="N", min=1, help="Texts explained at a time.")] = 64,
    max_nesting: Annotated[int, typer.Option(metavar="N", min=1, help="How deep a JSON body may nest.")] = 16,
    timeout_s: Annotated[float, typer.Option(metavar="S", help="For a request, from first byte to answer.")] = 30.0,
    read_s: Annotated[float, typer.Option(metavar="S", help="For an article's page to be read.")] = 10.0,
    drain_s: Annotated[
        float, typer.Option(metavar="S", min=0, help="From SIGTERM, when /readyz turns 503, to the closed port.")
    ] = 2.0,
    log_json: Annotated[bool, typer.Option("--log-json", help="Log one JSON object a line.")] = False,
) -> None:
    """Serve a model over HTTP (docs/serving.md). SIGTERM finishes what was taken; SIGHUP loads the model again."""
    from textclf.errors import import_extra

    for module in ("fastapi", "prometheus_client", "uvicorn"):
        import_extra(module, extra="serve", purpose="textclf serve")
    from textclf.server.run import serve as run
    from textclf.server.settings import ServerSettings
    from textclf.server.tokens import read_tokens

    settings = ServerSettings(
        name=name,
        max_wait_ms=max_wait_ms,
        batch_characters=batch_characters,
        max_queue=max_queue,
        max_requests=max_requests,
        max_body=max_body,
        max_texts=max_texts,
        max_characters=max_characters,
        max_explained=max_explained,
        max_nesting=max_nesting,
        timeout_s=timeout_s,
        read_s=read_s,
        drain_s=drain_s,
        tokens=read_tokens(token_file),
        log_json=log_json,
    )
    run(model, host=host, port=port, settings=settings, workers=workers)
