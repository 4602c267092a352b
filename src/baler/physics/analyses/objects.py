"""Objects of events, their four-momenta and invariant masses, and observables made of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import awkward as ak
import numpy as np
import numpy.typing as npt

from baler.physics.analyses.base import Observable, Observed
from baler.physics.events import Events

KINEMATICS = ("pt", "eta", "phi", "mass")


def objects(events: Events, collection: str, fields: Iterable[str] = KINEMATICS) -> ak.Array:
    """Return the objects of a collection as records, float64 (integers as they are), and ``index``.

    ``index`` is the place of the object in its event's collection. Objects with a field that is not
    finite are left out, as if they were not there. Raises UnknownColumn, which names all fields
    that are missing.
    """
    fields = tuple(fields)
    events.require(f"{collection}_{field}" for field in fields)
    columns = {field: _wide(events[f"{collection}_{field}"]) for field in fields}
    columns["index"] = ak.local_index(columns[fields[0]], axis=1)
    found = ak.zip(columns)
    finite = np.isfinite(found[fields[0]])
    for field in fields[1:]:
        finite = finite & np.isfinite(found[field])
    return found[finite]


def by_pt(found: ak.Array) -> ak.Array:
    """Return the objects of each event with falling pt; equal ones keep their order."""
    return found[ak.argsort(found.pt, ascending=False, stable=True)]


def delta_phi(first: ak.Array, second: ak.Array) -> ak.Array:
    """Return the difference of two azimuthal angles, in [-pi, pi)."""
    return (first - second + np.pi) % (2 * np.pi) - np.pi


def cartesian(found: ak.Array) -> tuple[ak.Array, ak.Array, ak.Array, ak.Array]:
    """Return energy and momentum (E, px, py, pz) of objects with pt, eta, phi and mass."""
    px, py = found.pt * np.cos(found.phi), found.pt * np.sin(found.phi)
    pz = found.pt * np.sinh(found.eta)
    return np.sqrt(px**2 + py**2 + pz**2 + found.mass**2), px, py, pz


def invariant_mass(parts: Sequence[ak.Array]) -> ak.Array:
    """Return the mass of systems of objects, one of each array per system; 0 if it is spacelike."""
    energy, px, py, pz = (sum(one) for one in zip(*map(cartesian, parts), strict=True))
    return np.sqrt(np.maximum(energy**2 - px**2 - py**2 - pz**2, 0.0))


def observe(events: Events, observables: dict[str, Observable]) -> Observed:
    """Return what was observed in events; an event whose weight is not finite has weight 0."""
    weights = events.weights()
    return Observed(len(events), np.where(np.isfinite(weights), weights, 0.0), observables)


def observable(
    label: str, unit: str, values: ak.Array, where: ak.Array | None = None
) -> Observable:
    """Return a variable of events or of objects; values that are not finite are left out.

    ``values`` has one row per event, with one value or with a list of values; ``where`` says which
    count, in the same shape. A row without a value is None.
    """
    if where is None:
        where = ak.full_like(values, True, dtype=bool)
    chosen, event, values = ak.broadcast_arrays(where, np.arange(len(values)), values)
    flat = _flat(values, np.nan)
    kept = np.isfinite(flat) & _flat(chosen, False)
    return Observable(label, unit, flat[kept].astype(np.float64), _flat(event, -1)[kept])


def _flat(values: ak.Array, missing: float) -> npt.NDArray[Any]:
    if values.ndim > 1:
        values = ak.flatten(values, axis=1)
    flat: npt.NDArray[Any] = ak.to_numpy(ak.fill_none(values, missing))
    return flat


def _wide(column: ak.Array) -> ak.Array:
    kinds = {np.dtype(one).kind for one in ("f4", "f8")}
    inner = ak.to_numpy(ak.flatten(column, axis=None)).dtype.kind
    return ak.values_astype(column, np.float64 if inner in kinds else np.int64)
