"""Dividing and averaging where there may be nothing to divide by or to average."""

from __future__ import annotations

import warnings

import numpy as np


def ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """Divide, giving NaN where there is nothing to divide by."""
    above, below = np.asarray(above, dtype=np.float64), np.asarray(below, dtype=np.float64)
    return np.asarray(np.divide(above, below, out=np.full(below.shape, np.nan), where=below > 0))


def mean_defined(values: np.ndarray) -> np.ndarray:
    """Return the mean (b,) of the labels (b, k) that are defined; NaN where none is."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a resample in which no label is defined is NaN
        return np.asarray(np.nanmean(values, axis=1)) if values.shape[1] else np.full(len(values), np.nan)
