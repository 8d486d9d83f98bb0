"""Which targets are to be doubted: confident learning (Northcutt et al. 2021), as cleanlab has it, label by label.

A target is doubted where a model that has not read the paragraph is at least as sure of the opposite as it is, on
average, of the paragraphs that are marked so.
"""

from __future__ import annotations

import numpy as np

from textclf.errors import import_extra

FEWEST = 5  # paragraphs with a label, and without it, before its targets can be doubted


def doubted_targets(targets: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Return bool (n, k): the known targets that confident learning doubts.

    A label with fewer than `FEWEST` paragraphs that carry it, or that do not, tells too little: none of it is doubted.

    Args:
        targets: float32 (n, k): 1, 0 or NaN.
        probabilities: float32 (n, k), calibrated, from a model that has not read these paragraphs.

    Raises:
        MissingExtraError: When cleanlab is not installed.
    """
    confident = import_extra("cleanlab.filter", extra="errors", purpose="telling label errors from model errors")
    doubted = np.zeros(targets.shape, dtype=bool)
    for column in range(targets.shape[1]):
        y = targets[:, column]
        if min((y == 1).sum(), (y == 0).sum()) < FEWEST:
            continue
        known = np.flatnonzero(~np.isnan(y))
        p = probabilities[known, column].astype(np.float64)
        doubted[known, column] = confident.find_label_issues(
            (y[known] == 1).astype(np.int64), np.stack([1 - p, p], axis=1), filter_by="confident_learning", n_jobs=1
        )
    return doubted
