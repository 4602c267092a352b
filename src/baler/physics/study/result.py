"""What came of a study: one JSON file, from which every table and plot is made."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from baler.physics.study.binned import Binned
from baler.physics.study.classifier import Separation
from baler.physics.study.columns import ColumnChange, Lattice
from baler.physics.study.distances import Distance
from baler.physics.study.observables import ObservableChange
from baler.physics.study.shifts import Shift
from baler.report.plain import from_plain, load, save, to_plain

VERSION = 1
WHAT = "result of a study"
OURS = "baler"
"""How the names of our codecs begin."""


@dataclass(frozen=True, slots=True)
class Sample:
    """Events of a role, as they were."""

    role: str
    name: str
    events: int
    effective: float  # events of weight 1 that say as much
    original: int  # bytes of all columns
    simulated: bool


@dataclass(frozen=True, slots=True)
class Size:
    """What the events of a role take, and whether their bounds were kept."""

    role: str
    size: int  # bytes of all columns, without a model
    compress_seconds: float  # CPU
    decompress_seconds: float
    worst: float  # largest error / bound
    broken: tuple[str, ...]  # columns with values beyond their bounds
    zeros_moved: int  # zeros that changed within the bound


@dataclass(frozen=True, slots=True)
class Originals:
    """Everything before compression that plots need."""

    columns: Mapping[str, Binned]  # of the first role
    observables: Mapping[str, Binned]  # by "role: name"
    spectra: Mapping[str, Binned]  # the histograms of the analysis


@dataclass(frozen=True, slots=True)
class Effect:
    """A treatment, and what it does."""

    codec: str
    policy: str
    bounds: Mapping[str, str]
    promised: bool  # bounds for all columns; an autoencoder without bounds promises none
    model_bytes: int
    sizes: tuple[Size, ...]
    shifts: tuple[Shift, ...]
    observables: tuple[ObservableChange, ...]
    spectra: Mapping[str, Binned]
    columns: tuple[ColumnChange, ...]
    lattices: tuple[Lattice, ...]
    sliced: Distance
    separation: Separation

    @property
    def name(self) -> str:
        """The name in tables and plots."""
        return self.codec if self.policy == "exact" else f"{self.codec}, {self.policy}"

    @property
    def size(self) -> int:
        """Bytes of all samples, without a model."""
        return sum(one.size for one in self.sizes)

    @property
    def ours(self) -> bool:
        """Whether the codec is one of ours."""
        return self.codec.startswith(OURS)

    @property
    def verified(self) -> bool | None:
        """Whether every value is within its bound; None where not all values have one."""
        if any(one.broken for one in self.sizes):
            return False
        return True if self.promised else None

    @property
    def largest_shift(self) -> Shift | None:
        """The shift that is largest in units of its statistical uncertainty; None without any.

        Shifts without an uncertainty of their own do not count.
        """
        known = [one for one in self.shifts if not one.failure and math.isfinite(one.relative)]
        return max(known, key=lambda one: abs(one.relative), default=None)

    @property
    def lost(self) -> tuple[str, ...]:
        """The numbers that were measured before, and no longer are."""
        return tuple(
            one.quantity
            for one in self.shifts
            if math.isfinite(one.before) > math.isfinite(one.after)
        )

    def shift(self, quantity: str) -> Shift | None:
        """Return the shift of a quantity."""
        return next((one for one in self.shifts if one.quantity == quantity), None)


@dataclass(frozen=True, slots=True)
class Study:
    """All treatments of the same events, for one analysis."""

    about: Mapping[str, Any]  # plain JSON: what was asked, with which version, where
    analysis: str
    title: str
    samples: tuple[Sample, ...]
    originals: Originals
    effects: tuple[Effect, ...] = ()
    skipped: Mapping[str, str] | None = None  # treatment -> reason

    @property
    def original(self) -> int:
        """Bytes of all samples before compression."""
        return sum(sample.original for sample in self.samples)

    @property
    def events(self) -> int:
        """Events of all samples."""
        return sum(sample.events for sample in self.samples)

    @property
    def broken(self) -> bool:
        """Whether a codec of ours breaks a bound."""
        return any(effect.ours and effect.verified is False for effect in self.effects)

    def with_effect(self, effect: Effect) -> Study:
        """Return the study with one more effect."""
        return replace(self, effects=(*self.effects, effect))

    def has(self, codec: str, policy: str) -> Effect | None:
        """Return the effect of a treatment, if it is there."""
        return next((e for e in self.effects if (e.codec, e.policy) == (codec, policy)), None)

    def ratio(self, effect: Effect, *, with_model: bool = False) -> float:
        """Return original bytes over bytes."""
        return self.original / max(1, effect.size + with_model * effect.model_bytes)

    def bytes_per_event(self, effect: Effect) -> float:
        """Return the bytes of an event, all samples together."""
        return effect.size / max(1, self.events)

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON: nan is null, infinities are strings; floats have six digits."""
        content: dict[str, Any] = {"version": VERSION, **to_plain(self)}
        for plain, effect in zip(content["effects"], self.effects, strict=True):
            plain["ratio"] = to_plain(self.ratio(effect))
            plain["ratio_with_model"] = to_plain(self.ratio(effect, with_model=True))
            plain["bytes_per_event"] = to_plain(self.bytes_per_event(effect))
        return content

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Study:
        """Invert `to_json`."""
        return from_plain(cls, content)  # type: ignore[no-any-return]

    def save(self, path: Path) -> None:
        """Write the file, under its name when it is complete."""
        save(path, self.to_json())

    @classmethod
    def load(cls, path: Path) -> Study:
        """Read the file; raises UsageError for what is no such result."""
        return load(path, cls, WHAT, VERSION)
