"""Label files with a config's model: python scripts/predict.py --config FILE INPUT... [--out FILE]."""

from textclf.cli.with_config import run

if __name__ == "__main__":
    run("predict")
