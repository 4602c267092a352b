"""The central abstraction: a codec turns an array into a payload's body and back.

A payload is one byte that names a codec, then the codec's body. A body may hold further payloads,
for example those of the integers that a quantiser makes. dtype and size of an array are never part
of its payload: who asks for it knows them.

Laws (tests/laws check them for every codec):

1. ``decode(encode(x))`` is ``x``, bit for bit, or keeps the bound where the codec is lossy.
2. ``encode`` is a function: same input, same bytes.
3. ``decode`` of a damaged payload raises a FormatError or returns an array of the asked size.
"""

from __future__ import annotations

import abc
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from baler.core.bytes import ByteReader
from baler.errors import Corrupt

Array = npt.NDArray[Any]

Context = Callable[[int], Array]
"""From the position of a column to its decoded values in this chunk; the same on both sides."""

Inner = Callable[[Array], bytes]
"""How a codec has the arrays encoded that it makes of its own: returns a payload."""

Keeps = Callable[[Array, Array], npt.NDArray[np.bool_]]
"""Which of some values may come back as certain decoded ones."""

MAX_DEPTH = 12
"""No payload nests deeper; a reader refuses those that do."""


class Codec(abc.ABC):
    """How one kind of body is read. Encoders are functions beside the class."""

    code: ClassVar[int]  # the byte in the file; never reused
    name: ClassVar[str]

    @abc.abstractmethod
    def decode(
        self, body: ByteReader, dtype: np.dtype[Any], size: int, context: Context, depth: int
    ) -> Array:
        """Return ``size`` values of ``dtype``; raises a FormatError if the body is not valid."""

    def describe(self, body: ByteReader, dtype: np.dtype[Any], depth: int) -> str:
        """Return the name of the codec and of those in its body, outermost first."""
        return self.name


_registry: dict[int, Codec] = {}


def register(cls: type[Codec]) -> type[Codec]:
    """Class decorator: make a codec known to the reader under its code."""
    if cls.code in _registry:
        raise ValueError(f"codec {cls.code} is taken by {_registry[cls.code].name!r}")
    _registry[cls.code] = cls()
    return cls


def codecs() -> dict[int, Codec]:
    """Return all codecs by their codes."""
    return dict(_registry)


def decode_payload(
    payload: ByteReader, dtype: np.dtype[Any], size: int, context: Context, depth: int = 0
) -> Array:
    """Return the array of a payload, which must end where its codec stops reading."""
    values = _codec(payload, depth).decode(payload, dtype, size, context, depth + 1)
    payload.end()
    return values


def describe_payload(payload: ByteReader, dtype: np.dtype[Any], depth: int = 0) -> str:
    """Return the names of the codecs in a payload, outermost first, joined by ``>``."""
    return _codec(payload, depth).describe(payload, dtype, depth + 1)


def _codec(payload: ByteReader, depth: int) -> Codec:
    if depth > MAX_DEPTH:
        raise Corrupt(f"payloads are nested deeper than {MAX_DEPTH}")
    code = payload.byte()
    if code not in _registry:
        raise Corrupt(f"payload names codec {code}; known are 0 to {max(_registry)}")
    return _registry[code]


def parent_values(context: Context, position: int, size: int) -> Array:
    """Return the decoded values of a parent, which must be as many as ``size``."""
    values = context(position)
    if values.size != size:
        raise Corrupt(f"parent column {position} has {values.size} values, expected {size}")
    return values
