"""The search for derived columns: formulas of physics and lookups that may predict a column.

Everything here only proposes, from a few rows of the first chunk. The encoder tries what is
proposed on every chunk, with decoded parents, and keeps it if it saves bytes. What a formula may
save is judged with parents as coarse as their bounds make them: momenta that are coded coarsely
give an energy only roughly.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from baler.codecs.formulas import BY_NAME, predict
from baler.codecs.search import is_constant
from baler.core.bounds import Absolute, Bound, Relative, Sigma
from baler.core.recipe import Prediction
from baler.core.schema import Column
from baler.planning.kinematics import attempts, particles
from baler.quantise.elementary import PI

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]
Collections = dict[tuple[str | None, int], list[int]]

ROWS, SCREEN = 64, 12
"""Rows that formulas are tried on, and those of them that a first look takes."""
PAIRS, TRIPLES, FRACTIONS = 48, 16, 8
"""Only the first so many floats of a collection are tried in pairs, in triples, as parts."""
MOST = 256
"""Names are looked at of so many floats of a collection."""
CLOSER = 2.0**-5
"""A formula must come this much closer to a column than the column's own spread."""
GAIN, PER_PART = 0.5, 0.05
"""Bits per value that a formula must be expected to save; those that a parent or constant costs."""
KEYS, KEYED_ROWS = 32, 512
"""Of the integers of a collection, the first so many are tried as keys, on so many rows."""


@dataclass(frozen=True, slots=True, order=True)
class Proposal:
    """A prediction and the bits per value that it may cost more than one that costs nothing."""

    loss: float
    target: int
    prediction: Prediction = field(compare=False)


def derived(
    columns: Sequence[Column],
    arrays: Sequence[Array],
    bounds: Sequence[Bound],
    order: Sequence[int],
    skip: set[int],
) -> list[Proposal]:
    """Return promising predictions of columns from others of their collection, best first."""
    floats: Collections = defaultdict(list)
    others: Collections = defaultdict(list)
    for i in order:
        if i not in skip and arrays[i].size >= 8 and not is_constant(arrays[i]):
            place = columns[i].counts, columns[i].width
            others[place].append(i)
            if columns[i].is_float:
                floats[place].append(i)
    found: list[Proposal] = []
    with np.errstate(all="ignore"):  # what overflows here comes close to no column
        for members in floats.values():
            found += _Sample.of(members[:MOST], columns, arrays, bounds).proposals()
        for members in others.values():
            found += lookups(members, arrays)
    return sorted(found)


