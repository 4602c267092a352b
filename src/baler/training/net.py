"""The float twin of a collection's network: docs/learned.md in PyTorch, with the size as the loss.

Features, weights and outputs are those of the integer network in real units, so that freezing it
rounds numbers and changes nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from baler.learned.axis import Axis
from baler.training.dataset import ROWS
from baler.training.design import CollectionDesign

LINEAR = 16
"""Hidden units that are not rectified: they carry values on as they are."""
COMPONENTS = 3
"""Logistic distributions that a shape is mixed of, besides an exponential one to either side."""
SPAN = (-1.7, 0.75)
"""Logarithms of scales within a shape: those of a table's nodes, and such that next to nothing lies
beyond the 16 units that a table reaches to either side, where numbers are escapes."""
TOP_ACTIVATION = 8191 / 256
LN2 = math.log(2)
STATIC = ("shapes", "offsets")
"""Parameters that are no weights."""
STEP = 2.0**-9
"""Below this a weight takes next to nothing in a model."""


class _Clamp(torch.autograd.Function):
    """Clamping whose gradient leads back in from outside, and never further out."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, low: Tensor, high: Tensor) -> Tensor:
        ctx.save_for_backward(values > high, values < low)
        return torch.minimum(torch.maximum(values, low), high)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        above, below = ctx.saved_tensors
        (gradient,) = gradients
        outward = (above & (gradient < 0)) | (below & (gradient > 0))
        return gradient.masked_fill(outward, 0.0), None, None


def clamped(values: Tensor, low: float | Tensor, high: float) -> Tensor:
    """Return values within limits."""
    limits = (torch.as_tensor(x, dtype=values.dtype, device=values.device) for x in (low, high))
    return _Clamp.apply(values, *limits)  # type: ignore[no-any-return,no-untyped-call]


class Shapes(nn.Module):
    """For each numeric column a few distributions, mixed of logistic and one-sided exponential."""

    def __init__(self, columns: int, shapes: int) -> None:
        """Spread the shapes from skew to one side to skew to the other."""
        super().__init__()
        skew = torch.linspace(-1, 1, shapes)[None, :, None] if shapes > 1 else torch.zeros(1, 1, 1)
        side = torch.linspace(-1, 1, COMPONENTS)
        full = (columns, shapes, COMPONENTS)
        self.place = nn.Parameter((skew * side + 0.1 * torch.randn(full)).expand(full).clone())
        self.scale = nn.Parameter(-0.3 + 0.5 * side + 0.2 * torch.randn(full))
        self.weight = nn.Parameter(torch.zeros(full))
        self.tail = nn.Parameter(torch.zeros(columns, shapes, 2))
        self.tail_weight = nn.Parameter(torch.full((columns, shapes, 2), -2.0))

    def parameters_of(self, shares: Tensor) -> tuple[Tensor, ...]:
        """Return place, scale, log weights and tail scale of shapes, (..., columns, components).

        ``shares`` (..., columns, shapes) says how much of each shape.
        """
        place, scale, weight, tail, tail_weight = (
            torch.einsum("...jk,jkc->...jc", shares, values)
            for values in (self.place, self.scale, self.weight, self.tail, self.tail_weight)
        )
        weights = functional.log_softmax(torch.cat([weight, tail_weight], -1), -1)
        return place, scale.clamp(*SPAN), weights, tail.clamp(*SPAN)

    def log_mass(self, shares: Tensor, z: Tensor, half: Tensor) -> Tensor:
        """Return log probabilities of ``z - half`` to ``z + half``."""
        place, scale, weights, tail = self.parameters_of(shares)
        narrow = torch.exp(-scale)
        at, width = (z[..., None] - place) * narrow, half[..., None] * narrow
        logistic = (
            -functional.softplus(-(at + width))
            - functional.softplus(at - width)
            + torch.log(-torch.expm1(-2 * width) + 1e-12)
        )
        sides = torch.stack([z, -z], -1) * torch.exp(-tail)
        reach = half[..., None] * torch.exp(-tail)
        low, high = (sides - reach).clamp(min=0), (sides + reach).clamp(min=0)
        inside = high - low
        one_sided = torch.where(
            inside > 0,
            -low + torch.log(-torch.expm1(-inside.clamp(min=1e-7)) + 1e-12),
            torch.full_like(inside, -30.0),
        )
        return torch.logsumexp(weights + torch.cat([logistic, one_sided], -1), -1)

    def cumulative(self, z: Tensor) -> Tensor:
        """Return the distribution function of every shape at z: (columns, shapes, z)."""
        columns, shapes, _ = self.place.shape
        each = torch.eye(shapes, device=z.device)[:, None].expand(-1, columns, -1)
        place, scale, weights, tail = (p.transpose(0, 1) for p in self.parameters_of(each))
        logistic = torch.sigmoid((z - place[..., None]) * torch.exp(-scale)[..., None])
        above = -torch.expm1(-z.clamp(min=0) * torch.exp(-tail[..., :1])) * (z > 0)
        below = torch.exp(z.clamp(max=0) * torch.exp(-tail[..., 1:]))
        parts = torch.cat([logistic, above[..., None, :], below[..., None, :]], -2)
        return (parts * torch.exp(weights)[..., None]).sum(-2)


