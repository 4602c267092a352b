"""Baler makes scientific data smaller, and says exactly what it did to them.

::

    import baler

    baler.compress("events.root", "events.baler", bounds={"*_pt": "rel 2^-11"})
    baler.verify("events.root", "events.baler").ok
    with baler.open("events.baler") as events:
        events["Jet_pt"].array(entry_stop=1000)
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from baler.api import compress, decompress, inspect, verify
    from baler.api import open_file as open
    from baler.core.bounds import Absolute, Exact, Range, Relative, Sigma
    from baler.errors import BalerError
    from baler.planning import Policy
    from baler.training.train import train

__all__ = [
    "Absolute",
    "BalerError",
    "Exact",
    "Policy",
    "Range",
    "Relative",
    "Sigma",
    "compress",
    "decompress",
    "inspect",
    "open",
    "train",
    "verify",
]

_HOMES = {
    "BalerError": "baler.errors",
    "Policy": "baler.planning",
    "train": "baler.training",
    **dict.fromkeys(("Absolute", "Exact", "Range", "Relative", "Sigma"), "baler.core.bounds"),
    **dict.fromkeys(("compress", "decompress", "inspect", "open", "verify"), "baler.api"),
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used: ``baler --help`` needs none of them."""
    if name not in _HOMES:
        raise AttributeError(f"module 'baler' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name]), "open_file" if name == "open" else name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Return the public names."""
    return sorted(__all__)
