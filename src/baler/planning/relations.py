"""What columns say about each other: copies, and masks that they share.

Everything here only proposes. The encoder checks each proposal on every chunk and keeps it if it
saves bytes.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from baler.codecs.search import excerpt, is_constant
from baler.core.recipe import Mask

Array = npt.NDArray[Any]


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
