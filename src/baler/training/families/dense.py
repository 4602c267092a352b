"""Dense autoencoders of rows of a table, one object at a time (arXiv:2305.02283)."""

from __future__ import annotations

from typing import ClassVar

from baler.latent.rows import Level
from baler.training.families.base import Family, Seen


class Dense(Family):
    """Layers of 200, 100 and 50 units to the latents, and the same back."""

    widths: ClassVar[tuple[int, ...]] = (200, 100, 50)
    function: ClassVar[str] = "leaky"

    def __init__(self, seen: Seen, latent: int) -> None:
        super().__init__(seen, latent)
        there = self.encoder.stack(self.flat_in(), self.widths, self.function)
        self.encoder.outputs = (self.encoder.linear(there, latent),)
        z = self.decoder.given(Level.OBJECT, (latent,))
        self.flat_out(self.decoder.stack(z, self.widths[::-1], self.function))
