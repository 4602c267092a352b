"""Quantities of objects that follow from other collections: docs/learned.md, section 8.

Float64 with ``+ - * /``, the square root and `baler.quantise.elementary`, each rounded once, in the
order written here; sums run over children in their order. Every machine gives the same bits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from enum import IntEnum
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from baler.errors import Corrupt
from baler.learned import kernel
from baler.learned.axis import Axis
from baler.learned.network import ObjectSource
from baler.quantise.elementary import PI, asinh, atan2, cosh, sin_cos, sinh

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Values = Callable[[str], Array]

EVERY = -2
"""As a constant: all children count."""
NOT_ZERO = -1
"""As a constant: children with a selector that is not zero count."""
MANY = 1 << 16
"""About so many children are looked at together, so that what is in between stays in the cache."""
LEAST = 2.0**-40
"""Sums that are divided by are at least this."""


class Derived(IntEnum):
    """What is derived; its inputs are a key, then pt, eta, phi, mass, then a selector."""

    COUNT = 0
    PT = 1
    ETA = 2
    PHI = 3
    MASS = 4
    FRACTION = 5  # of energy, in the selected children
    WIDTH = 6
    DISPERSION = 7
    MAJOR = 8
    MINOR = 9
    CHARGE = 10  # weighted by the square root of pt; the selector is the charge
    FIRST = 11  # largest pt of selected children
    SECOND = 12
    THIRD = 13
    POINTING = 14  # inputs are a key and a column: its value in the first object that points here


def inputs_of(kind: int) -> int:
    """Return how many columns a quantity is made of."""
    return 2 if kind == Derived.POINTING else 6


def columns_of(axes: Sequence[Axis], source: ObjectSource) -> tuple[str, ...]:
    """Return the names of all columns that are read for a source, but for this collection's."""
    names = {axes[i].column for i in source.inputs} | {axes[i].counts for i in source.inputs}
    return tuple(sorted(names - {""}))


