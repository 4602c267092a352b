"""What a training tells while it runs and when it is done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Step:
    """How far a training is: told again and again."""

    collection: str
    done: float  # of the whole training, 0 to 1
    bits: float  # held out, per value of this collection
    marginal: float | None  # the same without a model; None where ``bits`` is another loss


@dataclass(frozen=True, slots=True)
class Figures:
    """What came of one collection; bits are those of one of its objects in held-out events."""

    collection: str
    objects: int  # held out
    columns: int
    marginal: float  # without a model
    learned: float  # with it, of each column whichever is smaller
    floating: float  # of the float network, all columns
    frozen: float  # of the integer network, all columns
    kept: bool

    @property
    def ratio(self) -> float:
        """How many times smaller than without a model."""
        return self.marginal / self.learned if self.learned else 1.0

    @property
    def freezing(self) -> float:
        """Part by which the integer network takes more bits than the float one."""
        return self.frozen / self.floating - 1 if self.floating else 0.0

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain JSON."""
        return {**asdict(self), "ratio": self.ratio, "freezing": self.freezing}


@dataclass(frozen=True, slots=True)
class Training:
    """What came of a training."""

    target: str
    written: bool  # not if no network makes anything smaller
    model_bytes: int
    sha256: str
    seconds: float
    entries: int  # events trained on
    held_out: int  # events judged by
    steps: Mapping[str, int]  # of each network
    figures: tuple[Figures, ...]
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain JSON."""
        return {
            **asdict(self),
            "figures": [figures.to_json() for figures in self.figures],
            "notes": list(self.notes),
        }
