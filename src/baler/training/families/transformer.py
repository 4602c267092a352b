"""An autoencoder with attention between the columns of a row."""

from __future__ import annotations

from baler.latent.rows import Level
from baler.training.families.base import Family, Seen

WIDTH = 64


class Transformer(Family):
    """Three blocks, each a normalised layer beside a short cut, with gates between columns.

    The published model had attention across the rows of a batch, so that what came out of a row
    depended on others. Here a row is all that a network sees: an attention over one token is a
    matrix, and what is left of the blocks are their gates and short cuts.
    """

    def __init__(self, seen: Seen, latent: int) -> None:
        super().__init__(seen, latent)
        net = self.encoder
        x = self._blocks(net.linear(self.flat_in(), WIDTH), encoder=True)
        net.outputs = (net.linear(x, latent),)
        net = self.decoder
        z = net.given(Level.OBJECT, (latent,))
        self.flat_out(self._blocks(net.linear(z, WIDTH), encoder=False))

    def _blocks(self, x: int, *, encoder: bool) -> int:
        net = self.encoder if encoder else self.decoder
        for _ in range(3):
            x = net.add(x, net.linear(net.norm(x), WIDTH))
            x = net.add(x, net.linear(net.stack(net.norm(x), [2 * WIDTH], "gelu"), WIDTH))
        return x