def in_runs(
    axes: Sequence[Axis], sources: Sequence[ObjectSource], counts: Ints, column: Values
) -> Iterator[tuple[slice, Derivations]]:
    """Yield runs of events: their objects, and what is derived for these."""
    inputs = [axes[i] for source in sources for i in source.inputs]
    of = {axis.column: axis.counts for axis in inputs}
    ends = {name: np.cumsum(column(name), dtype=np.int64) for name in set(of.values()) - {""}}
    ends[""] = np.arange(1, counts.size + 1)
    if any(end.size != counts.size for end in ends.values()):
        raise Corrupt("a key of derived quantities is one of other events")
    own, children = np.cumsum(counts), sum(int(end[-1]) if end.size else 0 for end in ends.values())
    step = max(1, counts.size * MANY // max(children, 1))
    for first in range(0, counts.size, step):
        events = slice(first, first + step)

        def some(name: str, events: slice = events) -> Array:
            if name in ends:
                return column(name)[events]
            return column(name)[_rows(ends[of[name]], events)]

        yield _rows(own, events), Derivations(axes, counts[events], some)


def _rows(ends: Ints, events: slice) -> slice:
    """Return the rows of some events, from where those of each end."""
    before = int(ends[events.start - 1]) if events.start else 0
    return slice(before, int(ends[min(events.stop, ends.size) - 1]))


class Derivations:
    """Derived quantities of the objects of one collection in some events.

    What they share is kept.
    """

    def __init__(self, axes: Sequence[Axis], counts: Ints, column: Values) -> None:
        """Take counts of the objects' collection, and decoded columns by name."""
        self._axes, self._counts, self._column = axes, counts, column
        self._families: dict[tuple[int, ...], Family] = {}

    def values(self, source: ObjectSource) -> Floats:
        """Return the value of a source for each object; NaN where there is none."""
        if source.kind >= len(Derived) or len(source.inputs) != inputs_of(source.kind):
            inputs = len(source.inputs)
            raise Corrupt(f"there is no derived quantity {source.kind} of {inputs} columns")
        chosen = [self._axes[i] for i in source.inputs]
        if any(axis.counts != chosen[0].counts for axis in chosen) or not chosen[0].counts:
            raise Corrupt("a derived quantity is made of columns of different collections")
        found = self._found(source, chosen)
        return np.where(np.isnan(found), np.nan, found)  # machines make different ones

    def _found(self, source: ObjectSource, chosen: Sequence[Axis]) -> Floats:
        if source.kind == Derived.POINTING:
            owner = self._owners(chosen[0])
            return _pointing(owner, self._column(chosen[1].column), int(self._counts.sum()))
        known = source.inputs[:-1]
        if known not in self._families:
            owner = self._owners(chosen[0])
            arrays = [self._column(axis.column) for axis in chosen[1:-1]]
            self._families[known] = Family(owner, int(self._counts.sum()), *arrays)
        selector = self._column(chosen[-1].column)
        with np.errstate(all="ignore"):
            return self._families[known].derive(Derived(source.kind), selector, source.constant)

    def _owners(self, key: Axis) -> Ints:
        children = self._column(key.counts).astype(np.int64)
        return owners(self._column(key.column), children, self._counts)


def owners(key: Array, children: Ints, counts: Ints) -> Ints:
    """Return the object that each child's key points to; -1 for none."""
    if key.dtype.kind not in "iu" or children.size != counts.size:
        raise Corrupt("a key of derived quantities is not one of integers, or of other events")
    index = key.astype(np.int64)
    event = np.repeat(np.arange(counts.size), children)
    inside = (index >= 0) & (index < counts[event])
    return np.where(inside, (np.cumsum(counts) - counts)[event] + index, -1)


def _pointing(owner: Ints, values: Array, size: int) -> Floats:
    found = np.full(size, np.nan)
    there = np.flatnonzero(owner >= 0)[::-1]
    found[owner[there]] = values[there].astype(np.float64)
    return found


class Family:
    """The children of all objects, and what they make together."""

    def __init__(
        self, owner: Ints, size: int, pt: Array, eta: Array, phi: Array, mass: Array
    ) -> None:
        """Keep the children that belong to an object."""
        self.there = owner >= 0
        self.owner, self.size = owner[self.there], size
        self._largest: tuple[Array, int, Floats] | None = None  # of a selector and a constant
        self.pt, self.eta, self.phi, self.mass = (
            array[self.there].astype(np.float64) for array in (pt, eta, phi, mass)
        )

    @cached_property
    def total(self) -> Floats:
        """Sums of pt, at least LEAST."""
        return np.maximum(self.sum(self.pt), LEAST)

    @cached_property
    def components(self) -> tuple[Floats, ...]:
        """The x, y and z components of momentum, and its magnitude, of each child."""
        native = kernel.native()
        if native is not None:
            found: tuple[Floats, ...] = native[0].momenta(self.pt, self.eta, self.phi, **native[1])
            return found
        return _components(self.pt, self.eta, self.phi)

    @cached_property
    def momentum(self) -> Floats:
        """Magnitudes of momentum, which stand for energies in fractions."""
        return self.components[3]

    @cached_property
    def energy(self) -> Floats:
        """Sums of momentum, at least LEAST."""
        return np.maximum(self.sum(self.momentum), LEAST)

    @cached_property
    def vector(self) -> tuple[Floats, Floats, Floats, Floats]:
        """Sums of x, y and z components, and the transverse momentum of the sum."""
        x, y, z = (self.sum(part) for part in self.components[:3])
        return x, y, z, np.sqrt(x * x + y * y)

    @cached_property
    def axis(self) -> tuple[Floats, Floats]:
        """Pseudorapidity and azimuth of the sum."""
        x, y, z, pt = self.vector
        return asinh(z / np.maximum(pt, LEAST)), atan2(y, x)

    @cached_property
    def apart(self) -> tuple[Floats, Floats]:
        """How far each child is from its axis, in pseudorapidity and azimuth."""
        eta, phi = self.axis
        dphi = self.phi - phi[self.owner]
        return self.eta - eta[self.owner], dphi - 2 * PI * np.floor((dphi + PI) / (2 * PI))

    @cached_property
    def ellipse(self) -> tuple[Floats, Floats, Floats]:
        """Second moments around the mean, weighted by the square of pt."""
        deta, dphi = self.apart
        weight = self.pt * self.pt
        whole = np.maximum(self.sum(weight), LEAST)
        a, b = self.sum(weight * deta) / whole, self.sum(weight * dphi) / whole
        return (
            self.sum(weight * (deta * deta)) / whole - a * a,
            self.sum(weight * (dphi * dphi)) / whole - b * b,
            self.sum(weight * (deta * dphi)) / whole - a * b,
        )

    def derive(self, kind: Derived, selector: Array, constant: int) -> Floats:
        """Return a quantity of each object; NaN for those without children."""
        match kind:
            case Derived.COUNT:
                return self.sum(self.chosen(selector, constant).astype(np.float64))
            case Derived.FRACTION:
                chosen = self.chosen(selector, constant)
                return self.sum(np.where(chosen, self.momentum, 0.0)) / self.energy
            case Derived.FIRST | Derived.SECOND | Derived.THIRD:
                return np.asarray(self.largest(selector, constant)[kind - Derived.FIRST])
            case Derived.CHARGE:
                root, charge = np.sqrt(self.pt), selector[self.there].astype(np.float64)
                charged = np.maximum(self.sum(np.where(charge != 0, root, 0.0)), LEAST)
                return self.sum(charge * root) / charged
            case Derived.DISPERSION:
                return np.sqrt(self.sum(self.pt * self.pt)) / self.total
            case Derived.WIDTH:
                deta, dphi = self.apart
                return self.sum(self.pt * np.sqrt(deta * deta + dphi * dphi)) / self.total
            case Derived.MAJOR | Derived.MINOR:
                aa, bb, ab = self.ellipse
                root = np.sqrt(np.maximum((aa - bb) * (aa - bb) + 4 * (ab * ab), 0.0))
                wide = (aa + bb) + root if kind is Derived.MAJOR else (aa + bb) - root
                return np.sqrt(np.maximum(wide / 2, 0.0))
        x, y, z, pt = self.vector
        match kind:
            case Derived.MASS:
                e = self.sum(np.sqrt(self.momentum * self.momentum + self.mass * self.mass))
                return np.sqrt(np.maximum(((e * e - x * x) - y * y) - z * z, 0.0))
            case Derived.PT:
                found = pt
            case _:
                found = self.axis[kind - Derived.ETA]
        return np.where(pt > 0, found, np.nan)

    def chosen(self, selector: Array, constant: int) -> npt.NDArray[np.bool_]:
        """Return which children count."""
        if constant == EVERY:
            return np.ones(self.owner.size, np.bool_)
        selected = selector[self.there].astype(np.float64)
        return np.asarray(selected != 0 if constant == NOT_ZERO else np.abs(selected) == constant)

    def sum(self, values: Floats) -> Floats:
        """Return sums over the children of each object, in their order."""
        native, found = kernel.native(), np.empty(self.size)
        if native is not None:
            native[0].sums(values, self.owner, found)
        else:
            found[:] = np.bincount(self.owner, values, self.size)
        return found

    def largest(self, selector: Array, constant: int) -> Floats:
        """Return the three largest pt of chosen children, (3, objects); 0 where there are fewer."""
        if (known := self._largest) and known[0] is selector and known[1] == constant:
            return known[2]
        chosen, native = self.chosen(selector, constant), kernel.native()
        found = np.zeros((3, self.size))
        if native is not None:
            native[0].largest(self.pt, self.owner, chosen, found)
        else:
            order = np.lexsort((-self.pt, self.owner))
            order = order[chosen[order]]
            children = np.bincount(self.owner[order], None, self.size)
            first = np.cumsum(children) - children
            for rank in range(3):
                there = children > rank
                found[rank, there] = self.pt[order[first[there] + rank]]
        self._largest = selector, constant, found
        return found


def _components(pt: Floats, eta: Floats, phi: Floats) -> tuple[Floats, ...]:
    sine, cosine = sin_cos(phi)
    return pt * cosine, pt * sine, pt * sinh(eta), pt * cosh(eta)
