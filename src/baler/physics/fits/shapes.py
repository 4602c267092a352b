"""Shapes of peaks, with a height of 1 at their position.

Parameters may have the shape (k, 1), for k sets of them at once.
"""

from __future__ import annotations

import numpy as np

from baler.physics.measured import Floats


def crystal_ball(
    x: Floats, mean: Floats, sigma: Floats, left: Floats, right: Floats, power: float
) -> Floats:
    """A normal core with a power-law tail from ``left`` and ``right`` standard deviations on.

    J. Gaiser, Ph.D. thesis, SLAC-R-255 (1982), appendix F, on both sides:
    exp(-a^2 / 2) [1 + a (|t| - a) / n]^-n beyond a, continuous with its slope.
    """
    t = (x - mean) / sigma
    edge = np.where(t < 0, left, right)
    beyond = np.maximum(np.abs(t) - edge, 0.0)
    core = np.minimum(np.abs(t), edge)
    shape: Floats = np.exp(-0.5 * core**2) * (1 + edge * beyond / power) ** -power
    return shape
