"""A ``.baler`` file as a mapping of fields, in the words of uproot."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from types import TracebackType
from typing import Any, Literal

import awkward as ak

from baler.api.jobs import threads
from baler.api.models import GivenModel, load
from baler.container import Reader
from baler.core.bounds import Bound
from baler.core.chunk import Chunk, empty_chunk, join_chunks, slice_chunk
from baler.core.schema import Field, Schema, columns_of
from baler.core.size import parse_size
from baler.errors import UnknownColumn, UsageError, near
from baler.io.awkward import assemble

Names = str | Iterable[str] | None


def open_file(
    path: str | os.PathLike[str], *, model: GivenModel = None, jobs: int | None = None
) -> CompressedFile:
    """Open a ``.baler`` file, local or remote (any URL that fsspec knows).

    ``model`` (a path, a URL or a Model) is needed for learned columns of files that refer to a
    model kept elsewhere; without it, reading one raises MissingModel. Raises a FormatError if the
    file is damaged, too new, or something else.
    """
    return CompressedFile(Reader(path, model=load(model), threads=threads(jobs)))


class CompressedFile(Mapping[str, "CompressedField"]):
    """The fields of a ``.baler`` file by name. What is asked for is read and decoded, no more.

    ::

        with baler.open("events.baler") as events:
            events.keys()
            events["Jet_pt"].array(entry_stop=1000)
            for batch in events.iterate(["Jet_pt", "nJet"], step_size="100 MB"):
                ...
    """

    def __init__(self, reader: Reader) -> None:
        """Take over a reader; it is closed with the file."""
        self._reader = reader
        self._fields = {field.name: field for field in reader.schema.fields}
        self._held: tuple[int, Chunk] = (-1, Chunk(0, {}))

    @property
    def num_entries(self) -> int:
        """The number of entries (events)."""
        return self._reader.entries

    @property
    def schema(self) -> Schema:
        """Columns, and how fields are built from them."""
        return self._reader.schema

    @property
    def reader(self) -> Reader:
        """The reader underneath: chunks of flat columns, recipe, metadata."""
        return self._reader

    def __len__(self) -> int:
        """Return the number of fields."""
        return len(self._fields)

    def __iter__(self) -> Iterator[str]:
        """Iterate over names in the order of the original."""
        return iter(self._fields)

    def __getitem__(self, name: str) -> CompressedField:
        """Return a field; raises UnknownColumn, which is a KeyError, with near names."""
        if name not in self._fields:
            raise UnknownColumn(f"there is no field {name!r}{near(str(name), self._fields)}")
        return CompressedField(self, self._fields[name])

    def __repr__(self) -> str:
        """Return a line that says how much there is."""
        return f"<CompressedFile of {len(self)} fields, {self.num_entries} entries>"

    def __enter__(self) -> CompressedFile:
        """Return the file."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the file."""
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._reader.close()

    def arrays(
        self,
        names: Names = None,
        *,
        filter_name: Names = None,
        entry_start: int | None = None,
        entry_stop: int | None = None,
        library: Literal["ak", "np"] = "ak",
    ) -> Any:
        """Return fields as one Awkward record array, or as a dict of NumPy arrays for "np".

        ``names`` are exact, ``filter_name`` takes patterns; by default all fields are returned.
        Entries count as in a slice, so that negative ones count from the end.
        """
        if library not in ("ak", "np"):
            raise UsageError(f"unknown library {library!r}; known are 'ak' and 'np'")
        fields = self._select(names, filter_name)
        start, stop, _ = slice(entry_start, entry_stop).indices(self.num_entries)
        return self._arrays(fields, start, max(start, stop), library)

    def iterate(
        self,
        names: Names = None,
        *,
        filter_name: Names = None,
        step_size: str | int = "100 MB",
        entry_start: int | None = None,
        entry_stop: int | None = None,
        library: Literal["ak", "np"] = "ak",
    ) -> Iterator[Any]:
        """Yield what `arrays` returns for consecutive entries.

        ``step_size`` is a number of entries, or an amount of memory such as "100 MB".
        """
        fields = self._select(names, filter_name)
        start, stop, _ = slice(entry_start, entry_stop).indices(self.num_entries)
        step = step_size if isinstance(step_size, int) else self._entries_in(step_size, fields)
        if step < 1:
            raise UsageError(f"cannot take steps of {step} entries")
        for first in range(start, stop, step):
            yield self._arrays(fields, first, min(first + step, stop), library)

    def columns(self, names: Sequence[str], start: int, stop: int) -> Chunk:
        """Return flat columns (and the counts they need) for entries from start to before stop."""
        edges = self._reader.chunks
        wanted = self._with_counts(names)
        pieces = []
        for number, (first, last) in enumerate(itertools.pairwise(edges)):
            if first < stop and last > start:
                low, high = max(start - int(first), 0), min(stop, int(last)) - int(first)
                pieces.append(slice_chunk(self.schema, self._chunk(number, wanted), low, high))
        if not pieces:
            nothing = empty_chunk(self.schema).columns
            return Chunk(0, {name: nothing[name] for name in wanted})
        return join_chunks(pieces)

    def _chunk(self, number: int, names: Sequence[str]) -> Chunk:
        """Return a chunk, decoding only what the last call has not already decoded of it."""
        held = self._held[1].columns if self._held[0] == number else {}
        missing = [name for name in names if name not in held]
        if missing:
            read = self._reader.read(number, missing)
            known = {name: held[name] for name in names if name in held}
            self._held = number, Chunk(read.entries, {**known, **read.columns})
        return self._held[1]

    def _arrays(self, fields: Sequence[Field], start: int, stop: int, library: str) -> Any:
        names = dict.fromkeys(name for field in fields for name in columns_of(field.node))
        chunk = self.columns(list(names), start, stop)
        found = {f.name: assemble(f.node, chunk.columns, stop - start) for f in fields}
        if library == "np":
            return {name: ak.to_numpy(array) if _is_flat(array) else _objects(array)
                    for name, array in found.items()}  # fmt: skip
        if not found:
            return ak.Array([{}] * (stop - start))
        return ak.zip(found, depth_limit=1)

    def _select(self, names: Names, filter_name: Names) -> list[Field]:
        patterns = None if filter_name is None else _listed(filter_name)
        chosen = list(self._fields) if names is None else _listed(names)
        for name in chosen:
            if name not in self._fields:
                raise UnknownColumn(f"there is no field {name!r}{near(name, self._fields)}")
        return [
            self._fields[name] for name in dict.fromkeys(chosen)
            if patterns is None or any(fnmatchcase(name, pattern) for pattern in patterns)
        ]  # fmt: skip

    def _with_counts(self, names: Sequence[str]) -> list[str]:
        wanted: dict[str, None] = {}
        for name in names:
            at: str | None = name
            while at is not None and at not in wanted:
                wanted[at] = None
                at = self.schema.by_name[at].counts
        return sorted(wanted, key=self.schema.position.__getitem__)

    def _entries_in(self, step_size: str, fields: Sequence[Field]) -> int:
        """Return how many entries of these fields fit into an amount of memory."""
        size = parse_size(step_size)
        if not self.num_entries:
            return 1
        names = self._with_counts([name for field in fields for name in columns_of(field.node)])
        chunk = self._chunk(0, names)
        used = sum(chunk.columns[name].nbytes for name in names)
        return max(1, int(size * chunk.entries / max(used, 1)))


