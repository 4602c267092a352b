"""A dense autoencoder of rows that is trained for the bits of its latents."""

from __future__ import annotations

from baler.latent.rows import Level
from baler.training.families.base import Seen
from baler.training.families.rated import Rated

WIDTHS = (128, 128)


class Variational(Rated):
    """Twice as many latents as asked for, of which training keeps those that are worth it.

    Columns and latents also pass by the hidden layers: what is linear is learned at once.
    """

    def __init__(self, seen: Seen, latent: int) -> None:
        super().__init__(seen, latent)
        net, x = self.encoder, self.flat_in()
        x = net.join(net.stack(x, WIDTHS, "silu"), x)
        net.outputs = (net.linear(x, 2 * latent),)
        net = self.decoder
        z = net.given(Level.OBJECT, (2 * latent,))
        self.flat_out(net.join(net.stack(z, WIDTHS[::-1], "silu"), z))
        self.made()
