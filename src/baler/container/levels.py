"""Which columns can be coded at the same time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from baler.core.recipe import Recipe, decoding_order, dependencies
from baler.core.schema import Schema


class Levels:
    """The columns of a file in levels: each column needs only columns of earlier levels."""

    def __init__(self, schema: Schema, recipe: Recipe) -> None:
        """Sort the columns; raises Corrupt for a cycle."""
        self.needs: Sequence[tuple[int, ...]] = dependencies(schema, recipe)
        self._order = decoding_order(schema, recipe)
        self._level = [0] * len(self._order)
        for at in self._order:
            self._level[at] = 1 + max((self._level[above] for above in self.needs[at]), default=-1)

    def of(self, positions: Iterable[int]) -> list[list[int]]:
        """Return these columns and all that they need, level by level, in the order of decoding."""
        stack = list(positions)
        wanted = set(stack)
        while stack:
            new = [above for above in self.needs[stack.pop()] if above not in wanted]
            wanted.update(new)
            stack += new
        depth = 1 + max((self._level[at] for at in wanted), default=-1)
        levels: list[list[int]] = [[] for _ in range(depth)]
        for at in self._order:
            if at in wanted:
                levels[self._level[at]].append(at)
        return levels
