"""Events in memory, as analyses see them: fields by name, before and after compression alike."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

import awkward as ak
import numpy as np
import numpy.typing as npt

from baler.core.chunk import Array, Chunk, choose_entries, slice_chunk
from baler.core.schema import Leaf, Schema, columns_of
from baler.errors import UnknownColumn, UsageError, near
from baler.io import file_name, first_entries, open_source
from baler.io.awkward import assemble


@dataclass(frozen=True, slots=True)
class Events:
    """A set of events; ``events["Jet_pt"]`` is the awkward array of a field."""

    name: str
    schema: Schema
    chunk: Chunk

    def __len__(self) -> int:
        """Return the number of events."""
        return self.chunk.entries

    def __contains__(self, field: str) -> bool:
        """Tell whether there is such a field."""
        return any(field == one.name for one in self.schema.fields)

    def __getitem__(self, field: str) -> ak.Array:
        """Return a field; raises UnknownColumn."""
        found = next((one for one in self.schema.fields if one.name == field), None)
        if found is None:
            raise UnknownColumn(self._without([field]))
        return assemble(found.node, self.chunk.columns, self.chunk.entries)

    def require(self, fields: Iterable[str]) -> None:
        """Raise UnknownColumn, which names them all, if fields are missing."""
        if missing := [field for field in fields if field not in self]:
            raise UnknownColumn(self._without(missing))

    def with_columns(self, columns: Mapping[str, Array]) -> Events:
        """Return the same events with other values in the columns that are given."""
        return replace(self, chunk=Chunk(len(self), {**self.chunk.columns, **columns}))

    def between(self, start: int, stop: int) -> Events:
        """Return the events from ``start`` to before ``stop``."""
        return replace(self, chunk=slice_chunk(self.schema, self.chunk, start, stop))

    def where(self, keep: npt.ArrayLike | ak.Array) -> Events:
        """Return the events for which ``keep``, shape (events,), is true: ``events["run"] == 2``.

        Raises UsageError if it is not one truth value for each event.
        """
        chosen = np.asarray(keep)
        if chosen.dtype != np.bool_ or chosen.shape != (len(self),):
            raise UsageError(
                f"events are chosen by {len(self)} truth values, not by {chosen.dtype} of shape "
                f"{chosen.shape}"
            )
        return replace(self, chunk=choose_entries(self.schema, self.chunk, chosen))

    def weights(self, field: str = "genWeight") -> npt.NDArray[np.float64]:
        """Return the weight of each event, or ones if there is no such field; shape (events,)."""
        if field not in self:
            return np.ones(len(self))
        weights: npt.NDArray[np.float64] = ak.to_numpy(self[field]).astype(np.float64)
        return weights

    def _without(self, missing: Sequence[str]) -> str:
        names = [field.name for field in self.schema.fields]
        hints = {hint for hint in (near(one, names) for one in missing) if hint}
        listed = ", ".join(map(repr, missing))
        return f"{self.name} has no {listed}{next(iter(hints)) if len(hints) == 1 else ''}"


def read_events(
    source: str | os.PathLike[str],
    *,
    tree: str | None = None,
    fields: Sequence[str] = ("*",),
    entries: int | None = None,
) -> Events:
    """Read events of a file into memory: the fields that a pattern matches, the first ``entries``.

    Fields that show the counts of others come along with them.

    Raises SourceError, UnknownColumn for a pattern that matches nothing, OSError.
    """
    with open_source(source, tree=tree, skip_unreadable=True) as opened:
        everything = opened.schema
        names = [field.name for field in everything.fields]
        for pattern in fields:
            if not any(fnmatchcase(name, pattern) for name in names):
                raise UnknownColumn(f"{opened.name} has no {pattern!r}{near(pattern, names)}")
        chosen = [
            field for field in everything.fields
            if any(fnmatchcase(field.name, pattern) for pattern in fields)
        ]  # fmt: skip
        kept = {name for field in chosen for name in columns_of(field.node)}
        chosen = [
            field for field in everything.fields
            if field in chosen or (isinstance(field.node, Leaf) and field.node.column in kept)
        ]  # fmt: skip
        columns = [column for column in everything.columns if column.name in kept]
        schema = replace(everything, columns=tuple(columns), fields=tuple(chosen))
        return Events(file_name(opened), schema, first_entries(opened, schema, entries))
