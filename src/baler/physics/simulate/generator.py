"""Pythia 8: collisions as flat tables of particles."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import awkward as ak
import numpy as np

from baler.errors import BalerError, UsageError
from baler.physics.simulate.momenta import polar
from baler.physics.simulate.tables import Array, Table, starts, take


def make_pythia(lines: Iterable[str], seed: int) -> Any:
    """A generator (pythia8mc.Pythia) ready to run, from lines of settings and a seed of at least 1.

    Raises UsageError for a setting that Pythia does not know, and for settings that do not go
    together.
    """
    import pythia8mc

    pythia = pythia8mc.Pythia("", False)
    seeded = ("Print:quiet = on", "Random:setSeed = on", f"Random:seed = {seed}")
    for line in (*seeded, *lines):
        if not pythia.readString(line, False):
            raise UsageError(f"Pythia does not know the setting {line!r}, or refuses its value")
    if not pythia.init():
        raise UsageError("Pythia cannot start with the settings " + "; ".join(lines))
    return pythia


def species(pythia: Any, ids: Array) -> tuple[Array, Array]:
    """Charge (in units of e), and heaviest of b (5) and c (4) in a hadron or else 0, of ids."""
    known, inverse = np.unique(ids, return_inverse=True)
    particles = pythia.particleData
    charge = [particles.chargeType(int(i)) / 3 for i in known]
    quarks = [{abs(int(i)) // 10 % 10, abs(int(i)) // 100 % 10, abs(int(i)) // 1000 % 10}
              if particles.isHadron(int(i)) else set() for i in known]  # fmt: skip
    flavour = [5 if 5 in q else 4 if 4 in q else 0 for q in quarks]
    return np.array(charge)[inverse], np.array(flavour)[inverse]


def generate(pythia: Any, events: int) -> tuple[Table, ak.Array]:
    """All particles of new events, in order of event, and what Pythia tells of the events.

    Momenta are in GeV, vertices (``vx``, ``vy``, ``vz``) in mm; ``mother`` is a row of the table.
    Raises BalerError if Pythia cannot go on.
    """
    try:
        batch = pythia.nextBatch(events)
    except (IndexError, RuntimeError) as error:  # of C++
        raise BalerError(f"Pythia cannot go on with these settings: {error}") from error
    if len(batch) != events or "prt" not in batch.fields:
        raise BalerError("Pythia gave up: too many of its events fail with these settings")
    particles = batch.prt
    lengths = ak.to_numpy(ak.num(particles.id))

    def flat(array: ak.Array) -> Array:  # no production vertex means the origin
        column: Array = ak.to_numpy(ak.flatten(ak.fill_none(array, 0.0, axis=-1)))
        return column

    truth = {"event": np.repeat(np.arange(events), lengths), "id": flat(particles.id).astype(int)}
    truth["status"] = flat(particles.status).astype(int)
    # Row 0 of an event stands for all of it, and is nobody's mother.
    truth["mother"] = np.repeat(starts(lengths), lengths) + flat(particles.mother1).astype(int)
    truth |= {axis: flat(particles.p[axis]) for axis in ("px", "py", "pz", "e")}
    truth["mass"] = flat(particles.m)
    truth |= {f"v{axis}": flat(particles.vProd[f"p{axis}"]) for axis in "xyz"}  # mm
    truth["charge"], truth["flavour"] = species(pythia, truth["id"])
    truth["pt"], truth["eta"], truth["phi"] = polar(truth["px"], truth["py"], truth["pz"])
    return truth, batch.info


def stable(truth: Table) -> Table:
    """The particles that reach the detector."""
    return take(truth, truth["status"] > 0)


def is_neutrino(ids: Array) -> Array:
    """Whether particles leave the detector unseen."""
    return np.isin(np.abs(ids), (12, 14, 16))
