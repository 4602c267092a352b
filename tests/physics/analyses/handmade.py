"""Events made by hand: scalars as arrays, collections as lists of lists."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import awkward as ak
import numpy as np

from baler.core.chunk import Chunk
from baler.core.schema import Column, Field, Leaf, List, Schema
from baler.physics.events import Events

Values = Sequence[Any] | np.ndarray | ak.Array


def events_of(**fields: Values) -> Events:
    """Return events; ``Jet_pt=[[50, 40], []]`` is a collection, ``MET_pt=[3, 4]`` a scalar."""
    columns: dict[str, Column] = {}
    values: dict[str, np.ndarray] = {}
    found = []
    entries = 0
    for name, given in fields.items():
        array = ak.Array(given)
        entries = len(array)
        if array.ndim == 1:
            flat, counts = ak.to_numpy(array), None
        else:
            flat, counts = ak.to_numpy(ak.flatten(array)), f"n{name.partition('_')[0]}"
            lengths = ak.to_numpy(ak.num(array)).astype(np.int32)
            columns.setdefault(counts, Column(counts, lengths.dtype))
            values[counts] = lengths
        if flat.dtype.kind == "f":
            flat = flat.astype(np.float64)
        columns[name] = Column(name, flat.dtype, counts)
        values[name] = flat
        found.append(Field(name, Leaf(name) if counts is None else List(counts, Leaf(name))))
    schema = Schema(tuple(columns.values()), tuple(found))
    return Events("handmade", schema, Chunk(entries, values))


def repeated(events: Events, times: int) -> Events:
    """Return the events several times over."""
    names = [field.name for field in events.schema.fields]
    return events_of(**{name: ak.concatenate([events[name]] * times) for name in names})


def weighted(events: Events, weights: Values) -> Events:
    """Return the events with other weights."""
    fields = {field.name: events[field.name] for field in events.schema.fields}
    return events_of(**{**fields, "genWeight": np.asarray(weights, np.float64)})
