"""Trigger decisions."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from baler.physics.simulate.tables import Array, Table, largest, take, total


def triggers(objects: dict[str, Table], event: Table, events: int, rng: Generator) -> Table:
    """Decisions of a few triggers: a soft threshold in GeV, 99 % efficient above it."""

    def leading(name: str) -> Array:
        return largest(objects[name]["pt"], objects[name]["event"], events, 1)[:, 0]

    central = take(objects["Jet"], np.abs(objects["Jet"]["eta"]) < 2.4)
    ht = total(central["pt"] * (central["pt"] > 30.0), central["event"], events)
    turn_on = {
        "PFJet140": (leading("Jet"), 140.0, 6.0),
        "PFJet320": (leading("Jet"), 320.0, 8.0),
        "PFHT780": (ht, 780.0, 20.0),
        "PFMET120": (event["MET_pt"], 120.0, 10.0),
        "IsoMu24": (leading("Muon"), 24.0, 0.5),
        "Ele27_WPTight": (leading("Electron"), 27.0, 0.7),
    }
    return {
        f"HLT_{name}": rng.random(events) < 0.99 * (1 + np.tanh((value - edge) / (2 * width))) / 2
        for name, (value, edge, width) in turn_on.items()
    }
