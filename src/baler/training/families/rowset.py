"""Data for training: columns as tensors, cut into batches of whole events."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from baler.core.bounds import Bound
from baler.latent.blocks import Blocks
from baler.latent.model import Kind
from baler.latent.rows import Layout
from baler.latent.views import Scale, View
from baler.training.families.base import Batch, Seen
from baler.training.families.layers import Place
from baler.training.families.sight import steps_of

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float32]

HELD_OUT = 0.15
"""Part of the events, the last ones, that a model is judged by."""
MOST_NUMBERS = 1 << 13
"""Of a block, if no shape is asked for."""


@dataclass(frozen=True)
class Rows:
    """Columns as a network sees them; unseen values are 0 and counted."""

    x: Floats  # (rows, *shape, channels)
    seen: Floats
    steps: Floats
    layout: Layout
    unseen: int

    @classmethod
    def of(
        cls,
        views: Sequence[View],
        values: Sequence[Array],
        layout: Layout,
        bounds: Sequence[Bound | None],
        blocks: Blocks | None = None,
    ) -> Rows:
        """Return the rows of columns."""
        numbers, seen, steps = [], [], []
        unseen = 0
        for view, column, bound in zip(views, values, bounds, strict=True):
            x, there = view.real(column)
            unseen += int((~there).sum())
            numbers.append(np.clip(x, -64, 64))
            seen.append(np.repeat(there[:, None], view.channels, 1))
            steps.append(steps_of(view, column, bound))

        def joined(parts: Sequence[Array]) -> Floats:
            found: Floats = np.concatenate(parts, -1).astype(np.float32)
            return found if blocks is None else blocks.cut(found)

        return cls(joined(numbers), joined(seen), joined(steps), layout, unseen)

    def split(self, held: int | None = None) -> tuple[Rows, Rows]:
        """Return what is trained on, and what is held out: so many events, or a part."""
        events = self.layout.counts.size
        held = round(HELD_OUT * events) if held is None else held
        cut = max(1, events - held) if events > 1 else events
        return self.part(0, cut), self.part(min(cut, events - 1), events)

    def part(self, first: int, last: int) -> Rows:
        """Return the rows of events from ``first`` to before ``last``."""
        return self.chosen(np.arange(first, last))

    def chosen(self, events: npt.NDArray[np.int64]) -> Rows:
        """Return the rows of certain events."""
        counts = self.layout.counts[events]
        starts = np.repeat(self.layout.starts[events] - (np.cumsum(counts) - counts), counts)
        rows = starts + np.arange(counts.sum())
        layout = Layout(counts)
        return Rows(self.x[rows], self.seen[rows], self.steps[rows], layout, self.unseen)

    def batch(self, device: torch.device) -> Batch:
        """Return all of it as one batch."""
        x, seen, steps = (torch.from_numpy(a).to(device) for a in (self.x, self.seen, self.steps))
        return Batch(x, seen, steps, Place.of(self.layout, device))

    def batches(self, objects: int, generator: np.random.Generator) -> Iterator[Rows]:
        """Yield whole events in random order, about so many objects at once, once each."""
        order = generator.permutation(self.layout.counts.size)
        mean = max(1.0, self.x.shape[0] / max(order.size, 1))
        size = max(1, round(objects / mean))
        for at in range(0, order.size, size):
            yield self.chosen(order[at : at + size])


def seen_by(kind: Kind, views: Sequence[View], blocks: Blocks | None) -> Seen:
    """Return what a family is told."""
    starts = np.cumsum([0, *(view.channels for view in views)]).tolist()
    eta = [s for s, view in zip(starts, views, strict=False) if view.column.endswith("eta")]
    phi = [s for s, view in zip(starts, views, strict=False) if view.scale is Scale.ANGLE]
    position = (eta[0], phi[0], phi[0] + 1) if eta and phi else ()
    shape = () if blocks is None else blocks.shape
    owner = tuple(i for i, view in enumerate(views) for _ in range(view.channels))
    return Seen(kind, shape, starts[-1], len(views), owner, position)


def block_of(frame: tuple[int, ...], entries: int, axes: int, channels: int = 1) -> tuple[int, ...]:
    """Return the shape of blocks that suits networks of two or three axes, of all numbers there.

    Frames of three axes have no axis left for entries.
    """
    sizes = (entries if axes > 2 and len(frame) < 3 else 1, *frame)
    block = [_near(n, most) for n, most in zip(sizes, (8, *[64] * len(frame)), strict=True)]
    while channels * math.prod(block) > MOST_NUMBERS and max(block) > 1:
        longest = block.index(max(block))
        block[longest] = _near(sizes[longest], block[longest] - 1)
    return tuple(block)


def _near(cells: int, most: int) -> int:
    return -(-cells // math.ceil(cells / most))
