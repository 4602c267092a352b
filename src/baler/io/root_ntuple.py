"""Reading an RNTuple, its projected fields as further views of the same columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import awkward as ak

from baler.core.schema import Field, Node, Schema, columns_of
from baler.errors import SourceError, Unreadable
from baler.io.describe import Describer
from baler.io.root_source import RootSource, read_most
from baler.io.runs import SAMPLE
from baler.io.unreadable import left_out, unreadable


class NTupleSource(RootSource):
    """An RNTuple that is open for reading."""

    def __init__(
        self, file: Any, path: str, ntuple: Any, name: str, *, skip_unreadable: bool
    ) -> None:
        """Find out which fields there are and which of them can be read."""
        super().__init__(file, path, name, int(ntuple.num_entries))
        self._ntuple = ntuple
        self._pages: dict[str, Any] = {}  # unpacked, of the clusters that are still needed
        stop = min(self.entries, SAMPLE)
        sample, faults = read_most(
            [field.name for field in ntuple.fields], lambda names: self._arrays(names, 0, stop)
        )
        self._describe(sample, name, faults)
        if faults and not skip_unreadable:
            raise Unreadable(unreadable(faults, self.name))
        self.notes = self._notes(faults)
        self.disk_bytes = sum(
            page.locator.num_bytes
            for cluster in ntuple.page_link_list
            for column in cluster
            for page in column.pages
        )

    def _describe(self, sample: Mapping[str, ak.Array], name: str, faults: dict[str, str]) -> None:
        """Describe all fields that can be read, and decide which of them have to be."""
        describer = Describer(sample)
        aliases = bool(self._ntuple.alias_column_records)
        forms = self._forms(sample)
        nodes: dict[str, Node] = {}
        needed: set[str] = set()
        known: set[str] = set()
        for field in sorted(self._ntuple.fields, key=_naming_order):
            if field.name not in sample:
                continue
            try:
                node = describer.field(field.name, forms[field.name], stored=aliases)
            except SourceError as error:
                faults[field.name] = str(error)
                continue
            nodes[field.name] = node
            columns = set(columns_of(node))
            if columns - known:
                needed.add(field.name)
            known |= columns
        fields = tuple(
            Field(field.name, nodes[field.name], field.description or "")
            for field in self._ntuple.fields
            if field.name in nodes
        )
        source = {
            "kind": "rntuple",
            "name": name,
            "title": self._ntuple.description or "",
        }
        self.schema = Schema(describer.columns, fields, source)
        self._needed = tuple(field for field in fields if field.name in needed)
        self._views = sum(field.name in nodes for field in self._ntuple.fields if _projected(field))

    def _forms(self, names: Mapping[str, Any]) -> dict[str, ak.forms.Form]:
        record, _ = self._ntuple.to_akform(filter_field=lambda field: field.path in names)
        return dict(zip(record.fields, record.contents, strict=True))

    def _notes(self, faults: Mapping[str, str]) -> tuple[str, ...]:
        notes = left_out(faults)
        if self._views:
            notes.append(
                f"{self._views} fields are projections of others in the original; they will be "
                "fields with values of their own"
            )
        return tuple(notes)

    def _to_read(self) -> Sequence[Field]:
        return self._needed

    def _arrays(self, names: Sequence[str], start: int, stop: int) -> Mapping[str, ak.Array]:
        wanted = frozenset(names)
        arrays = self._ntuple.arrays(
            filter_field=lambda field: field.path in wanted,
            entry_start=start,
            entry_stop=stop,
            array_cache=self._pages,
        )
        self._forget_clusters_before(stop)
        return {name: arrays[name] for name in names}

    def _forget_clusters_before(self, entry: int) -> None:
        current = sum(
            cluster.num_first_entry + cluster.num_entries <= entry
            for cluster in self._ntuple.cluster_summaries
        )
        for key in [key for key in self._pages if int(key.split(":")[-2]) < current]:
            del self._pages[key]


def _projected(field: Any) -> bool:
    return field.record.source_field_id is not None


def _naming_order(field: Any) -> int:
    """Numbers of items first, then projected fields: users know the columns by these names."""
    if "RNTupleCardinality" in field.record.type_name:
        return 0
    return 1 if _projected(field) else 2
