"""The families by name."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from baler.errors import UsageError, near

if TYPE_CHECKING:
    from baler.training.families.base import Family


@dataclass(frozen=True, slots=True)
class FamilyInfo:
    """A family: what it is called, what it is, what it works on, where its class is."""

    name: str
    line: str
    kind: str  # table, grid or events; a family of events needs counts
    published: bool
    home: str  # module and class

    def load(self) -> type[Family]:
        """Return the class; this imports PyTorch."""
        module, name = self.home.split(":")
        found: type[Family] = getattr(
            importlib.import_module(f"baler.training.families.{module}"), name
        )
        return found


_FAMILIES = (
    FamilyInfo("dense", "dense autoencoder, 200-100-50 hidden units", "table", True,
               "dense:Dense"),
    FamilyInfo("variational", "dense, trained for the bits of its latents", "table", False,
               "variational:Variational"),
    FamilyInfo("events", "transformer of the objects of an event", "events", False,
               "events:EventTransformer"),
    FamilyInfo("graph", "graph network with edges in eta and phi", "events", False,
               "graph:Graph"),
    FamilyInfo("lattice", "trained for the bytes of a file with bounds", "table", False,
               "lattice:Lattice"),
)  # fmt: skip


def families() -> dict[str, FamilyInfo]:
    """Return all families by name."""
    return {family.name: family for family in _FAMILIES}


def family(name: str) -> FamilyInfo:
    """Return a family; raises UsageError, with near names."""
    known = families()
    if name not in known:
        raise UsageError(f"there is no family {name!r}{near(name, known)}")
    return known[name]
