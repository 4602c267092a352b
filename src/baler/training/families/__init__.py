"""Families of autoencoders: `families` lists them, `train_family` trains one on arrays.

A family is a class in a file of its own and a line in `registry`. PyTorch is imported when a
training begins.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from baler.training.families.registry import FamilyInfo, families, family

if TYPE_CHECKING:
    from baler.training.families.trained import Trained, train_family

__all__ = ["FamilyInfo", "Trained", "families", "family", "train_family"]


def __getattr__(name: str) -> Any:
    """Import what needs PyTorch when it is first used."""
    if name not in ("Trained", "train_family"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module("baler.training.families.trained"), name)
