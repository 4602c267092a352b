"""Batches of a dataset as tensors."""

from __future__ import annotations

from dataclasses import fields

import torch
from torch import Tensor

from baler.training.dataset import Dataset

STEPS = 64
"""Of a feature in 1."""


class Batches:
    """Picks objects of a dataset by their positions; what it holds lies on one device."""

    def __init__(self, data: Dataset, device: torch.device, *, has_key: bool) -> None:
        """Copy the arrays to the device."""
        self.size = data.size
        self._has_key = has_key
        self._all = {
            item.name: torch.as_tensor(getattr(data, item.name), device=device)
            for item in fields(Dataset)
        }

    def pick(self, where: Tensor) -> dict[str, Tensor]:
        """Return the batch of the objects at these positions."""

        def rows(name: str, which: Tensor = where) -> Tensor:
            return self._all[name][which]

        previous = rows("previous").clamp(min=0)
        batch = {
            "classes": rows("classes").long(),
            "residuals": rows("residuals"),
            "features": rows("features") / STEPS,
            "object": rows("object_features") / STEPS,
            "slots": rows("slots") / STEPS,
            "event": rows("event_features", rows("event")) / STEPS,
            "previous": rows("features", previous) / STEPS,
            "previous_classes": rows("classes", previous).long(),
            "first": rows("previous") < 0,
            "rank": rows("rank"),
            "left": rows("left"),
        }
        if self._has_key:
            parent, peer = rows("parent"), rows("peer")
            batch |= {
                "has_parent": parent >= 0,
                "tally": rows("tally") / STEPS,
                "parent": self._parents(parent.clamp(min=0)),
                "has_peer": peer >= 0,
                "peer": rows("features", peer.clamp(min=0)) / STEPS,
                "key_rank": rows("key_rank"),
            }
        return batch

    def _parents(self, which: Tensor) -> Tensor:
        table = self._all["parent_features"]
        if not len(table):
            return table.new_zeros((which.numel(), table.shape[1])) / STEPS
        return table[which] / STEPS
