"""Arithmetic of latent networks: whole numbers in float64, exact, so equal on every machine.

A number x stands for x / 2**14. Products and sums stay below 2**52 in magnitude (nodes prove that
when they are made), where float64 holds every integer: the order of a sum does not matter, nor
whether it is fused. What is not a sum is an IEEE 754 operation on single numbers, rounded once.
Normative in docs/latent.md.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from baler.quantise.elementary import exp

Numbers = npt.NDArray[np.float64]
"""Whole numbers in float64."""

FRACTION = 14
ONE = 1 << FRACTION
LIMIT = (1 << 20) - 1
"""Largest magnitude of a number between two nodes."""
EXACT = 1 << 52
"""Every sum stays below this."""
REACH = 8 * ONE
"""Tabulated functions are constant, or linear, beyond."""


def clipped(numbers: Numbers) -> Numbers:
    """Return numbers brought to the range between nodes."""
    return np.clip(numbers, -LIMIT, LIMIT)


def shifted(numbers: Numbers, bits: int) -> Numbers:
    """Return ``floor(numbers / 2**bits + 1/2)``; exact below EXACT."""
    return np.floor(numbers * 2.0**-bits + 0.5)


def divided(numbers: Numbers, by: Numbers) -> Numbers:
    """Return ``floor(numbers / by + 1/2)``, where the quotient is rounded to float64 first."""
    return np.floor(numbers / by + 0.5)


def _sigmoid(x: Numbers) -> Numbers:
    return np.asarray(1.0 / (1.0 + exp(-x)))


def _tanh(x: Numbers) -> Numbers:
    return np.asarray(2.0 / (1.0 + exp(-2.0 * x)) - 1.0)


def _gelu(x: Numbers) -> Numbers:
    return np.asarray(x / (1.0 + exp(-1.702 * x)))


def _silu(x: Numbers) -> Numbers:
    return np.asarray(x / (1.0 + exp(-x)))


_TABULATED: dict[str, Callable[[Numbers], Numbers]] = {
    "tanh": _tanh, "sigmoid": _sigmoid, "gelu": _gelu, "silu": _silu,
}  # fmt: skip

FUNCTIONS = ("relu", "leaky", *_TABULATED)
"""Activations; their order is part of the stored form."""


@functools.lru_cache(maxsize=8)
def _table(name: str) -> Numbers:
    """Return a function of all numbers from -REACH to REACH."""
    x = np.arange(-REACH, REACH + 1, dtype=np.float64) / ONE
    return np.floor(_TABULATED[name](x) * ONE + 0.5)


def activated(name: str, numbers: Numbers) -> Numbers:
    """Return an activation of numbers within LIMIT."""
    if name == "relu":
        return np.maximum(numbers, 0.0)
    if name == "leaky":
        return np.where(numbers < 0, np.floor(numbers * (41 / 4096) + 0.5), numbers)
    inside = np.clip(numbers, -REACH, REACH)
    found = _table(name)[(inside + REACH).astype(np.int64)]
    if name in ("gelu", "silu"):
        found = np.where(numbers > REACH, numbers, found)
    return found


def weight_of(scores: Numbers) -> Numbers:
    """Return ``exp(scores / 2**14)`` for scores from minus infinity to 0, in 2**-16, as integers.

    Scores below -16 count as -16.
    """
    x = np.maximum(scores, -16.0 * ONE) * (1.0 / ONE)
    return np.floor(exp(x) * 65536.0 + 0.5)