class Net(nn.Module):
    """What the size of objects is predicted with: call it to get bits, (batch, columns)."""

    unit: Tensor
    slot_column: Tensor
    slot_class: Tensor
    on: Tensor

    def __init__(
        self,
        axes: Sequence[Axis],
        plan: CollectionDesign,
        widths: tuple[int, int, int],
        hidden: int,
        shapes: int,
    ) -> None:
        """Make a network; ``widths`` are the numbers of features of events, parents, objects."""
        super().__init__()
        self.axes = [axes[column.axis] for column in plan.columns]
        self.hidden, self.shapes_count = hidden, shapes
        self.patience = 40.0  # bits that no number costs more than, lest gradients vanish
        self.sizes = [len(axis.features) for axis in self.axes]
        self.classes = [axis.classes for axis in self.axes]
        self.features = sum(self.sizes)
        self.has_key = bool(plan.key)
        numeric = [j for j, axis in enumerate(self.axes) if axis.numeric]
        self.numeric = numeric

        def weights(*shape: int, scale: float = 0.1) -> nn.Parameter:
            return nn.Parameter(scale * torch.randn(*shape))

        def zeros(*shape: int) -> nn.Parameter:
            """Begin with nothing, so that what is never used takes no space in the model."""
            return nn.Parameter(torch.zeros(*shape))

        slots = sum(self.classes)
        self.own = zeros(self.features, hidden)
        self.own_rows = zeros(slots, hidden)
        self.previous = zeros(self.features, hidden)
        self.prev_rows = zeros(slots, hidden)
        self.event = zeros(widths[0], hidden)
        self.parent = zeros(widths[1], hidden)
        self.object = zeros(widths[2], hidden)
        self.tally = zeros(int(plan.weight >= 0), hidden)
        self.slot = zeros(plan.slots, hidden)
        self.peer = zeros(self.features if self.has_key else 0, hidden)
        self.bias = weights(hidden)
        self.first = zeros(hidden)
        self.orphan = zeros(hidden)
        self.lonely = zeros(hidden)
        self.rank = zeros(ROWS, hidden)
        self.left = zeros(ROWS, hidden)
        self.key_rank = zeros(ROWS, hidden)
        self.column_bias = zeros(len(self.axes), hidden)
        self.heads = nn.ParameterList(
            weights(self.outputs(j), hidden, scale=0.03) for j in range(len(self.axes))
        )
        self.offsets = nn.ParameterList(self._offset(j) for j in range(len(self.axes)))
        self.shapes = Shapes(len(numeric), shapes)
        unit = [plan.columns[j].unit for j in numeric]
        self.register_buffer("unit", torch.tensor(unit))
        column = [j for j, n in enumerate(self.classes) for _ in range(n)]
        value = [c for n in self.classes for c in range(n)]
        self.register_buffer("slot_column", torch.tensor(column))
        self.register_buffer("slot_class", torch.tensor(value))
        on = [self.axes[j].on_lattice for j in numeric]
        self.register_buffer("on", torch.tensor(on))

    def outputs(self, j: int) -> int:
        """Return the number of outputs of a column."""
        axis = self.axes[j]
        return len(axis.atoms) + axis.signed + 3 * axis.numeric

    def _offset(self, j: int) -> nn.Parameter:
        offset = torch.zeros(self.outputs(j))
        if self.axes[j].numeric:
            offset[-1] = (self.shapes_count - 1) / 2
        return nn.Parameter(offset)

    def forward(self, batch: dict[str, Tensor]) -> Tensor:
        """Return the bits of each column of each object, (batch, columns)."""
        total, heads = self._outputs(batch)
        if self.numeric:
            numbers = self._numbers(heads, batch["residuals"]) * self._coded(batch)
            total = total.index_add(1, torch.tensor(self.numeric, device=total.device), numbers)
        return total / LN2

    def shapes_used(self, batch: dict[str, Tensor]) -> Tensor:
        """Return how many numbers each shape places, (numeric columns, shapes)."""
        _, heads = self._outputs(batch)
        chosen = (heads[..., 2].clamp(0, self.shapes_count - 1) + 0.5).floor().long()
        each = functional.one_hot(chosen, self.shapes_count) * self._coded(batch)[..., None]
        return each.sum(0)

    def _coded(self, batch: dict[str, Tensor]) -> Tensor:
        """Return which values have numbers, (batch, numeric columns)."""
        kind = batch["classes"][:, self.numeric]
        return (kind == self.on) | (kind == self.on + 1)

    def _outputs(self, batch: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Return nats of decisions, (batch, columns), and outputs for numbers, (.., numeric, 3)."""
        own = batch["features"]
        marks = self._marks(batch["classes"])
        state = self._context(batch)
        bits, heads = [], []
        feature = slot = 0
        for j, axis in enumerate(self.axes):
            a = self._activation(state + self.column_bias[j])
            out = functional.linear(a, self.heads[j], self.offsets[j])
            bits.append(self._decisions(out, batch["classes"][:, j], axis))
            if axis.numeric:
                heads.append(out[:, -3:])
            after = feature + self.sizes[j], slot + self.classes[j]
            state = (
                state
                + own[:, feature : after[0]] @ self.own[feature : after[0]]
                + marks[:, slot : after[1]] @ self.own_rows[slot : after[1]]
            )
            feature, slot = after
            if j == 0 and self.has_key:
                state = state + self._family(batch)
        none = own.new_zeros(len(own), 0, 3)
        return torch.stack(bits, 1), torch.stack(heads, 1) if heads else none

    def model_bits(self) -> Tensor:
        """Return about how many bits the weights take in a model."""
        weights = [value for name, value in self.named_parameters() if not name.startswith(STATIC)]
        return torch.stack([torch.log2(1 + w.abs() / STEP).sum() for w in weights]).sum()

    def _activation(self, state: Tensor) -> Tensor:
        rectified, plain = state[:, :-LINEAR], state[:, -LINEAR:]
        return torch.cat(
            [rectified.clamp(0, TOP_ACTIVATION), plain.clamp(-TOP_ACTIVATION, TOP_ACTIVATION)], -1
        )

    def _marks(self, classes: Tensor) -> Tensor:
        return (classes[:, self.slot_column] == self.slot_class).to(self.own.dtype)

    def _context(self, batch: dict[str, Tensor]) -> Tensor:
        """Return states before the first column."""
        earlier = batch["previous"] @ self.previous
        earlier = earlier + self._marks(batch["previous_classes"]) @ self.prev_rows
        return (
            self.bias
            + torch.where(batch["first"][:, None], self.first, earlier)
            + batch["event"] @ self.event
            + batch["object"] @ self.object
            + batch["slots"] @ self.slot
            + self.rank[batch["rank"]]
            + self.left[batch["left"]]
        )

    def _family(self, batch: dict[str, Tensor]) -> Tensor:
        """Return what is added to states when the key is known."""
        child, sibling = batch["has_parent"][:, None], batch["has_peer"][:, None]
        return (
            batch["tally"] @ self.tally * child
            + torch.where(child, batch["parent"] @ self.parent, self.orphan)
            + torch.where(sibling, batch["peer"] @ self.peer, self.lonely)
            + self.key_rank[batch["key_rank"]]
        )

    def _decisions(self, out: Tensor, classes: Tensor, axis: Axis) -> Tensor:
        atoms = len(axis.atoms)
        bits = torch.zeros_like(classes, dtype=out.dtype)
        if atoms:
            logits, k = out[:, :atoms], torch.arange(atoms, device=out.device)
            passed, hit = k < classes[:, None], k == classes[:, None]
            cost = functional.softplus(logits) * passed + functional.softplus(-logits) * hit
            bits = cost.sum(1)
        if axis.signed:
            sign = out[:, atoms]
            bits = bits + functional.softplus(sign) * (classes == atoms)
            bits = bits + functional.softplus(-sign) * (classes == atoms + 1)
        return bits

    def _numbers(self, out: Tensor, residuals: Tensor) -> Tensor:
        """Return nats of numbers placed by location, scale and shape: (batch, numeric columns)."""
        octaves = torch.log2(self.unit / 2) + out[..., 1]
        scale = torch.exp2(clamped(octaves, -4.0, 38.0))
        apart = residuals - clamped(out[..., 0], -64.0, 64.0) * self.unit
        z, half = apart / scale, 0.5 / scale
        least = torch.as_tensor(-self.patience * LN2, device=z.device)

        if self.shapes_count == 1:
            shares = torch.ones_like(z)[..., None]
        else:
            index = clamped(out[..., 2], 0.0, self.shapes_count - 1)[..., None]
            shapes = torch.arange(self.shapes_count, device=z.device)
            between = functional.relu(1 - (index - shapes).abs())
            nearest = ((index + 0.5).floor() == shapes).to(between.dtype)
            shares = between + (nearest - between).detach()  # the nearest, with gradients
        return -torch.logaddexp(self.shapes.log_mass(shares, z, half) - 0.0044, least)
