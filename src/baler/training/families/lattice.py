"""An autoencoder that is trained for the bytes of a file with bounds: latents and residuals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor

from baler.latent.model import MOST_CLASSES, Kind
from baler.latent.rows import Level
from baler.training.families.base import Batch, Seen
from baler.training.families.layers import Linear
from baler.training.families.rated import Rated, mixture_bits

WIDTHS = (160, 160)
EVENT = 2
LOWEST = -2.0
"""Log2 of the scale of residuals of class 0, in steps; each class is twice as wide as the last."""
START = 8.0
"""The class that all residuals begin in."""
SLOWLY = 0.002
"""Part by which the bits of a batch change what a column is thought to take."""
ROOM = 1.1
"""A column that takes so much more than alone is half given up."""


class Lattice(Rated):
    """A place and a scale for each value; the loss is what a file takes, in bits.

    Distances are counted in steps of the lattice that a column's bound leads to. The residual of a
    value costs what a logistic distribution around its place gives to its bin; the class of its
    scale decides, in a file, which residuals are coded together. A latent is worth its
    bits if it saves more of them in the residuals of whatever columns.
    """

    kinds: ClassVar[tuple[Kind, ...]] = (Kind.TABLE, Kind.EVENTS)
    steady: ClassVar[bool] = True

    first: Tensor
    angles: Tensor
    alone: Tensor
    bits: Tensor

    def __init__(self, seen: Seen, latent: int) -> None:
        super().__init__(seen, latent)
        net, events = self.encoder, seen.kind is Kind.EVENTS
        x = net.stack(self.flat_in(), WIDTHS, "silu")
        outputs = [net.linear(x, latent)]
        if events:
            outputs.append(net.linear(net.to_event(x), EVENT))
        net.outputs = tuple(outputs)
        net = self.decoder
        z = net.given(Level.OBJECT, (latent,))
        if events:
            z = net.join(z, net.to_objects(net.given(Level.EVENT, (EVENT,))))
        x = net.stack(z, WIDTHS[::-1], "silu")
        self.flat_out(x)
        net.outputs = (*net.outputs, net.linear(x, seen.columns))
        last = net.layers[net.outputs[1]]
        if isinstance(last, Linear):
            torch.nn.init.constant_(last.linear.bias, START)
        self.made()
        first = [seen.owner.index(i) for i in range(seen.columns)]
        angles = [seen.owner.count(i) > 1 for i in range(seen.columns)]
        self.register_buffer("first", torch.tensor(first))
        self.register_buffer("angles", torch.tensor(angles))
        self.register_buffer("alone", torch.zeros(seen.columns))
        self.register_buffer("bits", torch.zeros(seen.columns))

    def look(self, batch: Batch) -> None:
        """Learn what each column takes alone: the entropy of its numbers on the lattice."""
        for j, channel in enumerate(self.first.tolist()):
            x, steps = batch.x[..., channel], batch.steps[..., channel]
            if bool(self.angles[j]):
                x = torch.atan2(batch.x[..., channel + 1], x)
            _, counts = torch.unique(torch.round(x / steps), return_counts=True)
            part = counts / counts.sum()
            self.alone[j] = -(part * torch.log2(part)).sum()
        self.bits.copy_(self.alone)

    def loss(self, batch: Batch) -> Tensor:
        """Return the bits of a row: those of latents, and those of residuals.

        Columns that are coded alone for less count as much, and teach the networks nothing.
        """
        latents = self.encode(batch)
        found = self.residual(latents, batch)
        if not self.training:
            return self.rate(latents, batch) + torch.minimum(found, self.alone).sum()
        with torch.no_grad():
            self.bits += SLOWLY * (found - self.bits)
            worth = torch.sigmoid(2 * (ROOM * self.alone - self.bits))
        return self.rate(latents, batch) + (worth * found).sum()

    def residual(self, latents: Sequence[Tensor], batch: Batch) -> Tensor:
        """Return the bits of the residuals of a row, (columns,)."""
        place, classes = self.decoder(latents, batch.place)
        octaves = LOWEST + classes.clamp(0, MOST_CLASSES - 1)
        seen, steps = batch.seen[..., self.first], batch.steps[..., self.first]
        second = (self.first + 1).clamp(max=place.shape[-1] - 1)
        x, y = batch.x[..., self.first], batch.x[..., second]
        c, s = place[..., self.first], place[..., second]
        turned = torch.atan2(y * c - x * s, x * c + y * s + 1e-9)
        apart = torch.where(self.angles, turned, x - c) / steps
        none = apart.new_zeros(1)
        bits = mixture_bits(apart, none, octaves[..., None] * math.log(2.0), none)
        return (bits * seen).sum(0) / max(1, batch.x.shape[0])
