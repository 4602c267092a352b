"""Codecs that look at decoded columns: a copy of one, and values that another one gives away."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from baler.codecs.base import (
    Array,
    Codec,
    Context,
    Keeps,
    decode_payload,
    parent_values,
    register,
)
from baler.codecs.plain import from_bytes
from baler.core.bounds import same_bits
from baler.core.bytes import ByteReader, varint
from baler.errors import Corrupt


@register
class Copy(Codec):
    """The values of a parent: the same bits, or the same numbers for integers."""

    code: ClassVar[int] = 8
    name: ClassVar[str] = "copy"

    def decode(
        self, body: ByteReader, dtype: np.dtype[Any], size: int, context: Context, depth: int
    ) -> Array:
        """Convert the parent's values."""
        values = converted(parent_values(context, body.varint(), size), dtype)
        if values is None:
            raise Corrupt(f"the parent's values do not fit into {dtype}")
        return values


@register
class Masked(Codec):
    """One value wherever a parent has a certain value; the others are coded on their own."""

    code: ClassVar[int] = 9
    name: ClassVar[str] = "masked"

    def decode(
        self, body: ByteReader, dtype: np.dtype[Any], size: int, context: Context, depth: int
    ) -> Array:
        """Decode the others, with the context that belongs to them."""
        parent = parent_values(context, body.varint(), size)
        hidden = same_bits(
            parent, np.repeat(from_bytes(body.take(parent.itemsize), parent.dtype), 1)
        )
        value = from_bytes(body.take(dtype.itemsize), dtype)
        shown = ~hidden
        values = np.repeat(value, size)
        values[shown] = decode_payload(
            body, dtype, int(shown.sum()), selected(context, shown), depth
        )
        return values

    def describe(self, body: ByteReader, dtype: np.dtype[Any], depth: int) -> str:
        """Name the codec; what follows cannot be read without the dtypes."""
        return self.name


def selected(context: Context, chosen: Array) -> Context:
    """Return a context that shows only the chosen values of columns of that length."""

    def select(position: int) -> Array:
        values = context(position)
        if values.size != chosen.size:
            raise Corrupt(f"parent column {position} has {values.size} values, not {chosen.size}")
        return np.asarray(values[chosen])

    return select


def converted(parent: Array, dtype: np.dtype[Any]) -> Array | None:
    """Return the parent's values in another dtype; None if that would change one of them.

    Only columns of integers and booleans may differ in dtype.
    """
    if parent.dtype == dtype:
        return parent.copy()
    if "f" in (parent.dtype.kind, dtype.kind) or (parent.size and not _fits(parent, dtype)):
        return None
    return parent.astype(dtype)


def _fits(parent: Array, dtype: np.dtype[Any]) -> bool:
    low, high = int(parent.min()), int(parent.max())
    if dtype.kind == "b":
        return low >= 0 and high <= 1
    limits = np.iinfo(dtype)
    return low >= int(limits.min) and high <= int(limits.max)


def encode_copy(values: Array, parent: Array, position: int, keeps: Keeps) -> bytes | None:
    """Return a payload that copies a parent; None unless all its values may stand for ours."""
    if parent.size != values.size:
        return None
    candidate = converted(parent, values.dtype)
    if candidate is None or not keeps(values, candidate).all():
        return None
    return bytes([Copy.code]) + varint(position)


def masked_head(parent: Array, hidden: Array, value: Array, position: int) -> bytes:
    """Return the head of a masked payload: ``hidden`` is a value of the parent (size 1)."""
    return bytes([Masked.code]) + varint(position) + hidden.tobytes() + value[:1].tobytes()
