"""Views: how the values of a column become numbers for a network, and its numbers values.

Normative in docs/latent.md, section 2.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from baler.errors import Corrupt
from baler.latent.arithmetic import LIMIT, ONE, Numbers
from baler.quantise.elementary import PI, atan2, exp, sinh

Array = npt.NDArray[Any]


class Scale(IntEnum):
    """What is linear in a network's number."""

    LINEAR = 0  # the value
    LOG = 1  # its logarithm
    ASINH = 2  # asinh(value / unit)
    ANGLE = 3  # nothing: two numbers point into the direction of the value


@dataclass(frozen=True, slots=True)
class View:
    """One column. With z a network's number, ``centre + spread * z`` is what the scale says."""

    column: str
    dtype: np.dtype[Any]
    scale: Scale
    centre: float
    spread: float
    unit: float = 1.0  # of ASINH; the period of ANGLE

    def __post_init__(self) -> None:
        """Check the ranges."""
        good = math.isfinite(self.centre) and 0 < self.spread < math.inf
        if not good or not 0 < self.unit < math.inf:
            raise Corrupt(f"the view of {self.column!r} has bad parameters")

    @property
    def channels(self) -> int:
        """How many numbers a value is."""
        return 2 if self.scale is Scale.ANGLE else 1

    def real(self, values: Array) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
        """Return what a network sees of values, (values, channels), and which it sees at all.

        For encoders and training: any machine may round differently. Unseen are values that are
        not finite, or not positive on a logarithmic scale; they give 0.
        """
        x = values.astype(np.float64)
        seen = np.isfinite(x)
        if self.scale is Scale.LOG:
            seen &= x > 0
        x = np.where(seen, x, 1.0)
        if self.scale is Scale.ANGLE:
            turn = x * (2 * math.pi / self.unit)
            found = np.stack([np.cos(turn), np.sin(turn)], -1)
        else:
            if self.scale is Scale.LOG:
                x = np.log(x)
            elif self.scale is Scale.ASINH:
                x = np.arcsinh(x / self.unit)
            found = ((x - self.centre) / self.spread)[..., None]
        return np.where(seen[..., None], found, 0.0), seen

    def numbers(self, values: Array) -> Numbers:
        """Return what an encoder sees of values, (values, channels)."""
        return np.clip(np.rint(self.real(values)[0] * ONE), -LIMIT, LIMIT)

    def values(self, numbers: Numbers) -> Array:
        """Return the values of a network's numbers, (values, channels), in the dtype (normative).

        Values that are too large for the dtype become its largest ones, never infinite.
        """
        with np.errstate(over="ignore", invalid="ignore"):
            if self.scale is Scale.ANGLE:
                x = atan2(numbers[..., 1], numbers[..., 0]) * (self.unit / (2 * PI))
            else:
                x = self.centre + self.spread * (numbers[..., 0] * (1.0 / ONE))
                if self.scale is Scale.LOG:
                    x = exp(x)
                elif self.scale is Scale.ASINH:
                    x = self.unit * sinh(x)
            return _to_dtype(x, self.dtype)


def _to_dtype(x: npt.NDArray[np.float64], dtype: np.dtype[Any]) -> Array:
    if dtype.kind == "b":
        return np.asarray(x >= 0.5)
    if dtype.kind == "f":
        largest = float(np.finfo(dtype).max)
        return np.clip(x, -largest, largest).astype(dtype)
    limits = np.iinfo(dtype)
    largest = float(min(int(limits.max), 1 << 53))
    return np.clip(np.rint(x), float(max(int(limits.min), -(1 << 53))), largest).astype(dtype)
