"""A worker of the local engine that dies over texts which say so: ``DEADLY`` always, ``ONCE file`` the first time."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from textclf.bulk import worker
from textclf.labeller import Labeller

plain = Labeller.predict_proba


def deadly(self: Labeller, texts: Sequence[str], contexts: Sequence[str] | None = None) -> Any:
    for text in texts:
        once = re.search(r"ONCE (\S+)", text)
        if "DEADLY" in text or (once and not Path(once[1]).exists()):
            if once:
                Path(once[1]).touch()
            os._exit(9)
    return plain(self, texts, contexts)


if __name__ == "__main__":
    Labeller.predict_proba = deadly  # type: ignore[method-assign]
    try:
        worker.main()
    except SystemExit:
        os._exit(0)
