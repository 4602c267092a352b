"""Residuals between neighbours in an array of several dimensions, for smooth grids.

The prediction of Ibarria and others (2003): the corner of a box from all of its other corners, or
of a face or an edge of it. That is a difference along each of some dimensions, perhaps a repeated
one, and sums along them undo it, in integers that wrap around. Before the first there are zeros.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from baler.codecs.base import (
    Array,
    Codec,
    Context,
    Inner,
    decode_payload,
    describe_payload,
    register,
)
from baler.core.bytes import ByteReader, varint
from baler.errors import Corrupt
from baler.transforms import folded, unfolded

MAX_DIMENSIONS = 8
MAX_CELLS = 1 << 30
MAX_TIMES = 7
_SIZES, _REVERSED = 0x07, 0x08


@register
class Lorenzo(Codec):
    """Residuals of integers along dimensions, the first of which counts rows."""

    code: ClassVar[int] = 14
    name: ClassVar[str] = "lorenzo"

    def decode(
        self, body: ByteReader, dtype: np.dtype[Any], size: int, context: Context, depth: int
    ) -> Array:
        """Sum the residuals up."""
        unsigned = _unsigned(dtype)
        flags, sizes, times = _head(body)
        cells = math.prod(sizes)
        if not 1 <= cells <= MAX_CELLS or size % cells:
            raise Corrupt(f"{size} values are no rows of shape {sizes}")
        shape = (size // cells, *sizes)
        values = unfolded(decode_payload(body, unsigned, size, context, depth))
        values = values.reshape(shape[::-1]).T if flags & _REVERSED else values.reshape(shape)
        for dimension, often in enumerate(times):
            for _ in range(often):
                np.cumsum(values, dimension, dtype=unsigned, out=values)
        return values.reshape(-1).view(dtype)

    def describe(self, body: ByteReader, dtype: np.dtype[Any], depth: int) -> str:
        """Name what codes the residuals."""
        _head(body)
        return f"{self.name}>{describe_payload(body, _unsigned(dtype), depth)}"


def _head(body: ByteReader) -> tuple[int, tuple[int, ...], tuple[int, ...]]:
    """Return flags, the sizes of a row, and how often to sum along each dimension."""
    flags = body.byte()
    if flags & ~(_SIZES | _REVERSED):
        raise Corrupt(f"residuals have the unknown flags {flags:#x}")
    sizes = tuple(body.varint() for _ in range(flags & _SIZES))
    times = tuple(body.take(1 + len(sizes)))
    if max(times) > MAX_TIMES:
        raise Corrupt(f"residuals of residuals, {max(times)} times; allowed are {MAX_TIMES}")
    return flags, sizes, times


def _unsigned(dtype: np.dtype[Any]) -> np.dtype[Any]:
    if dtype.kind not in "iu":
        raise Corrupt(f"values of dtype {dtype} have no residuals")
    return np.dtype(f"<u{dtype.itemsize}")


def residuals(values: Array, times: Sequence[int]) -> Array:
    """Return unsigned residuals of an array of integers, small ones for small differences."""
    found = values.view(_unsigned(values.dtype))
    for dimension, often in enumerate(times):
        for _ in range(often):
            found = np.diff(found, axis=dimension, prepend=found.dtype.type(0))
    return folded(found)


def encode_lorenzo(values: Array, times: Sequence[int], inner: Inner, *, reverse: bool) -> bytes:
    """Return a payload of residuals; ``times`` says how often along each dimension.

    ``reverse`` stores those of all rows at one place side by side, and not those of a row.
    """
    sizes = values.shape[1:]
    head = bytes([Lorenzo.code, len(sizes) | _REVERSED * reverse])
    head += b"".join(map(varint, sizes)) + bytes(times)
    found = residuals(values, times)
    return head + inner((found.T if reverse else found).reshape(-1))
