"""Families that are trained for the bits that their latents take."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from baler.training.families.base import Batch, Family, Seen, error

STEP = 2.0**-3
"""Distance of latents; networks find the scale that they need."""
PARTS = 3
"""Logistic distributions that a prior is a mixture of."""
PATIENCE = 0.01
"""How quickly the price of a bit follows the rate."""


class Prior(nn.Module):
    """The distribution of whole numbers: for each latent a mixture of logistic ones."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        spread = torch.linspace(-2.0, 2.0, PARTS)
        self.places = nn.Parameter(spread.repeat(channels, 1) / STEP)
        self.scales = nn.Parameter(torch.full((channels, PARTS), math.log(1.0 / STEP)))
        self.weights = nn.Parameter(torch.zeros(channels, PARTS))

    def bits(self, latents: Tensor) -> Tensor:
        """Return the bits of each latent, given in steps, (..., channels)."""
        return mixture_bits(latents, self.places, self.scales, self.weights)


def mixture_bits(x: Tensor, places: Tensor, scales: Tensor, weights: Tensor) -> Tensor:
    """Return bits of bins of width 1 around ``x`` under mixtures of logistic distributions.

    ``scales`` are natural logarithms. The probability of a bin is a difference of two distribution
    functions (Salimans et al. 2017), written as a product: no bin is so far out that its gradient
    is lost.
    """
    apart, inverse = x[..., None] - places, torch.exp(-scales)
    above = functional.logsigmoid((apart + 0.5) * inverse)
    below = functional.logsigmoid((0.5 - apart) * inverse)
    width = torch.log(-torch.expm1(-inverse.clamp(min=1e-6)))
    chances = functional.log_softmax(weights, -1) + above + below + width
    return -torch.logsumexp(chances, -1) / math.log(2.0)


class Rated(Family):
    """A family that makes the error small at a rate: `BITS` for each latent, however divided.

    Latents are whole numbers of steps; while training, noise as wide as a step takes the place of
    rounding (Ballé, Laparra, Simoncelli 2017). What a bit costs is found on the way, so that the
    rate becomes the one that is wanted: latents that are not worth their bits fall silent.
    """

    BITS: ClassVar[float] = 4.0
    PRICES: ClassVar[tuple[float, float, float]] = (2e-4, 2e-3, 1e-2)
    """The lowest price of a bit, the first one and the highest."""
    steady: ClassVar[bool] = False  # prices change

    price: Tensor

    def __init__(self, seen: Seen, latent: int) -> None:
        super().__init__(seen, latent)
        self.register_buffer("price", torch.tensor(math.log(self.PRICES[1])))
        self.priors = nn.ModuleList()

    def made(self) -> None:
        """End the construction, when both networks are there."""
        forms = [self.encoder.forms[at] for at in self.encoder.outputs]
        self.priors = nn.ModuleList(Prior(form.channels) for form in forms)
        self.places = math.prod(forms[0].shape[:-1])

    def encode(self, batch: Batch) -> list[Tensor]:
        """Return latents with noise while training, rounded afterwards."""
        found = super().encode(batch)
        if self.training:
            return [z + STEP * (torch.rand_like(z) - 0.5) for z in found]
        return [STEP * torch.round(z / STEP) for z in found]

    def rate(self, latents: Sequence[Tensor], batch: Batch) -> Tensor:
        """Return the bits of all latents, for one row of the columns."""
        bits = [
            prior.bits(z / STEP).sum()
            for prior, z in zip(self.priors, latents, strict=True)
            if isinstance(prior, Prior)
        ]
        return torch.stack(bits).sum() / max(1, batch.x.shape[0])

    def loss(self, batch: Batch) -> Tensor:
        """Return the error, and the price of the bits: of a row, or of a place of a block."""
        latents = self.encode(batch)
        rate = self.rate(latents, batch) / self.places
        if self.training:
            with torch.no_grad():
                over = (rate / (self.BITS * self.latent) - 1).clamp(-1, 1)
                self.price += PATIENCE * over
                self.price.clamp_(math.log(self.PRICES[0]), math.log(self.PRICES[-1]))
        return error(self.decode(latents, batch), batch) + torch.exp(self.price) * rate

    def steps(self) -> list[Tensor]:
        """Return the same step for all latents."""
        forms = [self.encoder.forms[at] for at in self.encoder.outputs]
        return [torch.full((form.channels,), STEP) for form in forms]
