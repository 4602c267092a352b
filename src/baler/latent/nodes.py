"""The operations that a latent network is made of, in the numbers of `baler.latent.arithmetic`.

Every node takes the results of earlier nodes and gives one array: rows of a level, then perhaps
further axes (the block of a grid, neighbours), then channels. A node checks in `form` that it fits
its inputs and that no sum can leave the range where float64 is exact. Normative in docs/latent.md.
"""

from __future__ import annotations

import abc
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from baler.errors import Corrupt
from baler.latent.arithmetic import (
    EXACT,
    FRACTION,
    FUNCTIONS,
    LIMIT,
    ONE,
    Numbers,
    activated,
    clipped,
    divided,
    shifted,
    weight_of,
)
from baler.latent.rows import Layout, Level

Array = npt.NDArray[Any]

MOST_CHANNELS = 1 << 16
MOST_CELLS = 1 << 22
"""Numbers of one row of a node."""
MOST_SHIFT = 30
RUN = 1 << 24
"""Numbers that a convolution holds in memory at once."""


@dataclass(frozen=True, slots=True)
class Form:
    """What the rows of a node belong to, and the shape of one row; channels are its last axis."""

    level: Level
    shape: tuple[int, ...]

    def __post_init__(self) -> None:
        """Check the ranges."""
        if not self.shape or min(self.shape) < 1 or math.prod(self.shape) > MOST_CELLS:
            raise Corrupt(f"a node of a network has rows of shape {self.shape}")
        if self.channels > MOST_CHANNELS:
            raise Corrupt(f"a node of a network has {self.channels} channels")

    @property
    def channels(self) -> int:
        """Length of the last axis."""
        return self.shape[-1]

    def of(self, channels: int) -> Form:
        """Return the form with another number of channels."""
        return replace(self, shape=(*self.shape[:-1], channels))


@dataclass(frozen=True)
class Node(abc.ABC):
    """One operation; ``inputs`` are positions of earlier nodes. Subclasses are frozen values."""

    code: ClassVar[int]  # in a stored model

    inputs: tuple[int, ...]

    @abc.abstractmethod
    def form(self, forms: Sequence[Form]) -> Form:
        """Return the form of the result; raises Corrupt if the inputs do not fit."""

    @abc.abstractmethod
    def run(self, values: Sequence[Numbers], layout: Layout) -> Numbers:
        """Return the result for arrays of inputs."""


def _one(forms: Sequence[Form]) -> Form:
    _need(len(forms) == 1, "one input")
    return forms[0]


def _need(holds: bool, what: str) -> None:
    if not holds:
        raise Corrupt(f"a node of a network needs {what}")


def _check_sums(weights: Array, bias: Array, shift: int) -> None:
    """Raise Corrupt unless all sums of weights (first axis: outputs) and bias are exact."""
    _need(0 <= shift <= MOST_SHIFT, f"a shift of 0 to {MOST_SHIFT}")
    _need(bias.shape == weights.shape[:1], "a bias for each output")
    magnitudes = np.abs(weights.astype(np.float64)).reshape(weights.shape[0], -1).sum(1)
    sums = magnitudes * LIMIT + np.abs(bias.astype(np.float64))
    _need(bool((sums < EXACT).all()), "sums that stay exact")


@dataclass(frozen=True, eq=False)
class Input(Node):
    """Numbers from outside: latents, or what an encoder sees."""

    code: ClassVar[int] = 0

    level: Level
    shape: tuple[int, ...]

    def form(self, forms: Sequence[Form]) -> Form:
        """Return what is expected from outside."""
        _need(not forms, "no inputs")
        return Form(self.level, self.shape)

    def run(self, values: Sequence[Numbers], layout: Layout) -> Numbers:
        """Refuse: the network puts the values here."""
        raise NotImplementedError


