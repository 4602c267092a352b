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


def _line(name: str, line: str, kind: str, home: str, *, published: bool = False) -> FamilyInfo:
    return FamilyInfo(name, line, kind, published, home)


_FAMILIES = (
    _line("dense", "dense layers of 200, 100, 50 units", "table", "dense:Dense", published=True),
    _line("dropout", "dense, with dropout and batch normalisation", "table", "dense:DropoutNorm",
          published=True),
    _line("sparse-l1", "dense, magnitudes of latents made small", "table", "sparse:SparseL1",
          published=True),
    _line("sparse-kl", "dense, latents seldom active", "table", "sparse:SparseKL", published=True),
    _line("sliced-wasserstein", "dense, latents spread evenly", "table",
          "sparse:SlicedWasserstein", published=True),
    _line("small", "dense layers of 20 and 10 units, for firmware", "table", "dense:Small",
          published=True),
    _line("transformer", "blocks with short cuts, for each row alone", "table",
          "transformer:Transformer", published=True),
    _line("dense-field", "dense layers for blocks of a field", "grid", "dense:DenseField",
          published=True),
    _line("conv", "convolutions of blocks with two axes", "grid", "conv:Convolutional",
          published=True),
    _line("conv-gdn", "the same with divisive normalisation", "grid", "conv:ConvolutionalGDN",
          published=True),
    _line("conv-3d", "convolutions of blocks with three axes", "grid", "conv:Convolutional3D",
          published=True),
    _line("variational", "dense, trained for the bits of its latents", "table",
          "variational:Variational"),
    _line("events", "transformer of the objects of an event", "events",
          "events:EventTransformer"),
    _line("graph", "graph network with edges in eta and phi", "events", "graph:Graph"),
    _line("lattice", "trained for the bytes of a file with bounds", "table", "lattice:Lattice"),
    _line("conv-rated", "convolutions, trained for the bits of latents", "grid",
          "conv:RatedConvolutional"),
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
