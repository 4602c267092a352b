"""What columns say about each other: copies, shared masks, and formulas of physics.

Everything here only proposes. The encoder checks each proposal on every chunk and keeps it if it
saves bytes.
"""

from __future__ import annotations

import hashlib
import itertools
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from baler.codecs.formulas import BY_NAME, predict
from baler.codecs.search import excerpt, is_constant
from baler.core.recipe import Mask, Prediction
from baler.core.schema import Column

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]

ROWS, SCREEN = 64, 12
"""Rows that formulas are tried on, and those of them that a first look takes."""
PAIRS, TRIPLES = 48, 16
"""Collections with more floating-point columns are searched only among the first so many."""
GAIN = 2.0**-5
"""A formula must come this much closer to a column than the column's own spread."""


def copies(arrays: Sequence[Array], order: Sequence[int]) -> dict[int, int]:
    """Return for each column that repeats an earlier one (in order) the position of that one.

    Columns of integers and booleans may differ in dtype. Constant columns need no parent.
    """
    alike: dict[tuple[str, int, bytes], list[int]] = defaultdict(list)
    for i in order:
        values = arrays[i]
        if values.size and not is_constant(values):
            kind = values.dtype.str if values.dtype.kind == "f" else "integer"
            alike[kind, values.size, _digest(_comparable(excerpt(values)))].append(i)
    found: dict[int, int] = {}
    for members in alike.values():
        first: dict[bytes, int] = {}
        for i in members if len(members) > 1 else ():
            parent = first.setdefault(_digest(_comparable(arrays[i])), i)
            if parent != i:
                found[i] = parent
    return found


def _comparable(values: Array) -> Array:
    return values if values.dtype.kind == "f" else values.astype(np.int64)


def masks(arrays: Sequence[Array], order: Sequence[int]) -> dict[int, Mask]:
    """Return masks of columns whose most frequent value stands where an earlier one has its own.

    Worth it for values that make up a tenth of a column or more.
    """
    first: dict[tuple[int, bytes], tuple[int, bytes]] = {}
    found: dict[int, Mask] = {}
    for i in order:
        values = arrays[i]
        if values.size < 64 or is_constant(values):
            continue
        for value in _frequent(values):
            bits = f"u{values.dtype.itemsize}"
            where = values.view(bits) == value.view(bits)
            key = (values.size, _digest(np.packbits(where)))
            parent, hidden = first.setdefault(key, (i, value.tobytes()))
            if parent != i and i not in found:
                found[i] = Mask(parent, hidden, value.tobytes())
    return found


def _frequent(values: Array) -> Array:
    """Return the most frequent value, or both of two, of those that make up a tenth or more."""
    sample = excerpt(values)
    bits, counts = np.unique(sample.view(f"u{sample.itemsize}"), return_counts=True)
    if bits.size == 2:
        return bits.view(values.dtype)
    top = int(np.argmax(counts))
    return bits[top : top + 1].view(values.dtype) if counts[top] >= sample.size / 10 else values[:0]


def _digest(values: Array) -> bytes:
    return hashlib.blake2b(np.ascontiguousarray(values).data, digest_size=16).digest()


@dataclass(frozen=True, slots=True, order=True)
class Proposal:
    """A prediction and how far it misses, in units of the column's own spread."""

    miss: float
    target: int
    prediction: Prediction = field(compare=False)


def formulas(
    columns: Sequence[Column], arrays: Sequence[Array], order: Sequence[int], skip: set[int]
) -> list[Proposal]:
    """Return promising predictions of floats from columns of their collection, best first."""
    collections: dict[tuple[str | None, int], list[int]] = defaultdict(list)
    for i in order:
        usable = columns[i].is_float and i not in skip and arrays[i].size >= 8
        if usable and not is_constant(arrays[i]):
            collections[columns[i].counts, columns[i].width].append(i)
    with np.errstate(all="ignore"):  # what overflows here comes close to no column
        found = [
            p for members in collections.values() for p in _among(members[:PAIRS], columns, arrays)
        ]
    return sorted(found)


def _among(
    members: list[int], columns: Sequence[Column], arrays: Sequence[Array]
) -> Iterator[Proposal]:
    size = arrays[members[0]].size
    rows = np.unique(np.linspace(0, size - 1, min(4 * ROWS, size)).astype(np.int64))
    with np.errstate(invalid="ignore"):  # signalling NaNs
        table = np.stack([arrays[i][rows].astype(np.float64) for i in members])  # (columns, rows)
    usable = np.isfinite(table).all(axis=0) & (np.count_nonzero(table, axis=0) > len(members) // 2)
    table = table[:, usable][:, :ROWS]
    if table.shape[1] < 8:
        return
    few = table[:, :: max(1, table.shape[1] // SCREEN)]
    spread = np.median(np.abs(table - np.median(table, axis=1, keepdims=True)), axis=1)
    masses = [m for m in range(len(members)) if _is_mass(columns[members[m]].name)]
    for name, parents, guesses, square in _guesses(few, masses):
        for target in range(len(members)):
            if spread[target] == 0:
                continue
            constants = _constants(name, guesses, few[target])
            close = np.abs(_applied(name, guesses, constants, square) - few[target])
            hits = np.count_nonzero(close < GAIN * spread[target], axis=1) >= 0.75 * few.shape[1]
            for at in np.flatnonzero(hits):
                if target in parents[at]:
                    continue
                constant = float(constants[at])
                guess = predict(BY_NAME[name], [table[p] for p in parents[at]], constant, "f")
                miss = float(np.quantile(np.abs(guess - table[target]), 0.75) / spread[target])
                if miss < GAIN:
                    chosen = tuple(members[p] for p in parents[at])
                    yield Proposal(miss, members[target], Prediction(name, chosen, constant))


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