@dataclass(frozen=True, eq=False)
class Dense(Node):
    """A matrix over channels: ``(W x + bias) / 2**shift``."""

    code: ClassVar[int] = 1

    weights: npt.NDArray[np.int16]  # (outputs, channels)
    bias: npt.NDArray[np.int64]  # (outputs,)
    shift: int

    def form(self, forms: Sequence[Form]) -> Form:
        """Return the form with as many channels as there are outputs."""
        form = _one(forms)
        _need(self.weights.shape[1:] == (form.channels,), f"weights for {form.channels} channels")
        _check_sums(self.weights, self.bias, self.shift)
        return form.of(self.weights.shape[0])

    def run(self, values: Sequence[Numbers], layout: Layout) -> Numbers:
        """Multiply."""
        (x,) = values
        sums = x @ self.weights.T.astype(np.float64)
        return clipped(shifted(sums + self.bias.astype(np.float64), self.shift))


@dataclass(frozen=True, eq=False)
class Affine(Node):
    """A factor and a bias for each channel: ``(w x + bias) / 2**shift``."""

    code: ClassVar[int] = 2

    weights: npt.NDArray[np.int16]  # (channels,)
    bias: npt.NDArray[np.int64]
    shift: int

    def form(self, forms: Sequence[Form]) -> Form:
        """Return the same form."""
        form = _one(forms)
        _need(self.weights.shape == (form.channels,), f"weights for {form.channels} channels")
        _check_sums(self.weights, self.bias, self.shift)
        return form

    def run(self, values: Sequence[Numbers], layout: Layout) -> Numbers:
        """Multiply."""
        (x,) = values
        products = x * self.weights.astype(np.float64) + self.bias.astype(np.float64)
        return clipped(shifted(products, self.shift))


@dataclass(frozen=True, eq=False)
class Activation(Node):
    """A function of each number."""

    code: ClassVar[int] = 3

    function: str

    def form(self, forms: Sequence[Form]) -> Form:
        """Return the same form."""
        _need(self.function in FUNCTIONS, "a known activation")
        return _one(forms)

    def run(self, values: Sequence[Numbers], layout: Layout) -> Numbers:
        """Look it up."""
        return activated(self.function, values[0])


@dataclass(frozen=True, eq=False)
class Add(Node):
    """The sum of two arrays."""

    code: ClassVar[int] = 4

    def form(self, forms: Sequence[Form]) -> Form:
        """Return the form of both."""
        _need(len(forms) == 2 and forms[0] == forms[1], "two inputs of one form")
        return forms[0]

    def run(self, values: Sequence[Numbers], layout: Layout) -> Numbers:
        """Add."""
        return clipped(values[0] + values[1])


@dataclass(frozen=True, eq=False)
class Concat(Node):
    """The channels of several arrays, one after the other."""

    code: ClassVar[int] = 5

    def form(self, forms: Sequence[Form]) -> Form:
        """Return the form with all channels."""
        _need(len(forms) > 0, "inputs")
        alike = {form.of(1) for form in forms}
        _need(len(alike) == 1, "inputs that differ in channels only")
        return forms[0].of(sum(form.channels for form in forms))

    def run(self, values: Sequence[Numbers], layout: Layout) -> Numbers:
        """Join."""
        return np.concatenate(values, -1)


@dataclass(frozen=True, eq=False)
class Norm(Node):
    """Channels less their mean, over their standard deviation (Ba, Kiros, Hinton 2016)."""

    code: ClassVar[int] = 6

    def form(self, forms: Sequence[Form]) -> Form:
        """Return the same form."""
        form = _one(forms)
        _need(form.channels <= 1 << 9, "at most 512 channels")
        return form

    def run(self, values: Sequence[Numbers], layout: Layout) -> Numbers:
        """Normalise."""
        (x,) = values
        channels = np.full(1, float(x.shape[-1]))
        apart = x - divided(x.sum(-1, keepdims=True), channels)
        variance = np.floor((apart * apart).sum(-1, keepdims=True) / channels) + 1.0
        return clipped(divided(apart * float(ONE), np.sqrt(variance)))