@dataclass(frozen=True, slots=True)
class _Sample:
    """A few rows of the floats of a collection."""

    members: Sequence[int]  # positions of columns
    names: Sequence[str]
    table: Floats  # (columns, rows)
    decoded: Floats  # about what the decoder will have
    epsilon: Floats  # by how much a value may be wrong
    spread: Floats  # (columns,)
    own: Floats  # (columns,) bits per value without any formula

    @classmethod
    def of(
        cls,
        members: Sequence[int],
        columns: Sequence[Column],
        arrays: Sequence[Array],
        bounds: Sequence[Bound],
    ) -> _Sample:
        size = arrays[members[0]].size
        rows = np.unique(np.linspace(0, size - 1, min(4 * ROWS, size)).astype(np.int64))
        with np.errstate(invalid="ignore"):  # signalling NaNs
            exact = {i: arrays[i][rows].astype(np.float64) for i in members}
        members = [i for i in members if np.isfinite(exact[i]).mean() > 0.7]
        table = np.array([exact[i] for i in members]).reshape(len(members), rows.size)
        usable = np.isfinite(table).all(axis=0)
        usable &= np.count_nonzero(table, axis=0) > len(members) // 2
        table = table[:, usable][:, :ROWS]
        decoded, epsilon = np.empty_like(table), np.empty_like(table)
        at = {column.name: j for j, column in enumerate(columns)}
        for k, i in enumerate(members):
            bound, sigma = bounds[i], None
            if bound.parent is not None:
                sigma = arrays[at[bound.parent]][rows].astype(np.float64)[usable][:ROWS]
            epsilon[k] = _epsilon(bound, table[k], sigma, arrays[i].dtype)
            decoded[k] = _coarse(table[k], epsilon[k]) if bound.lossy else table[k]
        middle = np.median(table, axis=1, keepdims=True) if table.size else table[:, :1]
        spread = np.median(np.abs(table - middle), axis=1) if table.size else np.zeros(len(table))
        own = _bits(table - middle, epsilon) if table.size else spread
        for k, values in enumerate(table):
            distinct = np.unique(values).size
            if 2 * distinct <= values.size:
                own[k] = min(own[k], np.log2(distinct))
        names = [columns[i].name for i in members]
        return cls(members, names, table, decoded, epsilon, spread, own)

    def proposals(self) -> Iterator[Proposal]:
        """Yield what is worth trying."""
        if len(self.table) < 2 or self.table.shape[1] < 8:
            return
        few = self.table[:, :: max(1, self.table.shape[1] // SCREEN)]
        yield from self.of_names(few)
        yield from self.of_parts()
        masses = [m for m in range(len(few[:PAIRS])) if _is_mass(self.names[m])]
        for name, parents, guesses, square in _guesses(few[:PAIRS], masses):
            for target in range(len(few)):
                constants = _constants(name, guesses, few[target])
                close = self.close(_applied(name, guesses, constants, square), few, target)
                for at in np.flatnonzero(close):
                    yield from self.proposed(name, parents[at], target, float(constants[at]))

    def of_names(self, few: Floats) -> Iterator[Proposal]:
        """Yield formulas of particles."""
        for name, parents, constant in attempts(particles(self.names)):
            formula, rows = BY_NAME[name], [few[p] for p in parents]
            fixed = None if constant is None else predict(formula, rows, constant, "f")
            for target in range(len(few)):
                guess = fixed
                if guess is None:
                    guess = predict(formula, rows, _fitted(name, rows, few[target]), "f")
                if self.close(guess[None], few, target)[0]:
                    z = constant
                    if z is None:
                        whole = [self.table[p] for p in parents]
                        z = _fitted(name, whole, self.table[target])
                    yield from self.proposed(name, parents, target, z)

    def of_parts(self) -> Iterator[Proposal]:
        """Yield what is left of a whole when its parts are taken away, of four parts or five."""
        low, high = self.table.min(axis=1), self.table.max(axis=1)
        parts = np.flatnonzero((low >= 0) & (high <= 1.02) & (self.spread > 0))[:FRACTIONS]
        for many, name in ((4, "rest of three"), (5, "rest of four")):
            for chosen in itertools.combinations(parts.tolist(), many):
                whole = self.table[list(chosen)].sum(axis=0)
                constant = float(np.median(whole))
                if np.quantile(np.abs(whole - constant), 0.75) < 0.01:
                    for target in chosen:
                        parents = tuple(p for p in chosen if p != target)
                        yield from self.proposed(name, parents, target, constant)

    def close(self, guesses: Floats, few: Floats, target: int) -> npt.NDArray[np.bool_]:
        """Tell which guesses come close to a column in most rows."""
        if not self.spread[target]:
            return np.zeros(len(guesses), np.bool_)
        near = np.abs(guesses - few[target]) < CLOSER * self.spread[target]
        return np.asarray(np.count_nonzero(near, axis=1) >= 0.75 * few.shape[1])

    def proposed(
        self, name: str, parents: tuple[int, ...], target: int, constant: float
    ) -> Iterator[Proposal]:
        """Yield a proposal if it may save some bits."""
        if target in parents:
            return
        guess = predict(BY_NAME[name], [self.decoded[p] for p in parents], constant, "f")
        error = np.where(np.isfinite(guess), guess, 0.0) - self.table[target]
        parts = len(parents) + (constant != 0)
        loss = float(_bits(error, self.epsilon[target])) + PER_PART * parts
        if loss < self.own[target] - GAIN:
            chosen = tuple(self.members[p] for p in parents)
            yield Proposal(
                round(loss - float(self.own[target]), 3),
                self.members[target],
                Prediction(name, chosen, constant),
            )


def _epsilon(bound: Bound, values: Floats, sigma: Floats | None, dtype: np.dtype[Any]) -> Floats:
    """Return by how much values may be wrong: never less than what rounding to the dtype does."""
    least = np.abs(np.spacing(np.abs(values).astype(dtype))).astype(np.float64) / 2
    match bound:
        case Absolute(epsilon):
            least = np.maximum(least, epsilon)
        case Relative(fraction):
            least = np.maximum(least, fraction * np.abs(values))
        case Sigma(fraction) if sigma is not None:
            least = np.maximum(least, np.nan_to_num(fraction * np.abs(sigma)))
    return np.asarray(least)


def _coarse(values: Floats, epsilon: Floats) -> Floats:
    """Return values as coarse as a bound makes them; relative bounds become powers of two."""
    step = 2 * epsilon
    if np.ptp(step) > 0:
        step = np.ldexp(1.0, np.frexp(step)[1] - 1)
    return np.asarray(np.rint(values / step) * step)


def _bits(error: Floats, epsilon: Floats) -> Floats:
    """Return about how many bits it takes to say errors, on average over the last axis."""
    return np.asarray(np.mean(np.log2(1.0 + np.minimum(np.abs(error) / epsilon, 2.0**64)), axis=-1))


def _fitted(name: str, rows: Sequence[Floats], goal: Floats) -> float:
    """Return the constant of a formula of one particle that suits a target."""
    if name == "phi":
        return -PI if goal.min() < 0 else 0.0
    if name == "energy of jet":
        across = rows[0] * rows[0] + rows[1] * rows[1]
        return float(np.median((goal * goal - rows[2] * rows[2]) / across))
    square = goal * goal - predict(BY_NAME[name], rows, 0.0, "f") ** 2
    return float(np.sqrt(max(float(np.median(square)), 0.0)))


Parents = list[tuple[int, ...]]
Guess = tuple[str, Parents, Floats, bool]
"""A formula, choices of parents, what these give (choices, rows), and whether it is squares."""


def _is_mass(name: str) -> bool:
    return name.lower().rpartition("_")[2] in ("m", "mass") or name.lower().endswith("mass")


def _guesses(table: Floats, masses: Sequence[int]) -> Iterator[Guess]:
    """Yield formulas, their choices of parents, and what these give before any constant.

    Of squares, the root is to be taken.
    """
    n = len(table)
    singles: Parents = [(i,) for i in range(n)]
    yield "same", singles, table, False
    yield "opposite", singles, -table, False
    yield "scaled", singles, table, False
    pairs: Parents = list(itertools.combinations(range(n), 2))
    if not pairs:
        return
    a, b = (table[list(side)] for side in zip(*pairs, strict=True))
    turned: Parents = [(j, i) for i, j in pairs]
    yield "sum", pairs, a + b, False
    yield "difference", pairs, a - b, False
    yield "difference", turned, b - a, False
    yield "product", pairs, a * b, False
    yield "ratio", pairs, a / b, False
    yield "ratio", turned, b / a, False
    yield "corrected", pairs, a * (1.0 - b), False
    yield "corrected", turned, b * (1.0 - a), False
    yield "uncorrected", pairs, a / (1.0 - b), False
    yield "uncorrected", turned, b / (1.0 - a), False
    yield "rest", pairs, -a - b, False
    squares = table * table
    yield "norm2", pairs, a * a + b * b, True
    triples: Parents = list(itertools.combinations(range(min(n, TRIPLES)), 3))
    if triples:
        three = sum(squares[list(side)] for side in zip(*triples, strict=True))
        yield "norm3", triples, np.asarray(three), True
        yield "energy", triples, np.asarray(three), True
        for m in masses:
            yield "energy of mass", [(*t, m) for t in triples], three + squares[m], True


def _constants(name: str, guesses: Floats, goal: Floats) -> Floats:
    """Return the constant of a formula that suits a target best, for each choice of parents."""
    if name == "scaled":
        return np.asarray(np.median(goal / guesses, axis=1))
    if name == "rest":
        return np.asarray(np.median(goal - guesses, axis=1))
    if name == "energy":
        return np.asarray(np.sqrt(np.maximum(np.median(goal * goal - guesses, axis=1), 0.0)))
    return np.zeros(len(guesses))


def _applied(name: str, guesses: Floats, constants: Floats, square: bool) -> Floats:
    if name == "scaled":
        return guesses * constants[:, None]
    if name == "rest":
        return guesses + constants[:, None]
    return np.sqrt(guesses + (constants * constants)[:, None]) if square else guesses


def lookups(members: Sequence[int], arrays: Sequence[Array]) -> Iterator[Proposal]:
    """Yield lookups of columns that seem to be functions of a column of integers."""
    size = arrays[members[0]].size
    rows = np.unique(np.linspace(0, size - 1, min(KEYED_ROWS, size)).astype(np.int64))
    bits = [arrays[i][rows].view(f"u{arrays[i].dtype.itemsize}") for i in members]
    table = np.stack([b.astype(np.uint64) for b in bits])
    entropies = np.array([_entropy(values) for values in table])
    keys = [k for k, i in enumerate(members) if arrays[i].dtype.kind in "iu"]
    for key in keys[:KEYS]:
        distinct, first, group = np.unique(table[key], return_index=True, return_inverse=True)
        if 4 * distinct.size > rows.size:
            continue
        later = np.ones(rows.size, np.bool_)
        later[first] = False
        missed = np.mean((table[:, first[group]] != table)[:, later], axis=1)
        for target in np.flatnonzero(missed < 0.1).tolist():
            if target == key or entropies[target] < GAIN:
                continue
            loss = float(missed[target] * entropies[target] + _of_two(missed[target]))
            loss += 24 * distinct.size / size + PER_PART
            if loss < entropies[target] - GAIN:
                lost = loss - float(entropies[target])
                yield Proposal(
                    round(lost, 3), members[target], Prediction("lookup", (members[key],))
                )


def _entropy(values: Array) -> float:
    _, counts = np.unique(values, return_counts=True)
    share = counts / values.size
    return float(-(share * np.log2(share)).sum())


def _of_two(share: float) -> float:
    """Return the entropy of a choice between two."""
    return float(-sum(s * np.log2(s) for s in (share, 1 - share) if s > 0))
