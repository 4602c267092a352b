"""Arrays to a trained autoencoder whose networks are integers."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from baler.api.latents import first_that
from baler.core.bounds import Bound, parse
from baler.errors import Corrupt, UsageError
from baler.latent.blocks import Blocks
from baler.latent.latents import pack_latents
from baler.latent.model import FINEST, Kind, LatentModel, Latents
from baler.latent.rows import MOST_OBJECTS, Layout
from baler.training.families.freezing import frozen_model
from baler.training.families.loop import Length, Tell, fit
from baler.training.families.registry import family
from baler.training.families.rowset import Rows, block_of, seen_by
from baler.training.families.sight import view_of
from baler.training.train import need_torch

Array = npt.NDArray[Any]
Data = Mapping[str, Array] | Array

SAMPLE = 1 << 14
"""Events that a family looks at before its training."""


@dataclass(frozen=True)
class Trained:
    """A trained autoencoder. Data are arrays by column, or (rows, columns) in the same order."""

    model: LatentModel
    parameters: int  # of both networks
    steps: int  # of the training
    seconds: float
    unseen: int  # values for training that are not finite, and so on
    coarse: int = FINEST

    @property
    def model_bytes(self) -> int:
        """Bytes of what decoding needs."""
        return len(self.model.pack())

    def encode(self, data: Data, counts: Array | None = None) -> Latents:
        """Return the latents (whole numbers); ``counts`` are the objects of each event."""
        return self.model.encode(*self._given(data, counts), self.coarse)

    def _given(self, data: Data, counts: Array | None) -> tuple[list[Array], Layout]:
        values = _columns(data, self.model.columns)
        if self.model.blocks is not None:
            _check_frames(data, self.model.blocks.frame)
        missing = [v.dtype for v, view in zip(values, self.model.views, strict=True)
                   if v.dtype != view.dtype]  # fmt: skip
        if missing:
            raise UsageError(f"the model was made for other dtypes than {missing[0]}")
        return values, _layout(self.model.kind, self.model.blocks, values[0].size, counts)

    def rate(self, latents: Latents) -> int:
        """Return the bytes that latents take."""
        return len(pack_latents(latents, self.coarse))

    def decode(
        self, latents: Latents, counts: Array | None = None, entries: int | None = None
    ) -> dict[str, Array]:
        """Return the values of all columns, in their dtypes.

        ``entries`` are those of a grid, as far as all blocks go by default.
        """
        layout, entries = self._decoding(latents, counts, entries)
        values, _ = self.model.decode(latents, layout, entries, self.coarse)
        return dict(zip(self.model.columns, values, strict=True))

    def classes(self, latents: Latents, counts: Array | None = None) -> list[Array] | None:
        """Return a class of uncertainty for each value of each column, if the family tells it."""
        layout, entries = self._decoding(latents, counts, None)
        return self.model.decode(latents, layout, entries, self.coarse)[1]

    def at(self, bits: float, data: Data, counts: Array | None = None) -> Trained:
        """Return it with latents so coarse that each takes at most so many bits on these data."""
        seen = self.model.seen(*self._given(data, counts))

        def fits(coarse: int) -> bool:
            latents = self.model.rounded(seen, coarse)
            size = len(pack_latents(latents, coarse))
            return 8 * size <= bits * max(1, sum(x.size for x in latents))

        return replace(self, coarse=first_that(fits))

    def _decoding(
        self, latents: Latents, counts: Array | None, entries: int | None
    ) -> tuple[Layout, int]:
        blocks, rows = self.model.blocks, latents[0].shape[0]
        if blocks is None:
            return _layout(self.model.kind, None, rows, counts), rows
        whole = rows // blocks.rows(blocks.block[0]) * blocks.block[0]
        entries = whole if entries is None else entries
        return self.model.layout(entries, None), entries


def train_family(
    name: str,
    data: Data,
    *,
    latent: int,
    counts: Array | None = None,
    minutes: float = 2.0,
    steps: int | None = None,
    seed: int = 0,
    bounds: Mapping[str, Bound | str] | None = None,
    frame: tuple[int, ...] | None = None,
    block: tuple[int, ...] | None = None,
    counts_name: str = "",
    held_out: int | None = None,
    device: str = "cpu",
    tell: Tell | None = None,
) -> Trained:
    """Train a family on arrays: by column (of equal lengths), or (rows, columns).

    ``latent`` is the number of latents of a row, or of each place of the family `conv-rated`.
    ``counts`` are the objects of each event; a family of events needs them, others do without.
    Arrays of a grid are (entries, *frame), one per field; ``block`` (entries, then axes) is what a
    network sees at once. Families that code in steps of bounds take ``bounds`` by column. Values
    that are not finite are left out of the loss and counted. The last 15 % of the events, or the
    last ``held_out``, are not trained on. With ``steps`` instead of ``minutes`` the same seed gives
    the same model on the same machine.

    Raises UsageError if the family cannot take the data.
    """
    info = family(name)
    need_torch()
    import torch

    start = time.perf_counter()
    torch.manual_seed(seed)
    made = info.load()
    names = list(data) if isinstance(data, Mapping) else [str(i) for i in range(data.shape[1])]
    values = _columns(data, names)
    if isinstance(data, Mapping) and frame is None and next(iter(data.values())).ndim > 1:
        frame = next(iter(data.values())).shape[1:]
    kind = _kind(info.name, made.kinds, frame, counts)
    if latent < 1:
        raise UsageError(f"an autoencoder has at least one latent, not {latent}")
    if not names or not values[0].size:
        raise UsageError("there is nothing to train on: the data have no values")
    limits = {n: parse(b) if isinstance(b, str) else b for n, b in (bounds or {}).items()}
    chosen = [limits.get(n) for n in names]
    views = tuple(view_of(n, v, b) for n, v, b in zip(names, values, chosen, strict=True))
    blocks = None
    if frame is not None:
        _check_frames(data, frame)
        entries = values[0].size // math.prod(frame)
        channels = sum(view.channels for view in views)
        blocks = _blocks(frame, block or block_of(frame, entries, made.axes, channels))
    layout = _layout(kind, blocks, values[0].size, counts)
    rows = Rows.of(views, values, layout, chosen, blocks)
    if blocks is not None and held_out is not None:
        entries = values[0].size // blocks.width
        kept = (entries - held_out) // blocks.block[0] * blocks.block[0]
        held_out = blocks.rows(entries) - blocks.rows(kept)
    trained, held = rows.split(held_out)
    where = torch.device(device)
    try:
        model = made(seen_by(kind, views, blocks), latent).to(where)
    except Corrupt as error:
        raise UsageError(f"the family {name!r} cannot take these data: {error}") from None
    sample = min(trained.layout.counts.size, SAMPLE)
    model.look(trained.part(0, sample).batch(where))
    done = fit(model, trained, held, Length(minutes, steps), seed, where, tell)
    model = model.cpu()
    notes = {"family": name, "latent": latent, "seed": seed, "steps": done}
    frozen = frozen_model(model, held, kind, views, blocks, counts_name, notes)
    parameters = sum(p.numel() for p in model.parameters())
    return Trained(frozen, parameters, done, time.perf_counter() - start, rows.unseen)


def _layout(kind: Kind, blocks: Blocks | None, size: int, counts: Array | None) -> Layout:
    """Return how rows belong together where columns have so many values."""
    if blocks is not None:
        return Layout.table(blocks.rows(size // blocks.width))
    if kind is Kind.EVENTS and counts is not None:
        if int(counts.sum()) != size:
            raise UsageError(f"counts sum to {int(counts.sum())}, columns have {size} values")
        if (most := int(counts.max(initial=0))) > MOST_OBJECTS:
            raise UsageError(f"an event has {most} objects, more than a network's {MOST_OBJECTS}")
        return Layout.of(counts)
    return Layout.table(size)


def _blocks(frame: tuple[int, ...], block: tuple[int, ...]) -> Blocks:
    """Return how frames are cut; raises UsageError if they cannot be cut so."""
    try:
        return Blocks(frame, block)
    except Corrupt as error:
        raise UsageError(str(error)) from None


def _check_frames(data: Data, frame: tuple[int, ...]) -> None:
    """Raise UsageError unless arrays by column are flat, or whole frames of this shape."""
    for name, values in data.items() if isinstance(data, Mapping) else ():
        if values.size % math.prod(frame) or values.shape[1:] not in ((), frame):
            raise UsageError(f"{name!r} has the shape {values.shape}, not frames of {frame}")


def _columns(data: Data, names: Sequence[str]) -> list[Array]:
    """Return columns as flat arrays."""
    if isinstance(data, Mapping):
        lacking = [name for name in names if name not in data]
        if lacking:
            raise UsageError(f"the data have no column {lacking[0]!r}, which the model needs")
        values = [np.ascontiguousarray(data[name]).reshape(-1) for name in names]
        for name, column in zip(names, values, strict=True):
            if column.size != values[0].size:
                raise UsageError(f"{name!r} has {column.size} values, {names[0]!r} has "
                                 f"{values[0].size}")  # fmt: skip
        return values
    if data.ndim != 2 or data.shape[1] != len(names):
        raise UsageError(f"data of shape {data.shape} are not rows of {len(names)} columns")
    return [np.ascontiguousarray(data[:, i]) for i in range(len(names))]


def _kind(
    name: str, kinds: Sequence[Kind], frame: tuple[int, ...] | None, counts: Array | None
) -> Kind:
    """Return which kind of data it is, for a family that works on some kinds."""
    if frame is not None:
        wanted = Kind.GRID
    else:
        wanted = Kind.EVENTS if counts is not None and Kind.EVENTS in kinds else Kind.TABLE
    if wanted not in kinds:
        words = dict(zip(Kind, ("rows of a table", "objects of events", "grids"), strict=True))
        raise UsageError(
            f"the family {name!r} works on {' and '.join(words[k] for k in kinds)}, "
            f"not on {words[wanted]}"
        )
    return wanted