class CompressedField:
    """One field of a file: what is known of it, and its values when asked for."""

    def __init__(self, file: CompressedFile, field: Field) -> None:
        """Belong to a file."""
        self._file = file
        self._field = field

    @property
    def name(self) -> str:
        """The name in the original."""
        return self._field.name

    @property
    def title(self) -> str:
        """The documentation in the original."""
        return self._field.title

    @property
    def bounds(self) -> dict[str, Bound]:
        """The bounds of the columns that the field is made of."""
        plans = self._file.reader.recipe.columns
        position = self._file.schema.position
        return {name: plans[position[name]].bound for name in columns_of(self._field.node)}

    @property
    def bound(self) -> Bound:
        """The bound of the values (the last column, if there are several: not their counts)."""
        return list(self.bounds.values())[-1]

    @property
    def type(self) -> Any:
        """The Awkward type of one entry."""
        return self.array(entry_stop=0).type.content

    def array(
        self,
        *,
        entry_start: int | None = None,
        entry_stop: int | None = None,
        library: Literal["ak", "np"] = "ak",
    ) -> Any:
        """Return the values as an Awkward array, or as a NumPy array for "np"."""
        found = self._file.arrays(
            [self.name], entry_start=entry_start, entry_stop=entry_stop, library=library
        )
        return found[self.name]

    def __repr__(self) -> str:
        """Return name, type and bound."""
        return f"<CompressedField {self.name!r}: {self.type}, {self.bound}>"


def _listed(names: str | Iterable[str]) -> list[str]:
    return [names] if isinstance(names, str) else list(names)


def _is_flat(array: ak.Array) -> bool:
    return array.layout.purelist_isregular and not array.fields


def _objects(array: ak.Array) -> Any:
    """Return one NumPy object per entry, as uproot does for jagged arrays."""
    import numpy as np

    objects = np.empty(len(array), dtype=object)
    for i, entry in enumerate(array):
        plain = isinstance(entry, ak.Array) and _is_flat(entry)
        objects[i] = ak.to_numpy(entry) if plain else ak.to_list(entry)
    return objects
