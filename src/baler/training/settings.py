"""How a training goes, besides the events that it sees."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from baler.errors import UsageError
from baler.learned.checks import MAX_TABLES, MAX_WIDTH
from baler.learned.checks import STEP as UNITS

if TYPE_CHECKING:
    import torch

DEVICES = ("auto", "cpu", "cuda")

FEW = 16
"""Columns up to which a network has NARROW hidden units, if it is not said how many; then WIDE."""
NARROW, WIDE = 64, 128


@dataclass(frozen=True, slots=True)
class Settings:
    """Length, place, seed and size; raises UsageError if they make no sense."""

    minutes: float = 10.0
    steps: int | None = None  # of every network, instead of minutes
    device: str = "auto"
    seed: int = 0
    hidden: int | None = None  # units of every network; None: by its columns
    shapes: int = 8
    uses: float = 20.0  # times the events of the sources that the model is to pay for itself on

    def __post_init__(self) -> None:
        """Check the ranges."""
        if not 0 < self.minutes < math.inf:
            raise UsageError(f"a training takes some minutes, not {self.minutes}")
        if self.steps is not None and self.steps < 1:
            raise UsageError(f"a training takes at least one step, not {self.steps}")
        if self.device not in DEVICES:
            raise UsageError(f"there is no device {self.device!r}; known are {', '.join(DEVICES)}")
        if self.hidden is not None and (
            self.hidden % UNITS or not UNITS <= self.hidden <= MAX_WIDTH
        ):
            raise UsageError(
                f"a network has a multiple of {UNITS} hidden units, up to {MAX_WIDTH}, "
                f"not {self.hidden}"
            )
        if not 1 <= self.shapes <= MAX_TABLES:
            raise UsageError(f"a column has 1 to {MAX_TABLES} shapes, not {self.shapes}")
        if not 0 < self.uses < math.inf:
            raise UsageError(f"a model is used some times, not {self.uses}")
        if self.seed < 0:
            raise UsageError(f"a seed is not negative, like {self.seed}")

    def notes(self) -> dict[str, Any]:
        """Return what a model says of its training."""
        length = {"steps": self.steps} if self.steps else {"minutes": self.minutes}
        units = {} if self.hidden is None else {"hidden": self.hidden}
        size = {**units, "shapes": self.shapes, "uses": self.uses}
        return {"seed": self.seed, **size, **length}

    def units(self, columns: int) -> int:
        """Return the hidden units of a network that codes so many columns."""
        if self.hidden is not None:
            return self.hidden
        return NARROW if columns <= FEW else WIDE

    def torch_device(self) -> torch.device:
        """Return the device to train on; raises UsageError if it is not there."""
        import torch

        there = torch.cuda.is_available()
        if self.device == "cuda" and not there:
            raise UsageError("there is no CUDA device that PyTorch can use; try --device cpu")
        return torch.device("cuda" if there and self.device != "cpu" else "cpu")
