"""Baler makes scientific data smaller, and says exactly what it did to them.

::

    import baler

    baler.compress("events.root", "events.baler", bounds={"*_pt": "rel 2^-11"})
    baler.verify("events.root", "events.baler").ok
    with baler.open("events.baler") as events:
        events["Jet_pt"].array(entry_stop=1000)
"""

from baler.api import compress, decompress, inspect, verify
from baler.api import open_file as open  # noqa: A004
from baler.core.bounds import Absolute, Exact, Range, Relative, Sigma
from baler.errors import BalerError
from baler.planning import Policy

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
    "verify",
]
