"""Peaks are found as scipy finds them."""

import numpy as np
from scipy.signal import peak_prominences

from pleura.quality.tissue_peaks import _prominence


def test_prominence_is_scipys():
    heights = np.convolve(np.random.default_rng(0).random(300), np.ones(5) / 5, "same")
    peaks = np.flatnonzero((heights[1:-1] > heights[:-2]) & (heights[1:-1] >= heights[2:])) + 1
    ours = [_prominence(heights, int(k)) for k in peaks]
    np.testing.assert_allclose(ours, peak_prominences(heights, peaks)[0])
