"""Dense autoencoders: of rows of a table, or of the blocks of a grid in one line."""

from __future__ import annotations

from typing import ClassVar

from baler.latent.model import Kind
from baler.latent.rows import Level
from baler.training.families.base import Family, Seen


class Dense(Family):
    """Layers of 200, 100 and 50 units to the latents, and the same back (arXiv:2305.02283)."""

    widths: ClassVar[tuple[int, ...]] = (200, 100, 50)
    function: ClassVar[str] = "leaky"

    def __init__(self, seen: Seen, latent: int) -> None:
        super().__init__(seen, latent)
        there = self.encoder.stack(self.flat_in(), self.widths, self.function)
        self.encoder.outputs = (self.encoder.linear(there, latent),)
        z = self.decoder.given(Level.OBJECT, (latent,))
        self.flat_out(self.decoder.stack(z, self.widths[::-1], self.function))


class DenseField(Dense):
    """The same layers for a block of a field, all cells in one line."""

    kinds: ClassVar[tuple[Kind, ...]] = (Kind.GRID,)


class Small(Dense):
    """Layers of 20 and 10 units, which fit into firmware."""

    widths: ClassVar[tuple[int, ...]] = (20, 10)
    function: ClassVar[str] = "relu"


class DropoutNorm(Family):
    """Dropout on the way to the latents, batch normalisation on the way back.

    As published the last layer could give no negative number; this one can.
    """

    def __init__(self, seen: Seen, latent: int) -> None:
        super().__init__(seen, latent)
        net, x = self.encoder, self.flat_in()
        for width, part in zip((200, 100, 50), (0.2, 0.1, 0.05), strict=True):
            x = net.dropout(net.function(net.linear(x, width), "leaky"), part)
        net.outputs = (net.linear(x, latent),)
        net = self.decoder
        x = net.given(Level.OBJECT, (latent,))
        for width in (50, 100, 200):
            x = net.function(net.batch_norm(net.linear(x, width)), "leaky")
        self.flat_out(x)
