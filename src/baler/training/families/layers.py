"""Layers of float networks, each beside the node of integers that it becomes.

A layer computes tensors as its node computes whole numbers: the meaning of both is that of the
node. Layers that only serve training become nothing, or a plain factor.
"""

from __future__ import annotations

import abc
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from baler.latent import nodes
from baler.latent.arithmetic import EXACT, FRACTION
from baler.latent.rows import Layout, Level

PRECISION = 12
"""Bits of a typical weight, by default."""


@dataclass(frozen=True)
class Place:
    """How the rows of a batch belong together, as tensors."""

    layout: Layout
    counts: Tensor  # (events,) int64
    event: Tensor  # (objects,) the event of each object
    rows: Tensor  # (events, places) the row of each object, 0 where there is none
    there: Tensor  # (events, places) bool

    @classmethod
    def of(cls, layout: Layout, device: torch.device) -> Place:
        """Return the tensors of a layout."""
        most = int(layout.counts.max(initial=0))
        there = np.arange(most) < layout.counts[:, None]
        rows = np.where(there, layout.starts[:, None] + np.arange(most), 0)
        arrays = (layout.counts, layout.event, rows, there)
        tensors = (torch.from_numpy(np.ascontiguousarray(a)).to(device) for a in arrays)
        return cls(layout, *tensors)


class Layer(nn.Module, abc.ABC):
    """One step of a float network."""

    @abc.abstractmethod
    def forward(self, inputs: Sequence[Tensor], place: Place) -> Tensor:
        """Return the result."""

    @abc.abstractmethod
    def frozen(self, inputs: tuple[int, ...], precision: int) -> nodes.Node | None:
        """Return the node with these inputs; None if the layer changes nothing after training."""


class _Fixed(Layer):
    """A layer without weights."""

    def __init__(self, kind: type[nodes.Node], *arguments: object) -> None:
        super().__init__()
        self.kind, self.arguments = kind, arguments

    def frozen(self, inputs: tuple[int, ...], precision: int) -> nodes.Node:
        """Return the node."""
        return self.kind(inputs, *self.arguments)


class Given(_Fixed):
    """An input of the network."""

    def __init__(self, level: Level, shape: tuple[int, ...]) -> None:
        super().__init__(nodes.Input, level, shape)

    def forward(self, inputs: Sequence[Tensor], place: Place) -> Tensor:
        """Refuse: the network puts the values here."""
        raise NotImplementedError


def fixed(
    weights: Tensor, bias: Tensor, precision: int, most: float = nodes.MOST_SHIFT
) -> tuple[npt.NDArray[np.int16], npt.NDArray[np.int64], int]:
    """Return weights (first axis: outputs) and bias as whole numbers, and the shift they need.

    A typical weight has ``precision`` bits, fewer if the largest one would not fit, or if it took
    a shift of more than ``most``.
    """
    w, b = (x.detach().double().cpu().numpy() for x in (weights, bias))
    return fixed_arrays(w, b, precision, most)


def fixed_arrays(
    w: npt.NDArray[np.float64],
    b: npt.NDArray[np.float64],
    precision: int,
    most: float = nodes.MOST_SHIFT,
) -> tuple[npt.NDArray[np.int16], npt.NDArray[np.int64], int]:
    """Return the same for arrays."""
    typical = float(np.sqrt((w * w).mean())) or 1.0
    shift = min(
        math.floor(precision - math.log2(typical)),
        math.floor(math.log2(32767 / max(float(np.abs(w).max()), 1e-9))),
    )
    shift = max(0, min(shift, math.floor(most), nodes.MOST_SHIFT))
    whole = np.clip(np.rint(w * 2.0**shift), -32767, 32767).astype(np.int16)
    return whole, np.rint(b * 2.0 ** (shift + FRACTION)).astype(np.int64), shift


class Linear(Layer):
    """A matrix over channels."""

    def __init__(self, channels: int, outputs: int) -> None:
        super().__init__()
        self.linear = nn.Linear(channels, outputs)

    def forward(self, inputs: Sequence[Tensor], place: Place) -> Tensor:
        """Multiply."""
        return self.linear(inputs[0])

    def frozen(self, inputs: tuple[int, ...], precision: int) -> nodes.Node:
        """Return the node."""
        return nodes.Dense(inputs, *fixed(self.linear.weight, self.linear.bias, precision))


