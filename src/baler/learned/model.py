"""A learned model: axes, networks, odds, and the bytes that they are stored as."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from baler.errors import UnknownColumn, near
from baler.learned.axis import Axis
from baler.learned.checks import check_model
from baler.learned.network import CollectionNet
from baler.learned.stored import pack_model, unpack_model


@dataclass(frozen=True, eq=False)
class Model:
    """What a file of a model holds; valid, or it cannot be made (raises Corrupt)."""

    axes: tuple[Axis, ...]
    collections: tuple[CollectionNet, ...]  # in the order of decoding
    odds: npt.NDArray[np.uint16]  # (ODDS,) frequencies of yes
    notes: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))  # JSON

    def __post_init__(self) -> None:
        """Check what must hold for the arithmetic to be the same everywhere."""
        check_model(self.axes, self.collections, self.odds)

    def pack(self) -> bytes:
        """Return the model as bytes; those that it was unpacked from, if any."""
        return self._packed

    @staticmethod
    def unpack(data: bytes) -> Model:
        """Invert `pack`; raises a FormatError for anything that is not a valid model."""
        model = Model(*unpack_model(data))
        model.__dict__["_packed"] = bytes(data)
        return model

    @cached_property
    def _packed(self) -> bytes:
        return pack_model(self.axes, self.collections, self.odds, self.notes)

    @cached_property
    def sha256(self) -> str:
        """The name of a model: the SHA-256 of its bytes, in hexadecimal digits."""
        return hashlib.sha256(self._packed).hexdigest()

    def axis_of(self, name: str) -> Axis:
        """Return the axis of the column with this name; raises UnknownColumn."""
        for axis in self.axes:
            if axis.column == name:
                return axis
        names = [axis.column for axis in self.axes]
        raise UnknownColumn(f"the model has no column {name!r}{near(name, names)}")
