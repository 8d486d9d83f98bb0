"""Commands that take ``--config FILE`` where `textclf` takes a model's folder: what `scripts/*.py` call."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from textclf.cli import main, user_errors
from textclf.config import load_config
from textclf.errors import ConfigError


def run(command: str, arguments: Sequence[str] | None = None) -> None:
    """Run ``train``, ``evaluate`` or ``predict`` for the model a config describes.

    ``evaluate`` takes ``--data FILE ...`` and else the config's `data.test`; other arguments go to the command.

    Args:
        command: The command's name.
        arguments: By default those of the process.
    """
    parser = argparse.ArgumentParser(description=f"{command} the model that a config describes", allow_abbrev=False)
    parser.add_argument("--config", required=True, metavar="FILE", help="a YAML config, such as configs/minilm.yaml")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="override a setting")
    if command == "evaluate":
        parser.add_argument("--data", nargs="+", metavar="FILE", help="labelled articles [default: data.test]")
    given, rest = parser.parse_known_args(arguments)
    if command == "train":
        return main(["train", given.config, *(f"--set={override}" for override in given.set), *rest])
    with user_errors():
        config = load_config(given.config, overrides=given.set)
        if command == "evaluate":
            data = given.data or [str(path) for path in config.data.test or ()]
            if not data:
                raise ConfigError(f"{given.config} names no data.test; give --data FILE")
            rest = [*data, *rest]
    return main([command, str(config.out), *rest])
