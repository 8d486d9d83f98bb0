"""Lets ``python -m textclf`` run the command."""

from textclf.cli import main

if __name__ == "__main__":
    main()
