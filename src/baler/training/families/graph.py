"""A graph network: objects of an event send messages to the nearest others in eta and phi."""

from __future__ import annotations

from typing import ClassVar

import torch

from baler.latent.model import Kind
from baler.latent.rows import Level
from baler.training.families.base import Seen
from baler.training.families.layers import Linear
from baler.training.families.net import Net
from baler.training.families.rated import Rated

WIDTH, NEAREST = 48, 4


class Graph(Rated):
    """Messages along edges, there and back; the angle phi is a direction, without beginning or end.

    The encoder knows where objects are. The decoder first has to find out: it makes a position of
    the latents of each object, draws edges between those, and corrects itself with messages.
    Without columns of eta and phi, positions are learned on both sides.
    """

    kinds: ClassVar[tuple[Kind, ...]] = (Kind.EVENTS,)

    def __init__(self, seen: Seen, latent: int) -> None:
        super().__init__(seen, latent)
        net = self.encoder
        x = self.columns_in()
        self._place = net.linear(x, 3)
        y = messages(net, net.stack(x, [2 * WIDTH, WIDTH], "silu"), self._place)
        net.outputs = (net.linear(net.join(x, y), 2 * latent),)
        net = self.decoder
        z = net.given(Level.OBJECT, (2 * latent,))
        x = net.stack(z, [WIDTH], "silu")
        y = messages(net, x, net.linear(x, 3))
        x = net.stack(net.join(y, z), [2 * WIDTH, 2 * WIDTH], "silu")
        self.flat_out(net.join(x, z))
        self.made()
        self._start_at(seen.position)

    def _start_at(self, position: tuple[int, ...]) -> None:
        """Let the encoder's positions be those of the columns eta and phi, at first."""
        layer = self.encoder.layers[self._place]
        if isinstance(layer, Linear) and position:
            with torch.no_grad():
                layer.linear.weight.zero_()
                layer.linear.bias.zero_()
                for i, channel in enumerate(position):
                    layer.linear.weight[i, channel] = 1.0


def messages(net: Net, x: int, position: int) -> int:
    """Add messages, made of sender and edge, received as a mean, beside a short cut."""
    sent = net.stack(net.nearest(x, position, NEAREST), [WIDTH], "silu")
    return net.add(x, net.stack(net.join(x, net.mean_of_nearest(sent)), [WIDTH], "silu"))
