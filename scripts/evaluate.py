"""Score a config's model: python scripts/evaluate.py --config FILE [--data FILE ...] [--json FILE] [--against DIR]."""

from textclf.cli.with_config import run

if __name__ == "__main__":
    run("evaluate")