@dataclass(frozen=True, eq=False)
class Attention(Node):
    """Each object's mean of the values of all objects of its event, by how queries meet keys.

    Inputs are queries, keys and values (Vaswani et al. 2017); ``heads`` divide the channels.
    """

    code: ClassVar[int] = 7

    heads: int

    def form(self, forms: Sequence[Form]) -> Form:
        """Return the form of the values."""
        _need(len(forms) == 3 and len(set(forms)) == 1, "three inputs of one form")
        form = forms[0]
        _need(form.level is Level.OBJECT and len(form.shape) == 1, "objects")
        _need(self.heads > 0 and form.channels % self.heads == 0, "heads that divide the channels")
        _need(form.channels // self.heads <= 1 << 11, "heads of at most 2048 channels")
        return form

    def run(self, values: Sequence[Numbers], layout: Layout) -> Numbers:
        """Attend."""
        width = values[0].shape[1] // self.heads
        scale = 2.0**FRACTION * np.sqrt(np.full(1, float(width)))
        out = np.zeros_like(values[2])
        for rows, there in layout.runs():
            apart = [v[rows].reshape(*rows.shape, self.heads, width) for v in values]
            q, k, v = (a.transpose(0, 2, 1, 3) for a in apart)  # (events, heads, places, width)
            scores = divided(q @ k.swapaxes(2, 3), scale)
            scores = np.where(there[:, None, None, :], scores, -np.inf)
            weights = weight_of(scores - scores.max(-1, keepdims=True, initial=-LIMIT))
            weights *= there[:, None, None, :]
            means = divided(weights @ v, np.maximum(weights.sum(-1, keepdims=True), 1.0))
            out[rows[there]] = means.transpose(0, 2, 1, 3).reshape(*rows.shape, -1)[there]
        return clipped(out)


@dataclass(frozen=True, eq=False)
class Pool(Node):
    """The mean over the objects of each event, 0 for none."""

    code: ClassVar[int] = 8

    def form(self, forms: Sequence[Form]) -> Form:
        """Return the form at the level of events."""
        form = _one(forms)
        _need(form.level is Level.OBJECT, "objects")
        return Form(Level.EVENT, form.shape)

    def run(self, values: Sequence[Numbers], layout: Layout) -> Numbers:
        """Sum and divide."""
        (x,) = values
        sums = np.zeros((layout.counts.size, *x.shape[1:]))
        filled = layout.counts > 0
        if x.shape[0]:
            sums[filled] = np.add.reduceat(x, layout.starts[filled], 0)
        counts = np.maximum(layout.counts, 1).astype(np.float64)
        return divided(sums, counts.reshape(-1, *[1] * (x.ndim - 1)))


@dataclass(frozen=True, eq=False)
class Spread(Node):
    """What belongs to an event, given to each of its objects."""

    code: ClassVar[int] = 9

    def form(self, forms: Sequence[Form]) -> Form:
        """Return the form at the level of objects."""
        form = _one(forms)
        _need(form.level is Level.EVENT, "events")
        return Form(Level.OBJECT, form.shape)

    def run(self, values: Sequence[Numbers], layout: Layout) -> Numbers:
        """Repeat."""
        return np.asarray(values[0][layout.event])


@dataclass(frozen=True, eq=False)
class Neighbours(Node):
    """What the nearest other objects of an event hold, and where they are from here.

    Inputs are features, and positions (eta, cos phi, sin phi). Neighbours are sorted by distance,
    equally distant ones by their place in the event; where there are fewer than ``most``, 0. Each
    has the channels: features, difference of eta, and the cosine and sine of that of phi.
    """

    code: ClassVar[int] = 10

    most: int

    def form(self, forms: Sequence[Form]) -> Form:
        """Return the form with an axis of neighbours before the channels."""
        _need(len(forms) == 2 and 0 < self.most <= 64, "two inputs and 1 to 64 neighbours")
        alike = all(f.level is Level.OBJECT and len(f.shape) == 1 for f in forms)
        _need(alike and forms[1].channels == 3, "objects with features and three coordinates")
        return Form(Level.OBJECT, (self.most, forms[0].channels + 3))

    def run(self, values: Sequence[Numbers], layout: Layout) -> Numbers:
        """Sort by distance and gather."""
        features, position = values
        out = np.zeros((features.shape[0], self.most, features.shape[1] + 3))
        for rows, there in layout.runs():
            at = position[rows]  # (events, places, 3)
            eta = at[:, None, :, 0] - at[:, :, None, 0]
            c, s = at[..., 1], at[..., 2]
            cosine = shifted(c[:, None] * c[:, :, None] + s[:, None] * s[:, :, None], FRACTION)
            sine = shifted(s[:, None] * c[:, :, None] - c[:, None] * s[:, :, None], FRACTION)
            distance = eta * eta + 2.0 * ONE * (ONE - cosine)
            unseen = ~there[:, None, :] | np.eye(rows.shape[1], dtype=bool)
            distance = np.where(unseen, np.inf, distance)
            nearest = np.argsort(distance, -1, kind="stable")[..., : self.most]
            found = np.take_along_axis(~unseen, nearest, -1)
            parts = [np.take_along_axis(a, nearest, -1) for a in (eta, cosine, sine)]
            others = np.take_along_axis(rows[:, None, :], nearest, -1)
            gathered = np.concatenate([features[others], np.stack(parts, -1)], -1)
            gathered *= found[..., None]
            out[rows[there], : nearest.shape[-1]] = gathered[there]
        return clipped(out)


@dataclass(frozen=True, eq=False)
class Gather(Node):
    """The mean over the neighbours that an object has, 0 for none."""

    code: ClassVar[int] = 11

    def form(self, forms: Sequence[Form]) -> Form:
        """Return the form without the axis of neighbours."""
        form = _one(forms)
        _need(form.level is Level.OBJECT and len(form.shape) == 2, "neighbours")
        return Form(Level.OBJECT, form.shape[1:])

    def run(self, values: Sequence[Numbers], layout: Layout) -> Numbers:
        """Sum those that are there, and divide."""
        (x,) = values
        others = np.minimum(np.repeat(layout.counts, layout.counts) - 1, x.shape[1])
        there = np.arange(x.shape[1]) < others[:, None]
        sums = (x * there[..., None]).sum(1)
        return divided(sums, np.maximum(others, 1).astype(np.float64)[:, None])


@dataclass(frozen=True, eq=False)
class Reshape(Node):
    """The numbers of a row in another shape."""

    code: ClassVar[int] = 12

    shape: tuple[int, ...]

    def form(self, forms: Sequence[Form]) -> Form:
        """Return the form with this shape."""
        form = _one(forms)
        _need(math.prod(self.shape) == math.prod(form.shape), "as many numbers as there are")
        return Form(form.level, self.shape)

    def run(self, values: Sequence[Numbers], layout: Layout) -> Numbers:
        """Reshape."""
        return values[0].reshape(-1, *self.shape)


@dataclass(frozen=True, eq=False)
class Conv(Node):
    """A convolution over the axes of a block, which zeros surround, in steps of ``stride``.

    ``up`` puts ``stride - 1`` zeros behind each cell first, and then takes steps of one: a
    transposed convolution. A block of n cells becomes ceil(n / stride), or n * stride.
    """

    code: ClassVar[int] = 13

    weights: npt.NDArray[np.int16]  # (outputs, *kernel, channels)
    bias: npt.NDArray[np.int64]
    shift: int
    stride: int
    up: bool

    def form(self, forms: Sequence[Form]) -> Form:
        """Return the form of the block after all steps."""
        form = _one(forms)
        axes = len(form.shape) - 1
        _need(1 <= axes <= 3 and self.weights.ndim == axes + 2, "a kernel for 1 to 3 axes")
        _need(self.weights.shape[-1] == form.channels, f"weights for {form.channels} channels")
        _need(1 <= self.stride <= 8, "a stride of 1 to 8")
        _check_sums(self.weights, self.bias, self.shift)
        return Form(form.level, (*map(self._length, form.shape[:-1]), self.weights.shape[0]))

    def _length(self, cells: int) -> int:
        return cells * self.stride if self.up else -(-cells // self.stride)

    def run(self, values: Sequence[Numbers], layout: Layout) -> Numbers:
        """Convolve, some rows at a time."""
        (x,) = values
        kernel = self.weights.shape[1:-1]
        out = tuple(map(self._length, x.shape[1:-1]))
        matrix = self.weights.reshape(self.weights.shape[0], -1).T.astype(np.float64)
        found = np.empty((x.shape[0], *out, self.weights.shape[0]))
        room = max(1, RUN // max(1, math.prod(out) * matrix.shape[0]))
        for at in range(0, x.shape[0], room):
            sums = _windows(self._padded(x[at : at + room]), kernel, self._steps, out) @ matrix
            found[at : at + room] = shifted(sums + self.bias.astype(np.float64), self.shift)
        return clipped(found)

    @property
    def _steps(self) -> int:
        return 1 if self.up else self.stride

    def _padded(self, x: Numbers) -> Numbers:
        """Return blocks with zeros around, and in between if ``up``."""
        inner = x.shape[1:-1]
        if self.up:
            wide = np.zeros((x.shape[0], *(n * self.stride for n in inner), x.shape[-1]))
            wide[(slice(None), *(slice(None, None, self.stride) for _ in inner))] = x
            x = wide
        pads = [(0, 0)]
        for cells, size in zip(x.shape[1:-1], self.weights.shape[1:-1], strict=True):
            total = max((-(-cells // self._steps) - 1) * self._steps + size - cells, 0)
            pads.append((total // 2, total - total // 2))
        return np.pad(x, [*pads, (0, 0)])


def _windows(x: Numbers, kernel: tuple[int, ...], steps: int, out: tuple[int, ...]) -> Numbers:
    """Return what the kernel sees at each place: (rows, *out, kernel cells * channels)."""
    pieces = [
        x[(slice(None), *(slice(a, a + steps * (n - 1) + 1, steps)
                          for a, n in zip(place, out, strict=True)))]
        for place in itertools.product(*map(range, kernel))
    ]  # fmt: skip
    return np.concatenate(pieces, -1)


@dataclass(frozen=True, eq=False)
class Divisive(Node):
    """Channels over, or times, a root of their squares (GDN; Ballé, Laparra, Simoncelli 2016).

    With p = sqrt(beta + gamma x**2), each channel becomes x / p, or x * p if ``inverse``.
    """

    code: ClassVar[int] = 14

    weights: npt.NDArray[np.int16]  # gamma, in 2**-shift; not negative
    bias: npt.NDArray[np.int64]  # beta, in 2**-(28 + shift); positive
    shift: int
    inverse: bool

    def form(self, forms: Sequence[Form]) -> Form:
        """Return the same form."""
        form = _one(forms)
        _need(self.weights.shape == (form.channels,) * 2, f"weights for {form.channels} channels")
        _need(bool((self.weights >= 0).all() and (self.bias > 0).all()), "a root that is real")
        _need(0 <= self.shift <= MOST_SHIFT, f"a shift of 0 to {MOST_SHIFT}")
        sums = self.weights.astype(np.float64).sum(1) * 2.0**36 + self.bias.astype(np.float64)
        _need(bool((sums < EXACT).all()), "sums that stay exact")
        return form

    def run(self, values: Sequence[Numbers], layout: Layout) -> Numbers:
        """Divide or multiply; squares are those of numbers below 2**18."""
        (x,) = values
        near = np.clip(x, 1 - (1 << 18), (1 << 18) - 1)
        sums = (near * near) @ self.weights.T.astype(np.float64) + self.bias.astype(np.float64)
        root = np.floor(np.sqrt(np.floor(sums * 2.0**-self.shift))) + 1.0  # in 2**-14
        if self.inverse:
            return clipped(shifted(x * np.minimum(root, 2.0**30), FRACTION))
        return clipped(divided(x * float(ONE), root))


@dataclass(frozen=True, eq=False)
class Crop(Node):
    """The first cells of a block along each of its axes."""

    code: ClassVar[int] = 15

    shape: tuple[int, ...]  # without channels

    def form(self, forms: Sequence[Form]) -> Form:
        """Return the form with these axes."""
        form = _one(forms)
        fits = len(self.shape) == len(form.shape) - 1
        fits = fits and all(n <= m for n, m in zip(self.shape, form.shape, strict=False))
        _need(fits, f"a block that holds one of {self.shape}")
        return Form(form.level, (*self.shape, form.channels))

    def run(self, values: Sequence[Numbers], layout: Layout) -> Numbers:
        """Leave out the rest."""
        return values[0][(slice(None), *(slice(0, n) for n in self.shape))]


KINDS: tuple[type[Node], ...] = (
    Input, Dense, Affine, Activation, Add, Concat, Norm, Attention, Pool, Spread, Neighbours,
    Gather, Reshape, Conv, Divisive, Crop,
)  # fmt: skip
"""All kinds of nodes by their codes."""
