"""The payload of a column that a network predicts, and symbols by how uncertain that is.

While such a payload is decoded, the column's own position stands for what the network predicts, in
the column's dtype, and `CLASSES` for the class of uncertainty that the network tells.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from baler.codecs.base import (
    Array,
    Codec,
    Context,
    Inner,
    decode_payload,
    describe_payload,
    parent_values,
    register,
)
from baler.codecs.contextual import selected
from baler.core.bytes import ByteReader, sized, varint
from baler.errors import Corrupt

CLASSES = -1
"""In a context, the position of the classes of uncertainty (uint8) of a column."""
MOST_CLASSES = 16


@register
class Predicted(Codec):
    """A share of the latents, then a payload that may look at the prediction."""

    code: ClassVar[int] = 12
    name: ClassVar[str] = "predicted"

    def decode(
        self, body: ByteReader, dtype: np.dtype[Any], size: int, context: Context, depth: int
    ) -> Array:
        """Decode the payload."""
        body.varint()
        body.varint()
        return decode_payload(body, dtype, size, context, depth)

    def describe(self, body: ByteReader, dtype: np.dtype[Any], depth: int) -> str:
        """Name what codes the rest."""
        body.varint()
        body.varint()
        return f"{self.name}>{describe_payload(body, dtype, depth)}"


@register
class Split(Codec):
    """One payload for the values of each class of uncertainty."""

    code: ClassVar[int] = 13
    name: ClassVar[str] = "split"

    def decode(
        self, body: ByteReader, dtype: np.dtype[Any], size: int, context: Context, depth: int
    ) -> Array:
        """Put the values of all classes in their places."""
        number = body.varint()
        classes = parent_values(context, CLASSES, size)
        if number > MOST_CLASSES or (size and int(classes.max()) >= number):
            raise Corrupt(f"values are split into {number} classes, which are too many or too few")
        values = np.zeros(size, dtype)
        for k in range(number):
            chosen = classes == k
            part = ByteReader(body.sized())
            own = selected(context, chosen)
            values[chosen] = decode_payload(part, dtype, int(chosen.sum()), own, depth)
        return values

    def describe(self, body: ByteReader, dtype: np.dtype[Any], depth: int) -> str:
        """Name what codes the first class."""
        if not body.varint():
            body.end()
            return self.name
        name = describe_payload(ByteReader(body.sized()), dtype, depth)
        body.rest()
        return f"{self.name}>{name}"


def encode_predicted(share: int, otherwise: int, payload: bytes) -> bytes:
    """Return the payload of a predicted column.

    It is said to answer for ``share`` bytes of the latents; without the network it would have taken
    ``otherwise`` bytes.
    """
    return bytes([Predicted.code]) + varint(share) + varint(otherwise) + payload


def is_predicted(payload: bytes | memoryview) -> bool:
    """Tell whether a payload is that of a predicted column."""
    return len(payload) > 0 and payload[0] == Predicted.code


def encode_split(values: Array, classes: Array, inner: Inner) -> bytes:
    """Return a payload of values by their classes."""
    number = int(classes.max()) + 1 if classes.size else 0
    parts = (sized(inner(values[classes == k])) for k in range(number))
    return bytes([Split.code]) + varint(number) + b"".join(parts)
