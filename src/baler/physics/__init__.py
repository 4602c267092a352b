"""What compression does to physics: simulated events, analyses, and studies of both.

::

    from baler.physics import analysis, read_events, with_bounds
    from baler.physics.study import study

    events = read_events("events.root")
    treatment = with_bounds(events, {"Jet_pt": "rel 2^-8"})
    study(analysis("masses"), {"data": events}, [treatment])
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from baler.physics.analyses import analysis
    from baler.physics.events import Events, read_events
    from baler.physics.treatment import Treated, Treatment, with_bounds

__all__ = ["Events", "Treated", "Treatment", "analysis", "read_events", "with_bounds"]

_HOMES = {
    "analysis": "baler.physics.analyses",
    **dict.fromkeys(("Events", "read_events"), "baler.physics.events"),
    **dict.fromkeys(("Treated", "Treatment", "with_bounds"), "baler.physics.treatment"),
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used: simulation needs no analysis."""
    if name not in _HOMES:
        raise AttributeError(f"module 'baler.physics' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Return the public names."""
    return sorted(__all__)
