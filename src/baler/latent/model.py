"""A latent model: views of columns, the network that decodes, and the one that encodes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from baler.errors import Corrupt, UsageError
from baler.latent.arithmetic import LIMIT, ONE, Numbers
from baler.latent.blocks import Blocks
from baler.latent.network import Network
from baler.latent.rows import Layout, Level
from baler.latent.stored import pack_decoding, pack_encoding, unpack_decoding, unpack_encoding
from baler.latent.views import View

Array = npt.NDArray[Any]
Latents = list[npt.NDArray[np.int32]]
"""One array per input of the decoder, (rows, *shape)."""

FINEST = 256
"""The coarseness of latents as the model was trained for."""
MOST_COARSE = 1 << 20
MOST_CLASSES = 16
"""Classes of uncertainty that a network tells apart."""


class Kind(IntEnum):
    """What a row of a network's numbers is."""

    TABLE = 0  # an object, or an entry, that has nothing to do with others
    EVENTS = 1  # an object among those of its event
    GRID = 2  # a block of a grid


@dataclass(frozen=True, eq=False)
class LatentModel:
    """What a file of such a model holds; valid, or it cannot be made (raises Corrupt)."""

    kind: Kind
    counts: str  # column of counts; "" for one value per entry
    views: tuple[View, ...]
    decoder: Network
    steps: tuple[npt.NDArray[np.int64], ...]  # of each input: (channels,), in 2**-14
    blocks: Blocks | None = None  # of a grid
    encoder: Network | None = None  # not needed to decode
    notes: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))  # JSON

    def __post_init__(self) -> None:
        """Check that views and networks fit each other."""
        shape = () if self.blocks is None else self.blocks.shape
        channels = sum(view.channels for view in self.views)
        names = {view.column for view in self.views}
        _need(len(names) == len(self.views) > 0, "distinct columns")
        _need((self.kind is Kind.GRID) == (self.blocks is not None), "blocks for grids only")
        for network in (self.decoder, self.encoder):
            if network is not None and self.kind is not Kind.EVENTS:
                levels = {form.level for form in network.forms}
                _need(levels == {Level.OBJECT}, "no events in a table")
        _need(len(self.decoder.outputs) in (1, 2), "one or two outputs")
        first, *more = (self.decoder.forms[at] for at in self.decoder.outputs)
        _need(first.level is Level.OBJECT and first.shape == (*shape, channels),
              f"numbers of shape {(*shape, channels)}, not {first.shape}")  # fmt: skip
        if more:
            _need(more[0].level is Level.OBJECT and more[0].shape == (*shape, len(self.views)),
                  "a class for each value")  # fmt: skip
        inputs = self.decoder.inputs
        _need(len(inputs) == len(self.steps) > 0, "steps for all latents")
        for form, steps in zip(inputs, self.steps, strict=True):
            _need(steps.shape == (form.channels,), "a step for each latent")
            _need(bool((steps >= 1).all() and (steps <= LIMIT).all()), "steps in their range")
        if self.encoder is not None:
            seen = [(form.level, form.shape) for form in self.encoder.inputs]
            _need(seen == [(Level.OBJECT, (*shape, channels))], "an encoder for these columns")
            found = tuple(self.encoder.forms[at] for at in self.encoder.outputs)
            _need(found == inputs, "an encoder that gives what the decoder takes")

    # ------------------------------------------------------------------------- bytes

    @staticmethod
    def unpack(data: bytes | memoryview) -> LatentModel:
        """Return the model in a file, or in a ``.baler`` file; raises a FormatError."""
        parts, size = unpack_decoding(data)
        kind, counts, views, blocks, decoder, steps, notes = parts
        encoder = unpack_encoding(data[size:]) if len(data) > size else None
        model = LatentModel(Kind(kind), counts, views, decoder, steps, blocks, encoder, notes)
        model.__dict__["_packed"] = bytes(data[:size])
        return model

    def pack(self) -> bytes:
        """Return what decoding needs."""
        return self._packed

    def pack_all(self) -> bytes:
        """Return all, the encoder too, as in a file of a model."""
        return self._packed + (b"" if self.encoder is None else pack_encoding(self.encoder))

    @cached_property
    def _packed(self) -> bytes:
        return pack_decoding(
            self.kind, self.counts, self.views, self.blocks, self.decoder, self.steps, self.notes
        )

    @cached_property
    def sha256(self) -> str:
        """The name of a model: the SHA-256 of what decoding needs, in hexadecimal digits."""
        return hashlib.sha256(self._packed).hexdigest()

    # ------------------------------------------------------------------------ values

    def layout(self, entries: int, counts: Array | None) -> Layout:
        """Return how the rows of the network belong together in a chunk."""
        if self.blocks is not None:
            return Layout.table(self.blocks.rows(entries))
        if self.kind is Kind.EVENTS and counts is not None:
            return Layout.of(counts)
        return Layout.table(entries if counts is None else int(counts.sum(dtype=np.int64)))

    def encode(self, values: Sequence[Array], layout: Layout, coarse: int = FINEST) -> Latents:
        """Return the latents of columns, which have as many values as a chunk."""
        return self.rounded(self.seen(values, layout), coarse)

    def seen(self, values: Sequence[Array], layout: Layout) -> list[Numbers]:
        """Return what the encoder makes of columns, before it is rounded to latents."""
        if self.encoder is None:
            raise UsageError(
                "the model has no encoder, like those in .baler files: it only decodes"
            )
        channels = [view.numbers(v) for view, v in zip(self.views, values, strict=True)]
        if self.blocks is not None:
            channels = [self.blocks.cut(c) for c in channels]
        return self.encoder.run([np.concatenate(channels, -1)], layout)

    def rounded(self, seen: Sequence[Numbers], coarse: int) -> Latents:
        """Return the latents nearest to what the encoder made."""
        return [
            np.clip(np.rint(numbers / unit), -LIMIT, LIMIT).astype(np.int32)
            for numbers, unit in zip(seen, self.units(coarse), strict=True)
        ]

    def decode(
        self, latents: Latents, layout: Layout, entries: int, coarse: int = FINEST
    ) -> tuple[list[Array], list[Array] | None]:
        """Return predicted values of all columns (normative), and classes of their uncertainty.

        The classes (uint8) are there if the network tells them.
        """
        units = self.units(coarse)
        inputs = [x.astype(np.float64) * unit for x, unit in zip(latents, units, strict=True)]
        numbers, *more = self.decoder.run(inputs, layout)
        if self.blocks is not None:
            numbers, *more = (self.blocks.join(x, entries) for x in (numbers, *more))
        values, at = [], 0
        for view in self.views:
            values.append(view.values(numbers[..., at : at + view.channels]))
            at += view.channels
        if not more:
            return values, None
        classes = np.clip(np.floor(more[0] / ONE + 0.5), 0, MOST_CLASSES - 1).astype(np.uint8)
        return values, [np.ascontiguousarray(c) for c in classes.T]

    def units(self, coarse: int) -> list[Numbers]:
        """Return the distance of neighbouring latents, in a network's numbers."""
        if not 1 <= coarse <= MOST_COARSE:
            raise Corrupt(f"latents have the coarseness {coarse}, not 1 to {MOST_COARSE}")
        return [np.clip(np.floor(s * coarse / FINEST + 0.5), 1, LIMIT) for s in self.steps]

    def shapes(self, layout: Layout) -> list[tuple[int, ...]]:
        """Return the shapes of the latents of a chunk."""
        return [(layout.size(form.level), *form.shape) for form in self.decoder.inputs]

    @property
    def columns(self) -> list[str]:
        """The names of all columns."""
        return [view.column for view in self.views]


def _need(holds: bool, what: str) -> None:
    if not holds:
        raise Corrupt(f"a model needs {what}")
