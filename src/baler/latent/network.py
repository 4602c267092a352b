"""A latent network: nodes, each an operation on earlier ones."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from baler.errors import Corrupt
from baler.latent.arithmetic import Numbers, clipped
from baler.latent.nodes import Form, Input, Node
from baler.latent.rows import Layout

MOST_NODES = 1 << 10
ROWS = 1 << 12
"""Objects that are computed at once, or one event if it has more."""
NUMBERS = 1 << 23
"""Numbers of a node that are computed at once, or those of one event."""


@dataclass(frozen=True, eq=False)
class Network:
    """Nodes in an order in which they can be computed; valid, or it cannot be made (Corrupt)."""

    nodes: tuple[Node, ...]
    outputs: tuple[int, ...]

    def __post_init__(self) -> None:
        """Check that nodes fit each other."""
        if len(self.nodes) > MOST_NODES:
            raise Corrupt(f"a network has {len(self.nodes)} nodes, more than {MOST_NODES}")
        if not self.outputs or not all(0 <= at < len(self.nodes) for at in self.outputs):
            raise Corrupt(f"a network of {len(self.nodes)} nodes has the outputs {self.outputs}")
        _ = self.forms

    @cached_property
    def forms(self) -> tuple[Form, ...]:
        """The forms of all nodes."""
        forms: list[Form] = []
        for number, node in enumerate(self.nodes):
            if not all(0 <= at < number for at in node.inputs):
                raise Corrupt(f"node {number} of a network looks at nodes {node.inputs}")
            forms.append(node.form([forms[at] for at in node.inputs]))
        return tuple(forms)

    @property
    def inputs(self) -> tuple[Form, ...]:
        """The forms of what comes from outside, in order."""
        return tuple(
            form for node, form in zip(self.nodes, self.forms, strict=True)
            if isinstance(node, Input)
        )  # fmt: skip

    @cached_property
    def _last_use(self) -> dict[int, int]:
        uses = {at: number for number, node in enumerate(self.nodes) for at in node.inputs}
        return uses | dict.fromkeys(self.outputs, len(self.nodes))

    def run(self, inputs: Sequence[Numbers], layout: Layout) -> list[Numbers]:
        """Return the outputs for arrays of inputs, (rows, *shape) each, whole numbers.

        Events are computed some at a time; what comes out does not depend on how many.
        """
        parts = []
        largest = max(math.prod(form.shape) for form in self.forms)
        for part, rows in layout.parts(max(1, min(ROWS, NUMBERS // largest))):
            given = [x[rows[f.level]] for x, f in zip(inputs, self.inputs, strict=True)]
            parts.append(self._run(given, part))
        return [np.concatenate(found) for found in zip(*parts, strict=True)]

    def _run(self, inputs: Sequence[Numbers], layout: Layout) -> list[Numbers]:
        given = iter(inputs)
        values: dict[int, Numbers] = {}
        for number, (node, form) in enumerate(zip(self.nodes, self.forms, strict=True)):
            if isinstance(node, Input):
                found = clipped(next(given))
            else:
                found = node.run([values[at] for at in node.inputs], layout)
            assert found.shape == (layout.size(form.level), *form.shape)
            values[number] = found
            for at in {*node.inputs, number}:
                if self._last_use.get(at, number) <= number:
                    values.pop(at, None)
        return [values[at] for at in self.outputs]
