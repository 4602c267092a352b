"""Shapes of peaks and of what lies under them, as functions of a mass; all are vectorised.

Parameters may have the shape (k, 1), for k parameter sets at once. Peaks have a height of 1 at
their position.
"""

from __future__ import annotations

import numpy as np

from baler.physics.analyses.base import Floats


def gaussian(x: Floats, mean: Floats, sigma: Floats) -> Floats:
    """A normal distribution."""
    shape: Floats = np.exp(-0.5 * ((x - mean) / sigma) ** 2)
    return shape


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


def breit_wigner(x: Floats, mean: Floats, width: Floats) -> Floats:
    """A relativistic Breit-Wigner with a width that grows with the mass (PDG, section 50)."""
    return (mean * width) ** 2 / ((x**2 - mean**2) ** 2 + (x**2 * width / mean) ** 2)