class Scaling(Layer):
    """A factor and a bias for each channel."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, inputs: Sequence[Tensor], place: Place) -> Tensor:
        """Multiply."""
        return inputs[0] * self.weight + self.bias

    def frozen(self, inputs: tuple[int, ...], precision: int) -> nodes.Node:
        """Return the node, with as much precision as there is."""
        return nodes.Affine(inputs, *fixed(self.weight, self.bias, 15))


class BatchNorm(Layer):
    """Channels standardised over a batch (Ioffe, Szegedy 2015); afterwards over all batches."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(channels)

    def forward(self, inputs: Sequence[Tensor], place: Place) -> Tensor:
        """Standardise."""
        x = inputs[0]
        if self.training and x.numel() == x.shape[-1]:
            return x  # a single row has no deviation
        return self.norm(x.reshape(-1, x.shape[-1])).reshape(x.shape)

    def frozen(self, inputs: tuple[int, ...], precision: int) -> nodes.Node:
        """Return factors and biases."""
        norm = self.norm
        mean, variance = norm.running_mean, norm.running_var
        assert mean is not None
        assert variance is not None
        factor = norm.weight / torch.sqrt(variance + norm.eps)
        return nodes.Affine(inputs, *fixed(factor, norm.bias - mean * factor, 15))


class Dropout(Layer):
    """Numbers left out at random while training."""

    def __init__(self, part: float) -> None:
        super().__init__()
        self.part = part

    def forward(self, inputs: Sequence[Tensor], place: Place) -> Tensor:
        """Leave some out."""
        return functional.dropout(inputs[0], self.part, self.training)

    def frozen(self, inputs: tuple[int, ...], precision: int) -> None:
        """Return nothing."""
        return


class Function(_Fixed):
    """A function of each number."""

    def __init__(self, name: str) -> None:
        super().__init__(nodes.Activation, name)
        self.name = name

    def forward(self, inputs: Sequence[Tensor], place: Place) -> Tensor:
        """Compute it."""
        x = inputs[0]
        match self.name:
            case "relu":
                return functional.relu(x)
            case "leaky":
                return functional.leaky_relu(x, 41 / 4096)
            case "tanh":
                return torch.tanh(x)
            case "sigmoid":
                return torch.sigmoid(x)
            case "gelu":
                return x * torch.sigmoid(1.702 * x)
        return functional.silu(x)


class Sum(_Fixed):
    """The sum of two."""

    def __init__(self) -> None:
        super().__init__(nodes.Add)

    def forward(self, inputs: Sequence[Tensor], place: Place) -> Tensor:
        """Add."""
        return inputs[0] + inputs[1]


class Join(_Fixed):
    """Channels side by side."""

    def __init__(self) -> None:
        super().__init__(nodes.Concat)

    def forward(self, inputs: Sequence[Tensor], place: Place) -> Tensor:
        """Join."""
        return torch.cat(list(inputs), -1)


class LayerNorm(_Fixed):
    """Channels standardised within each row."""

    def __init__(self) -> None:
        super().__init__(nodes.Norm)

    def forward(self, inputs: Sequence[Tensor], place: Place) -> Tensor:
        """Standardise."""
        return functional.layer_norm(inputs[0], inputs[0].shape[-1:], eps=2.0**-28)


class Attend(_Fixed):
    """Attention of the objects of an event to each other."""

    def __init__(self, heads: int) -> None:
        super().__init__(nodes.Attention, heads)
        self.heads = heads

    def forward(self, inputs: Sequence[Tensor], place: Place) -> Tensor:
        """Attend, events side by side."""
        width = inputs[0].shape[-1] // self.heads
        q, k, v = (
            x[place.rows].reshape(*place.rows.shape, self.heads, width).transpose(1, 2)
            for x in inputs
        )
        found = functional.scaled_dot_product_attention(
            q, k, v, attn_mask=place.there[:, None, None, :]
        )
        found = found.transpose(1, 2).reshape(*place.rows.shape, -1)
        return found[place.there]


class Mean(_Fixed):
    """Objects to their event."""

    def __init__(self) -> None:
        super().__init__(nodes.Pool)

    def forward(self, inputs: Sequence[Tensor], place: Place) -> Tensor:
        """Take the mean."""
        x = inputs[0]
        sums = x.new_zeros(place.counts.shape[0], *x.shape[1:]).index_add(0, place.event, x)
        return sums / place.counts.clamp(min=1).reshape(-1, *[1] * (x.ndim - 1))


class ToObjects(_Fixed):
    """An event to its objects."""

    def __init__(self) -> None:
        super().__init__(nodes.Spread)

    def forward(self, inputs: Sequence[Tensor], place: Place) -> Tensor:
        """Repeat."""
        return inputs[0][place.event]


class Nearest(_Fixed):
    """The nearest other objects of the event."""

    def __init__(self, most: int) -> None:
        super().__init__(nodes.Neighbours, most)
        self.most = most

    def forward(self, inputs: Sequence[Tensor], place: Place) -> Tensor:
        """Sort by distance and gather."""
        features, position = inputs
        at = position[place.rows]
        eta = at[:, None, :, 0] - at[:, :, None, 0]
        c, s = at[..., 1], at[..., 2]
        cosine = c[:, None] * c[:, :, None] + s[:, None] * s[:, :, None]
        sine = s[:, None] * c[:, :, None] - c[:, None] * s[:, :, None]
        unseen = ~place.there[:, None, :] | torch.eye(
            at.shape[1], dtype=torch.bool, device=at.device
        )
        distance = (eta * eta + 2 * (1 - cosine)).masked_fill(unseen, math.inf)
        nearest = distance.detach().argsort(dim=-1, stable=True)[..., : self.most]
        there = (~unseen).gather(-1, nearest)
        parts = [a.gather(-1, nearest) for a in (eta, cosine, sine)]
        others = place.rows[:, None, :].expand(-1, at.shape[1], -1).gather(-1, nearest)
        found = torch.cat([features[others], torch.stack(parts, -1)], -1) * there[..., None]
        found = found[place.there]
        return functional.pad(found, (0, 0, 0, self.most - found.shape[1]))


