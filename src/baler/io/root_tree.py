"""Reading a TTree, branch by branch into fields, counters into counts that branches share."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import awkward as ak
import numpy as np
from uproot.interpretation.grouped import AsGrouped
from uproot.interpretation.identify import UnknownInterpretation

from baler.core.schema import Field, Node, Schema
from baler.errors import SourceError, Unreadable
from baler.io.describe import Describer
from baler.io.root_source import RootSource, read_most
from baler.io.runs import SAMPLE
from baler.io.unreadable import left_out, reason, unreadable

FEW = 8
"""Up to so many branches are read faster one by one: the first look at a tree costs more."""


class TreeSource(RootSource):
    """A TTree that is open for reading."""

    def __init__(
        self, file: Any, path: str, tree: Any, name: str, *, skip_unreadable: bool
    ) -> None:
        """Find out which branches there are and which of them can be read."""
        super().__init__(file, path, name, int(tree.num_entries))
        self._tree = tree
        self._branches, renamed = _named(tree)
        self._by_path = {
            field: path
            for field, (path, branch) in self._branches.items()
            if _at(tree, path) is branch
        }
        faults = {
            field: reason(SourceError(str(branch.interpretation)))
            for field, (_, branch) in self._branches.items()
            if isinstance(branch.interpretation, UnknownInterpretation)
        }
        stop = min(self.entries, SAMPLE)
        sample, unread = read_most(
            [field for field in self._branches if field not in faults],
            lambda names: self._arrays(names, 0, stop),
        )
        if self.entries == 0:
            sample = {name: self._without_entries(name) for name in sample}
        layout = _Fields(self._branches, sample)
        faults |= unread | layout.faults
        if faults and not skip_unreadable:
            raise Unreadable(unreadable(self._with_types(faults), self.name))
        self.schema = Schema(
            layout.columns,
            layout.fields,
            {"kind": "ttree", "name": name, "title": tree.title or ""},
        )
        self.notes = (*renamed, *left_out(self._with_types(faults)))
        self.disk_bytes = _disk_bytes(file, tree)

    def _with_types(self, faults: Mapping[str, str]) -> dict[str, str]:
        return {
            f"{field} ({self._branches[field][1].typename})": fault
            for field, fault in faults.items()
        }

    def _without_entries(self, name: str) -> ak.Array:
        """Return an array without entries, of the type that it would have with some."""
        branch = self._branches[name][1]
        context = {"index_format": "i64", "header": False, "tobject_header": False}
        form = branch.interpretation.awkward_form(
            self._file.file, context=context | {"breadcrumbs": ()}
        )
        shown = [path for path in form.columns() if "@" not in path]
        if len(shown) < len(form.columns()):
            form = form.select_columns(shown)
        return ak.Array(form.length_zero_array())

    def _to_read(self) -> Sequence[Field]:
        return self.schema.fields

    def _arrays(self, names: Sequence[str], start: int, stop: int) -> Mapping[str, ak.Array]:
        run = {"entry_start": start, "entry_stop": stop, "library": "ak", "array_cache": None}
        together = {
            self._by_path[name]: name
            for name in names
            if name in self._by_path and len(names) > FEW
        }
        items = [(path, self._branches[name][1].interpretation) for path, name in together.items()]
        arrays: dict[str, ak.Array] = {}
        if items:
            read = self._tree.arrays(items, how=dict, **run)
            arrays = {name: read[path] for path, name in together.items()}
        for name in names:
            if name not in arrays:
                arrays[name] = self._branches[name][1].array(**run)
        return arrays


class _Fields:
    """The fields of a tree, described from its branches and a sample of their entries."""

    def __init__(
        self, branches: Mapping[str, tuple[str, Any]], sample: Mapping[str, ak.Array]
    ) -> None:
        self._branches = branches
        self._sample = sample
        self._describer = Describer(branches)
        self._nodes: dict[str, Node] = {}
        self._field_of = {id(branch): name for name, (_, branch) in branches.items()}
        self._shared: dict[int, tuple[str, ak.Array]] = {}  # counter -> column and its values
        self._counted = Counter(
            id(branch.count_branch)
            for name, (_, branch) in branches.items()
            if name in sample and branch.count_branch is not None
        )
        self.faults: dict[str, str] = {}
        for name in branches:
            if name in sample:
                self._describe(name)
        self.columns = self._describer.columns
        self.fields = tuple(
            Field(name, self._nodes[name], _title(branch))
            for name, (_, branch) in branches.items()
            if name in self._nodes
        )

    def _describe(self, name: str) -> None:
        if name in self._nodes:
            return
        form = self._sample[name].layout.form
        try:
            counts = self._counts(name) if form.is_list and not form.is_regular else None
            self._nodes[name] = self._describer.field(name, form, counts)
        except SourceError as error:
            self.faults[name] = str(error)

    def _counts(self, name: str) -> str | None:
        """Return the column of counts that a jagged branch shares, None if it has its own."""
        branch = self._branches[name][1]
        counter = branch.count_branch
        if counter is None:
            return None
        lengths = np.asarray(ak.num(self._sample[name], axis=1))
        for scalar in (counter, counter.parent):
            field = self._field_of.get(id(scalar), "")
            if field in self._sample and _is_integer(self._sample[field]):
                if np.array_equal(np.asarray(self._sample[field]), lengths):
                    self._describe(field)
                    return field
                return None
        return self._shared_counts(counter, lengths)

    def _shared_counts(self, counter: Any, lengths: Any) -> str | None:
        """Return the counts of branches that are counted by a branch without values of its own."""
        if self._counted[id(counter)] < 2:
            return None
        if id(counter) not in self._shared:
            of = counter.parent if hasattr(counter.parent, "interpretation") else counter
            self._shared[id(counter)] = (self._describer.counts(of.name.rstrip(".")), lengths)
        column, known = self._shared[id(counter)]
        return column if np.array_equal(known, lengths) else None


def _is_integer(array: ak.Array) -> bool:
    layout = array.layout
    return bool(layout.is_numpy and layout.purelist_depth == 1 and layout.dtype.kind in "iu")


def _named(tree: Any) -> tuple[dict[str, tuple[str, Any]], list[str]]:
    """Return path and branch of every branch with values by unique names, and notes on new names.

    A branch keeps its own name if no other has it, else it gets its path, else a number.
    """
    found = list(_with_values(tree.branches, ""))
    names = Counter(branch.name for _, branch in found)
    named: dict[str, tuple[str, Any]] = {}
    notes = []
    for path, branch in found:
        name = branch.name if names[branch.name] == 1 else path
        number = 1
        while name in named:
            number += 1
            name = f"{path}#{number}"
        if number > 1:
            notes.append(f"branch {path!r} is there more than once; one is called {name!r}")
        named[name] = (path, branch)
    return named, notes


def _with_values(branches: Sequence[Any], above: str) -> Iterator[tuple[str, Any]]:
    for branch in branches:
        path = above + branch.name
        groups = isinstance(branch.interpretation, AsGrouped)
        empty = isinstance(branch.interpretation, UnknownInterpretation) and not branch.num_baskets
        if not groups and not empty:
            yield path, branch
        yield from _with_values(branch.branches, path + "/")


def _at(tree: Any, path: str) -> Any:
    try:
        return tree[path]
    except KeyError:
        return None


def _title(branch: Any) -> str:
    """Return the title of a branch, unless it only repeats its name, dimensions and type."""
    title = str(branch.title or "")
    leaf = re.escape(branch.name.split(".")[-1].split("[")[0])
    name = re.escape(branch.name.split("[")[0])
    plain = rf"({name}|{leaf})_?(\[[^\]]*\])*(/\w)?"
    if re.fullmatch(plain, title) or all(
        re.fullmatch(r"\w+(\[\w+\])*/\w", part) for part in title.split(":")
    ):
        return ""
    return title


def _disk_bytes(file: Any, tree: Any) -> int:
    """Return the size of the file if it holds nothing but the tree, else of the tree's baskets."""
    objects = {
        name
        for name, kind in file.iterclassnames(cycle=False)
        if kind not in ("TObjString", "TDirectory", "TDirectoryFile")
    }
    baskets = int(tree.compressed_bytes)
    return baskets if len(objects) > 1 and baskets else int(file.file.source.num_bytes)
