"""Grids cut into blocks of one shape, and put together again."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from baler.errors import Corrupt

Array = npt.NDArray[Any]

MOST_CELLS = 1 << 22


@dataclass(frozen=True, slots=True)
class Blocks:
    """Entries are frames of one shape, one after the other; a block may go over several of them.

    What sticks out at the ends repeats the last cell.
    """

    frame: tuple[int, ...]
    block: tuple[int, ...]  # entries, then the axes of a frame

    def __post_init__(self) -> None:
        """Check the ranges."""
        if not 1 <= len(self.frame) <= 3 or len(self.block) != len(self.frame) + 1:
            raise Corrupt(f"frames of shape {self.frame} cannot be cut into {self.block}")
        if min(*self.frame, *self.block) < 1 or math.prod(self.block) > MOST_CELLS:
            raise Corrupt(f"a grid has frames of {self.frame} and blocks of {self.block}")

    @property
    def shape(self) -> tuple[int, ...]:
        """The axes that a network sees: without that of entries if a block has but one."""
        return self.block[1:] if self.block[0] == 1 else self.block

    @property
    def width(self) -> int:
        """Values of an entry."""
        return math.prod(self.frame)

    def rows(self, entries: int) -> int:
        """Return how many blocks a number of entries has."""
        return math.prod(self._numbers(entries))

    def _numbers(self, entries: int) -> tuple[int, ...]:
        return tuple(-(-n // b) for n, b in zip((entries, *self.frame), self.block, strict=True))

    def cut(self, values: Array) -> Array:
        """Return blocks, (blocks, *shape, channels), of values (entries * width, channels)."""
        entries = values.shape[0] // self.width
        field = values.reshape(entries, *self.frame, values.shape[-1])
        numbers = self._numbers(entries)
        for axis, (n, b) in enumerate(zip(numbers, self.block, strict=True)):
            kept = np.minimum(np.arange(n * b), max(field.shape[axis] - 1, 0))
            field = np.take(field, kept, axis)
        pairs = itertools.chain.from_iterable(zip(numbers, self.block, strict=True))
        axes = len(self.block)
        order = (*range(0, 2 * axes, 2), *range(1, 2 * axes, 2), 2 * axes)
        field = field.reshape(*pairs, field.shape[-1]).transpose(order)
        return np.ascontiguousarray(field).reshape(-1, *self.shape, field.shape[-1])

    def join(self, blocks: Array, entries: int) -> Array:
        """Invert `cut`."""
        numbers, axes = self._numbers(entries), len(self.block)
        field = blocks.reshape(*numbers, *self.block, blocks.shape[-1])
        order = (*(a for i in range(axes) for a in (i, axes + i)), 2 * axes)
        sizes = [n * b for n, b in zip(numbers, self.block, strict=True)]
        field = field.transpose(order).reshape(*sizes, blocks.shape[-1])
        inside = tuple(slice(0, n) for n in (entries, *self.frame))
        return np.ascontiguousarray(field[inside]).reshape(-1, blocks.shape[-1])
