"""Which columns can be coded at the same time."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence

from baler.core.recipe import Recipe, decoding_order, dependencies
from baler.core.schema import Schema

Unit = tuple[int, ...]
"""A column, or all columns of a learned group, which are coded together."""


class Levels:
    """The units of a file in levels: each needs only columns of earlier levels."""

    def __init__(self, schema: Schema, recipe: Recipe) -> None:
        """Sort the units; raises Corrupt for a cycle."""
        self.needs: Sequence[tuple[int, ...]] = dependencies(schema, recipe)
        order = decoding_order(schema, recipe)
        self._unit: dict[int, Unit] = {at: (at,) for at in order}
        for group in recipe.groups:
            if group.learned:
                together = tuple(sorted(group.columns, key=order.index))
                self._unit.update(dict.fromkeys(together, together))
        self._units = list(dict.fromkeys(self._unit[at] for at in order))
        self._above = {
            unit: {self._unit[need] for at in unit for need in self.needs[at]} - {unit}
            for unit in self._units
        }
        self._level: dict[Unit, int] = {}
        for unit, above in self._above.items():
            self._level[unit] = 1 + max((self._level[other] for other in above), default=-1)

    def of(self, positions: Iterable[int], known: Container[Unit] = ()) -> list[list[Unit]]:
        """Return these columns and all that they need, level by level, in the order of decoding.

        What only ``known`` units need is left out.
        """
        stack = [self._unit[at] for at in positions]
        wanted = set(stack)
        while stack:
            unit = stack.pop()
            if unit not in known:
                new = self._above[unit] - wanted
                wanted |= new
                stack += new
        depth = 1 + max((self._level[unit] for unit in wanted), default=-1)
        levels: list[list[Unit]] = [[] for _ in range(depth)]
        for unit in self._units:
            if unit in wanted:
                levels[self._level[unit]].append(unit)
        return levels