class MeanOfNearest(_Fixed):
    """Neighbours to their object."""

    def __init__(self) -> None:
        super().__init__(nodes.Gather)

    def forward(self, inputs: Sequence[Tensor], place: Place) -> Tensor:
        """Take the mean of those that are there."""
        x = inputs[0]
        others = (place.counts[place.event] - 1).clamp(max=x.shape[1])
        there = torch.arange(x.shape[1], device=x.device) < others[:, None]
        return (x * there[..., None]).sum(1) / others.clamp(min=1)[:, None]


class Shape(_Fixed):
    """The numbers of a row in another shape."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__(nodes.Reshape, shape)
        self.shape = shape

    def forward(self, inputs: Sequence[Tensor], place: Place) -> Tensor:
        """Reshape."""
        return inputs[0].reshape(-1, *self.shape)


class Cut(_Fixed):
    """The first cells along each axis."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__(nodes.Crop, shape)
        self.shape = shape

    def forward(self, inputs: Sequence[Tensor], place: Place) -> Tensor:
        """Leave out the rest."""
        return inputs[0][(slice(None), *(slice(0, n) for n in self.shape))]


class Convolution(Layer):
    """A convolution over one to three axes, or a transposed one; channels are last."""

    def __init__(
        self, axes: int, channels: int, outputs: int, kernel: int, stride: int, *, up: bool
    ) -> None:
        super().__init__()
        self.stride, self.up, self.kernel = stride, up, kernel
        kind = (nn.Conv1d, nn.Conv2d, nn.Conv3d)[axes - 1]
        self.conv = kind(channels, outputs, kernel)

    def forward(self, inputs: Sequence[Tensor], place: Place) -> Tensor:
        """Convolve with zeros around."""
        x = inputs[0].movedim(-1, 1)
        steps = self.stride
        if self.up and self.stride > 1:
            wide = x.new_zeros(*x.shape[:2], *(n * self.stride for n in x.shape[2:]))
            every = (slice(None, None, self.stride) for _ in x.shape[2:])
            wide[(slice(None), slice(None), *every)] = x
            x, steps = wide, 1
        pads: list[int] = []
        for cells in reversed(x.shape[2:]):
            total = max((-(-cells // steps) - 1) * steps + self.kernel - cells, 0)
            pads += [total // 2, total - total // 2]
        convolve = (functional.conv1d, functional.conv2d, functional.conv3d)[x.ndim - 3]
        return convolve(functional.pad(x, pads), self.conv.weight, self.conv.bias, steps).movedim(
            1, -1
        )

    def frozen(self, inputs: tuple[int, ...], precision: int) -> nodes.Node:
        """Return the node."""
        weights, bias = self.conv.weight.movedim(1, -1), self.conv.bias
        assert bias is not None
        return nodes.Conv(inputs, *fixed(weights, bias, precision), self.stride, self.up)


class Divide(Layer):
    """Divisive normalisation of channels, or its inverse."""

    def __init__(self, channels: int, *, inverse: bool) -> None:
        super().__init__()
        self.inverse = inverse
        self.gamma = nn.Parameter(torch.sqrt(0.1 * torch.eye(channels)))
        self.beta = nn.Parameter(torch.ones(channels))

    @property
    def _weights(self) -> tuple[Tensor, Tensor]:
        return self.gamma**2, self.beta**2 + 1e-4

    def forward(self, inputs: Sequence[Tensor], place: Place) -> Tensor:
        """Divide or multiply by a root."""
        gamma, beta = self._weights
        root = torch.sqrt(functional.linear(inputs[0].clamp(-16, 16) ** 2, gamma, beta))
        return inputs[0] * root if self.inverse else inputs[0] / root

    def frozen(self, inputs: tuple[int, ...], precision: int) -> nodes.Node:
        """Return the node."""
        gamma, beta = (x.detach().double() for x in self._weights)
        largest = (gamma.sum(1) * 2.0**36 + beta * 2.0 ** (2 * FRACTION)).max().item()
        weights, _, shift = fixed(gamma, beta, precision, math.log2(EXACT / largest) - 1)
        bias = np.rint(beta.cpu().numpy() * 2.0 ** (shift + 2 * FRACTION))
        return nodes.Divisive(inputs, weights, bias.astype(np.int64), shift, self.inverse)
