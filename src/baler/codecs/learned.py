"""The payload of a column that a network codes together with others: what is not in their streams.

The values themselves lie in the streams of the block. The payload says how many of their bytes the
column answers for, and holds the values that the network cannot code.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from baler.codecs.base import Array, Codec, Context, decode_payload, register
from baler.core.bytes import ByteReader, sized, varint
from baler.errors import Corrupt


@register
class Learned(Codec):
    """A part of the streams of a learned group, and verbatim values."""

    code: ClassVar[int] = 11
    name: ClassVar[str] = "learned"

    def decode(
        self, body: ByteReader, dtype: np.dtype[Any], size: int, context: Context, depth: int
    ) -> Array:
        """Refuse: only the columns of a learned group decode, all together."""
        raise Corrupt("a learned payload stands where no network codes it")


@dataclass(frozen=True, slots=True)
class LearnedPart:
    """What the payload of a learned column says."""

    share: int  # bytes of the streams that the column answers for
    otherwise: int  # about how many bytes another payload would have taken
    verbatim: Array  # values that are not in the streams


def is_learned(payload: bytes | memoryview) -> bool:
    """Tell whether a payload is that of a learned column."""
    return len(payload) > 0 and payload[0] == Learned.code


def encode_learned(share: int, otherwise: int, verbatim: int, payload: bytes) -> bytes:
    """Return the payload of a column; ``payload`` is that of its verbatim values, if any."""
    head = bytes([Learned.code]) + varint(share) + varint(otherwise) + varint(verbatim)
    return head + sized(payload) if verbatim else head


def decode_learned(payload: bytes | memoryview, dtype: np.dtype[Any], size: int) -> LearnedPart:
    """Invert `encode_learned` for a column of ``size`` values."""
    body = ByteReader(payload)
    body.byte()
    share, otherwise, verbatim = body.varint(), body.varint(), body.varint()
    if verbatim > size:
        raise Corrupt(f"{verbatim} of {size} values are verbatim")
    values = np.empty(0, dtype)
    if verbatim:
        values = decode_payload(ByteReader(body.sized()), dtype, verbatim, _nothing)
    body.end()
    return LearnedPart(share, otherwise, values)


def accounted(payload: bytes | memoryview) -> tuple[int, int]:
    """Return which part of the streams a learned column answers for, and the alternative's size."""
    body = ByteReader(payload)
    body.byte()
    return body.varint(), body.varint()


def _nothing(position: int) -> Array:
    raise Corrupt(f"verbatim values look at column {position}")
