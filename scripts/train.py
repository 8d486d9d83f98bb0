"""Train what a config describes: python scripts/train.py --config FILE [--set KEY=VALUE] [--out DIR]."""

from textclf.cli.with_config import run

if __name__ == "__main__":
    run("train")
