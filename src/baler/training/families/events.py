"""A transformer whose tokens are the objects of an event, in any order and number."""

from __future__ import annotations

from typing import ClassVar

from baler.latent.model import Kind
from baler.latent.rows import Level
from baler.training.families.base import Seen
from baler.training.families.net import Net
from baler.training.families.rated import Rated

WIDTH, HEADS = 64, 4
EVENT = 4
"""Latents of an event, that all of its objects share."""


class EventTransformer(Rated):
    """Attention among objects on the way to their latents, and on the way back.

    Nothing tells objects apart but what is in their columns, so that another order of objects is
    another order of latents. An event has latents of its own, made of the mean of its objects.
    """

    kinds: ClassVar[tuple[Kind, ...]] = (Kind.EVENTS,)

    def __init__(self, seen: Seen, latent: int) -> None:
        super().__init__(seen, latent)
        net = self.encoder
        columns = self.columns_in()
        x = attended(net, net.stack(columns, [2 * WIDTH, WIDTH], "silu"))
        event = net.linear(net.to_event(x), EVENT)
        net.outputs = (net.linear(net.join(x, columns), 2 * latent), event)
        net = self.decoder
        z, event = net.given(Level.OBJECT, (2 * latent,)), net.given(Level.EVENT, (EVENT,))
        both = net.join(z, net.to_objects(event))
        x = attended(net, net.stack(both, [WIDTH], "silu"))
        x = net.stack(net.join(x, both), [2 * WIDTH, 2 * WIDTH], "silu")
        self.flat_out(net.join(x, both))
        self.made()


def attended(net: Net, x: int) -> int:
    """Add attention and a layer of its own for each object, both beside a short cut."""
    x = net.add(x, net.attention(net.norm(x), HEADS))
    return net.add(x, net.linear(net.stack(net.norm(x), [WIDTH], "silu"), WIDTH))
