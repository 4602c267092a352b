"""Dense autoencoders with a price on latents, or on how they are distributed."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from baler.training.families.base import Batch, error
from baler.training.families.dense import Dense

PROJECTIONS = 50


class SparseL1(Dense):
    """The magnitudes of latents are added to the loss, so that many become zero."""

    price: ClassVar[float] = 1e-3

    def loss(self, batch: Batch) -> Tensor:
        """Return the error and the mean magnitude of a latent."""
        (z,) = self.encode(batch)
        return error(self.decode([z], batch), batch) + self.price * z.abs().mean()


class SparseKL(Dense):
    """Latents, as sigmoids, are to be active with a small probability (Ng 2011, CS294A notes)."""

    price: ClassVar[float] = 1e-3
    active: ClassVar[float] = 0.05

    def loss(self, batch: Batch) -> Tensor:
        """Return the error and the Kullback-Leibler divergence of activities."""
        (z,) = self.encode(batch)
        found = torch.sigmoid(z).mean(0).clamp(1e-6, 1 - 1e-6)
        p = torch.as_tensor(self.active)
        divergence = p * torch.log(p / found) + (1 - p) * torch.log((1 - p) / (1 - found))
        return error(self.decode([z], batch), batch) + self.price * divergence.sum()


class SlicedWasserstein(Dense):
    """Latents are to be distributed evenly over a cube (Kolouri et al. 2018, arXiv:1804.01947).

    Along random directions, sorted latents are compared with as many sorted random points.
    """

    price: ClassVar[float] = 1e-2

    def loss(self, batch: Batch) -> Tensor:
        """Return the error and the squared distance of the distributions."""
        (z,) = self.encode(batch)
        directions = torch.nn.functional.normalize(
            torch.randn(z.shape[1], PROJECTIONS, device=z.device, dtype=z.dtype), dim=0
        )
        points = 2 * torch.rand_like(z) - 1
        apart = (z @ directions).sort(0).values - (points @ directions).sort(0).values
        return error(self.decode([z], batch), batch) + self.price * (apart * apart).mean()
