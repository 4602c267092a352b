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
from baler.training.families.rated import Rated, mixture_bits

WIDTHS = (160, 160)
EVENT = 2
LOWEST = -2.0
"""Log2 of the scale of residuals of class 0, in steps; each class is twice as wide as the last."""
START = 8.0
"""The class that all residuals begin in."""


class Lattice(Rated):
    """A place and a scale for each value; the loss is what a file takes, in bits.

    Distances are counted in steps of the lattice that a column's bound leads to. The residual of a
    value costs what a logistic distribution around its place gives to its bin; the class of its
    scale decides, in a file, which residuals are coded together. A latent is worth its
    bits if it saves more of them in the residuals of whatever columns.
    """

    kinds: ClassVar[tuple[Kind, ...]] = (Kind.TABLE, Kind.EVENTS)

    first: Tensor
    angles: Tensor

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
        self.made()
        first = [seen.owner.index(i) for i in range(seen.columns)]
        self.register_buffer("first", torch.tensor(first))
        self.register_buffer(
            "angles", torch.tensor([seen.owner.count(i) > 1 for i in range(seen.columns)])
        )

    def loss(self, batch: Batch) -> Tensor:
        """Return the bits of a row: those of latents, and those of residuals."""
        latents = self.encode(batch)
        return self.rate(latents, batch) + self.residual(latents, batch)

    def residual(self, latents: Sequence[Tensor], batch: Batch) -> Tensor:
        """Return the bits of the residuals of a row."""
        place, classes = self.decoder(latents, batch.place)
        octaves = LOWEST + (classes + START).clamp(0, MOST_CLASSES - 1)
        seen, steps = batch.seen[..., self.first], batch.steps[..., self.first]
        apart = (batch.x - place)[..., self.first]
        second = (self.first + 1).clamp(max=place.shape[-1] - 1)
        x, y = batch.x[..., self.first], batch.x[..., second]
        c, s = place[..., self.first], place[..., second]
        turned = torch.atan2(y * c - x * s, x * c + y * s + 1e-9)
        apart = torch.where(self.angles, turned, apart) / steps
        none = apart.new_zeros(1)
        bits = mixture_bits(apart, none, octaves[..., None] * math.log(2.0), none)
        return (bits * seen).sum() / max(1, batch.x.shape[0])
