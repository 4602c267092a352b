"""ROOT files: opening them, and choosing the tree that is meant."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

import uproot

from baler.errors import SourceError, UsageError, near
from baler.io.base import Source
from baler.io.root_ntuple import NTupleSource
from baler.io.root_tree import TreeSource
from baler.io.unreadable import reason

TREES = ("TTree", "TNtuple", "TNtupleD")
NTUPLE = "ROOT::RNTuple"


def open_root(path: str, tree: str | None = None, *, skip_unreadable: bool = False) -> Source:
    """Open a TTree or RNTuple of a ROOT file; ``tree`` may be left out if there is only one."""
    try:
        file = uproot.open({path: None}, array_cache=None)
    except FileNotFoundError as error:
        raise UsageError(f"{path!r} does not exist") from error
    except Exception as error:
        raise SourceError(f"{path} cannot be opened as a ROOT file: {reason(error)}") from error
    try:
        return _source(file, path, tree, skip_unreadable)
    except BaseException:
        file.close()
        raise


def _source(file: Any, path: str, tree: str | None, skip_unreadable: bool) -> Source:
    kinds = {
        name: kind
        for name, kind in file.iterclassnames(cycle=False)
        if kind in TREES or kind == NTUPLE
    }
    if not kinds:
        raise SourceError(f"{path} holds no TTree and no RNTuple")
    if tree is None:
        if len(kinds) > 1:
            raise UsageError(_choice(file, path, kinds))
        (tree,) = kinds
    name = tree.strip("/").split(";")[0]
    if name not in kinds:
        raise UsageError(f"{path} holds no tree {tree!r}{near(tree, kinds)}")
    try:
        found = file[tree]
    except Exception as error:
        raise SourceError(f"tree {tree!r} of {path} cannot be read: {reason(error)}") from error
    make = NTupleSource if kinds[name] == NTUPLE else TreeSource
    source = make(file, path, found, name, skip_unreadable=skip_unreadable)
    if source.notes and not source.schema.fields:
        raise SourceError("\n".join([f"{path}: tree {tree!r} has nothing to read", *source.notes]))
    return source


def _choice(file: Any, path: str, kinds: Mapping[str, str]) -> str:
    entries = {name: int(file[name].num_entries) for name in kinds}
    trees = [
        f"  {name} ({'RNTuple' if kind == NTUPLE else kind}, {entries[name]} entries)"
        for name, kind in kinds.items()
    ]
    likely = max(kinds, key=lambda name: entries[name] * len(file[name].keys()))
    return "\n".join(
        [
            f"{path} holds {len(kinds)} trees:",
            *trees,
            f"name one of them: {PurePath(path).name}:{likely}",
        ]
    )
