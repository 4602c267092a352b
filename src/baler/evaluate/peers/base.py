"""What all compressors that we compare with have in common.

A `ColumnPeer` turns one column into bytes and back; a `FilePeer` writes a whole file. Both are
frozen values. Everything that decoding needs is in the bytes, except what our own decoder is given
too: dtype, number of values and, for a ``sigma`` bound, the decoded uncertainties.
"""

from __future__ import annotations

import abc
import importlib
import importlib.metadata
import importlib.util
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, Protocol

import numpy as np

from baler.core.bounds import Bound, Exact
from baler.core.chunk import Array, Chunk
from baler.core.recipe import ColumnRecipe, Recipe, decoding_order
from baler.core.schema import Column, Schema

Kind = Literal["exact", "bounded"]
"""Whether a peer keeps every bit, or makes use of the bounds."""


def load(module: str) -> ModuleType:
    """Import a module of an optional package; untyped, as most of them are."""
    return importlib.import_module(module)


def in_order(schema: Schema, bounds: Mapping[str, Bound]) -> list[Column]:
    """Return the columns such that each comes after the uncertainties that its bound names."""
    plans = []
    for column in schema.columns:
        bound = bounds.get(column.name, Exact())
        parents = () if bound.parent is None else (schema.position[bound.parent],)
        plans.append(ColumnRecipe(bound, parents))
    order = decoding_order(schema, Recipe(tuple(plans), ()))
    return [schema.columns[position] for position in order]


@dataclass(frozen=True, slots=True)
class Peer(abc.ABC):
    """A compressor that we compare with."""

    name: str

    @property
    @abc.abstractmethod
    def kind(self) -> Kind:
        """Whether the peer is exact or bounded."""

    @property
    @abc.abstractmethod
    def packages(self) -> tuple[str, ...]:
        """The packages that the peer needs; each is imported under its own name."""

    def missing(self) -> tuple[str, ...]:
        """Return the packages that are not installed here."""
        return tuple(name for name in self.packages if importlib.util.find_spec(name) is None)

    def available(self) -> bool:
        """Tell whether everything that the peer needs is installed."""
        return not self.missing()

    def versions(self) -> dict[str, str]:
        """Return the versions of the packages that the peer needs and that are installed."""
        found = [name for name in self.packages if name not in self.missing()]
        return {name: importlib.metadata.version(name) for name in found}


class ColumnPeer(Peer):
    """A compressor of single columns."""

    __slots__ = ()

    @abc.abstractmethod
    def compress(self, values: Array, bound: Bound, sigma: Array | None = None) -> bytes:
        """Return everything that decoding needs.

        ``sigma`` are the decoded values of the column that a ``sigma`` bound names.
        """

    @abc.abstractmethod
    def decompress(
        self, payload: bytes, dtype: np.dtype[Any], size: int, sigma: Array | None = None
    ) -> Array:
        """Return the values."""

    def fell_back(self, payload: bytes) -> bool:
        """Tell whether the lossless coder was used where a lossy one could have been."""
        return False


class FilePeer(Peer):
    """A compressor of whole files."""

    __slots__ = ()

    @abc.abstractmethod
    def write(
        self, path: Path, schema: Schema, chunks: Sequence[Chunk], bounds: Mapping[str, Bound]
    ) -> None:
        """Write a file; columns that ``bounds`` does not name are exact."""

    @abc.abstractmethod
    def read(self, path: Path, schema: Schema) -> Iterator[tuple[str, Array]]:
        """Yield each column of a file, all chunks one after the other."""


class Lossless(Protocol):
    """A pair of inverse functions on arrays of any dtype."""

    @property
    def packages(self) -> tuple[str, ...]:
        """The packages that the pair needs."""

    def encode(self, values: Array) -> bytes:
        """Return the values as bytes."""

    def decode(self, payload: bytes, dtype: np.dtype[Any], size: int) -> Array:
        """Invert `encode`."""


class Lossy(Protocol):
    """A coder of floats that tries to keep a bound."""

    @property
    def packages(self) -> tuple[str, ...]:
        """The packages that the coder needs."""

    def encode(self, values: Array, bound: Bound, sigma: Array | None) -> bytes | None:
        """Return the values as bytes, or None where the coder has no way to keep such a bound."""

    def decode(self, payload: bytes, dtype: np.dtype[Any], size: int, sigma: Array | None) -> Array:
        """Return values near those that were encoded."""


@dataclass(frozen=True, slots=True)
class ExactPeer(ColumnPeer):
    """A lossless coder; bounds do not matter to it."""

    coder: Lossless

    @property
    def kind(self) -> Kind:
        """Exact."""
        return "exact"

    @property
    def packages(self) -> tuple[str, ...]:
        """Those of the coder."""
        return self.coder.packages

    def compress(self, values: Array, bound: Bound, sigma: Array | None = None) -> bytes:
        """Return what the coder makes of the values."""
        return self.coder.encode(values)

    def decompress(
        self, payload: bytes, dtype: np.dtype[Any], size: int, sigma: Array | None = None
    ) -> Array:
        """Return the values, exactly."""
        return self.coder.decode(payload, dtype, size)


@dataclass(frozen=True, slots=True)
class BoundedPeer(ColumnPeer):
    """A lossy coder, and the lossless one that it is used with.

    Integers, booleans, empty columns and columns without a bound are exact; so are those whose
    bound the lossy coder cannot keep. The first byte of a payload says which coder was used.
    """

    lossy: Lossy
    lossless: Lossless
    keep_smaller: bool = False  # try the lossless coder always, and keep the smaller result

    @property
    def kind(self) -> Kind:
        """Bounded."""
        return "bounded"

    @property
    def packages(self) -> tuple[str, ...]:
        """Those of both coders, each once."""
        return tuple(dict.fromkeys((*self.lossy.packages, *self.lossless.packages)))

    def compress(self, values: Array, bound: Bound, sigma: Array | None = None) -> bytes:
        """Return a byte that names the coder, and what it makes of the values."""
        lossy = None
        if bound.lossy and values.dtype.kind == "f" and values.size:
            lossy = self.lossy.encode(values, bound, sigma)
        if lossy is not None and not self.keep_smaller:
            return b"\1" + lossy
        exact = self.lossless.encode(values)
        return b"\0" + exact if lossy is None or len(exact) < len(lossy) else b"\1" + lossy

    def decompress(
        self, payload: bytes, dtype: np.dtype[Any], size: int, sigma: Array | None = None
    ) -> Array:
        """Return the values."""
        body = payload[1:]
        if self.fell_back(payload):
            return self.lossless.decode(body, dtype, size)
        return self.lossy.decode(body, dtype, size, sigma)

    def fell_back(self, payload: bytes) -> bool:
        """Tell whether the lossless coder was used."""
        return payload[0] == 0
