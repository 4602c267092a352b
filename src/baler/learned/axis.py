"""Axes: how the values of a column become classes and numbers, and these become features.

Normative in docs/learned.md, sections 1 and 2.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from baler.core.bounds import Bound, same_bits
from baler.errors import Corrupt
from baler.quantise.lattice import Lattice

Array = npt.NDArray[Any]
Ints = npt.NDArray[np.int64]
Classes = npt.NDArray[np.uint8]
Features = npt.NDArray[np.int16]
Keeps = Callable[[Array, Array], npt.NDArray[np.bool_]]

MAX_ATOMS = 64
MAX_NUMBER = 1 << 53
INDICATORS = 8
"""Atoms of which a source of features says whether they are there."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """What an encoder makes of a column on its axis."""

    decoded: Array  # what comes back
    kept: int  # how many values are verbatim
    worst: float  # largest error / bound of the others; 0 where all bits are the same


class Kind(IntEnum):
    """What a feature does with its number."""

    CLAMP = 0
    MAGNITUDE = 1
    WAVE = 2


@dataclass(frozen=True, slots=True)
class Feature:
    """A small integer made of a number, or of a number less its base."""

    kind: Kind
    center: int
    multiplier: int
    shift: int
    relative: bool = False

    def __post_init__(self) -> None:
        """Check the ranges that keep all arithmetic within 64 bits."""
        within = abs(self.center) < MAX_NUMBER and abs(self.multiplier) < 1 << 20
        if not within or not 0 <= self.shift <= 62:
            raise Corrupt(f"a feature has parameters out of range: {self}")

    def of(self, numbers: Ints) -> Features:
        """Return the features of numbers (int16, same shape)."""
        apart = np.clip(numbers - self.center, -(1 << 40), 1 << 40)
        scaled = (apart * self.multiplier) >> self.shift
        if self.kind is Kind.WAVE:
            half = scaled & 511
            wave = (half * (512 - half)) >> 7
            return np.asarray(np.where(scaled & 512, -wave, wave).astype(np.int16))
        clamped = np.clip(scaled, -512, 511).astype(np.int16)
        return np.asarray(np.abs(clamped)) if self.kind is Kind.MAGNITUDE else clamped


@dataclass(frozen=True, slots=True)
class Axis:
    """How one column is seen by a model."""

    column: str
    dtype: np.dtype[Any]
    counts: str  # name of the column of counts; "" for one value per entry
    bound: str  # that the lattice keeps, as in a policy
    lattice: Lattice
    atoms: tuple[bytes, ...]  # values, in the dtype
    numeric: bool
    signed: bool
    period: int
    center: int
    features: tuple[Feature, ...]

    def __post_init__(self) -> None:
        """Check the ranges."""
        wrong = [atom for atom in self.atoms if len(atom) != self.dtype.itemsize]
        if len(self.atoms) > MAX_ATOMS or wrong:
            raise Corrupt(f"axis {self.column!r} has bad atoms")
        if not 0 <= self.period <= MAX_NUMBER or abs(self.center) >= MAX_NUMBER:
            raise Corrupt(f"axis {self.column!r} has a period or centre out of range")
        if self.signed and (self.period or not self.numeric):
            raise Corrupt(f"axis {self.column!r} has a sign and no magnitude")

    @property
    def on_lattice(self) -> int:
        """The class of values on the lattice; negative ones of signed axes have the next."""
        return len(self.atoms)

    @property
    def verbatim(self) -> int:
        """The class of values that are kept beside the code."""
        return len(self.atoms) + 2

    @property
    def classes(self) -> int:
        """Number of classes."""
        return len(self.atoms) + 3

    def split(self, values: Array, keeps: Keeps | None = None) -> tuple[Classes, Ints]:
        """Return the classes and numbers of values, one each.

        With ``keeps`` (for the encoder), a value on the lattice that may not come back as the
        lattice's own is verbatim.
        """
        with np.errstate(all="ignore"):
            numbers = self.lattice.nearest(values)
            far = (numbers <= -MAX_NUMBER) | (numbers >= MAX_NUMBER)
            if values.dtype.kind == "f":
                far |= ~np.isfinite(values)
            if keeps is not None:
                back = self.lattice.values(np.where(far, 0, numbers), self.dtype)
                far |= ~keeps(values, back)
        classes = np.full(values.size, self.on_lattice, np.uint8)
        if self.signed:
            classes[numbers < 0] += 1
            numbers = np.abs(numbers)
        classes[far] = self.verbatim
        bits = values.view(f"u{values.dtype.itemsize}")
        for k in reversed(range(len(self.atoms))):
            classes[bits == np.frombuffer(self.atoms[k], bits.dtype)] = k
        numbers[(classes < self.on_lattice) | (classes == self.verbatim)] = self.center
        return classes, numbers

    def fit(
        self, values: Array, bound: Bound, sigma: Array | None, classes: Classes, numbers: Ints
    ) -> Fitted:
        """Fill in classes and numbers; values that may not come back from a number are verbatim."""
        decoded = values
        errors = np.zeros(values.shape)

        def keeps(values: Array, back: Array) -> npt.NDArray[np.bool_]:
            nonlocal decoded, errors
            decoded = back
            if not bound.lossy:
                return same_bits(values, back)
            errors = bound.over(values, back, sigma)
            return np.asarray(errors <= 1.0)

        classes[:], numbers[:] = self.split(values, keeps)
        on = (classes == self.on_lattice) | (classes == self.on_lattice + 1)
        return Fitted(
            np.where(on, decoded, values),
            int((classes == self.verbatim).sum()),
            float(errors.max(where=on, initial=0.0)),
        )

    def join(self, classes: Classes, numbers: Ints, verbatim: Array) -> Array:
        """Return the values of classes and numbers; ``verbatim`` are those of the last class."""
        signs = np.where(classes == self.on_lattice + 1, -1, 1) if self.signed else 1
        on = (classes == self.on_lattice) | (classes == self.on_lattice + 1)
        values = self.lattice.values(np.where(on, numbers * signs, 0), self.dtype)
        for k, atom in enumerate(self.atoms):
            values[classes == k] = np.frombuffer(atom, self.dtype)[0]
        kept = classes == self.verbatim
        if int(kept.sum()) != verbatim.size or bool((classes > self.verbatim).any()):
            raise Corrupt(f"{int(kept.sum())} of {self.column!r} are verbatim, not {verbatim.size}")
        values[kept] = verbatim
        return values

    def wrap(self, numbers: Ints) -> Ints:
        """Return numbers within half a turn of 0; as they are if there is no period."""
        if not self.period:
            return numbers
        return numbers - self.period * ((numbers + (self.period >> 1)) // self.period)

    def features_of(self, classes: Classes, numbers: Ints, bases: Ints | None) -> Features:
        """Return features (values, features), 0 off the lattice.

        ``bases`` are for the relative ones; without it, those are left out.
        """
        apart = numbers if bases is None else self.wrap(numbers - bases)
        made = [
            feature.of(apart if feature.relative else numbers)
            for feature in self.features
            if bases is not None or not feature.relative
        ]
        off = (classes < self.on_lattice) | (classes == self.verbatim)
        table = np.stack(made, 1) if made else np.zeros((classes.size, 0), np.int16)
        table[off] = 0
        return table

    def source_features(self, classes: Classes, numbers: Ints) -> Features:
        """Return what this column tells other collections: features, then indicators of classes."""
        marks = [classes == k for k in range(min(len(self.atoms), INDICATORS))]
        if self.signed:
            marks.append(classes == self.on_lattice + 1)
        table = self.features_of(classes, numbers, None)
        return np.concatenate([table, *(64 * mark[:, None].astype(np.int16) for mark in marks)], 1)
