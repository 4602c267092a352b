"""Batches of a dataset as tensors."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from baler.training.dataset import Dataset


class Batches:
    """Picks objects of a dataset by their positions; what it holds lies on one device."""

    def __init__(self, data: Dataset, device: torch.device) -> None:
        """Copy the arrays to the device."""

        def tensor(array: npt.NDArray[np.generic]) -> Tensor:
            return torch.as_tensor(array, device=device)

        near = data.near
        self.size = data.size
        self.has_key = bool(data.parent.shape[1])
        self._features, self._classes = tensor(data.features), tensor(data.classes)
        self._residuals = tensor(data.residuals)
        self._event_features, self._parent_features = tensor(data.event), tensor(data.parent)
        self._event, self._rank, self._left = (
            tensor(near.event),
            tensor(near.rank),
            tensor(near.left),
        )
        self._previous, self._peer = tensor(near.previous), tensor(near.peer)
        self._parent, self._key_rank = tensor(near.parent), tensor(near.key_rank)

    def pick(self, where: Tensor) -> dict[str, Tensor]:
        """Return the batch of the objects at these positions."""
        previous = self._previous[where].clamp(min=0)
        batch = {
            "features": self._features[where] / 64,
            "classes": self._classes[where].long(),
            "residuals": self._residuals[where],
            "previous": self._features[previous] / 64,
            "previous_classes": self._classes[previous].long(),
            "rank": self._rank[where],
            "left": self._left[where],
            "event": self._event_features[self._event[where]] / 64,
        }
        if self.has_key:
            parent, peer = self._parent[where], self._peer[where]
            batch |= {
                "has_parent": parent >= 0,
                "parent": self._parent_features[parent.clamp(min=0)] / 64,
                "has_peer": peer >= 0,
                "peer": self._features[peer.clamp(min=0)] / 64,
                "key_rank": self._key_rank[where],
            }
        return batch
