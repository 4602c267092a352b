"""ROOT files to .baler and back, compared bit by bit by uproot alone.

Every TTree and RNTuple of every ROOT file in a folder is compressed exactly, and decompressed to a
ROOT file. Then uproot reads both, branch by branch, and the Awkward layouts are compared: lengths
of lists, missing values, and the bits of numbers, so that NaN payloads and the sign of zero count.
Booleans are compared as truth values, as files hold them as any byte. Nothing of our own reads
either side of the comparison.

Some branches hold objects of which uproot cannot tell the size; it may then ask for any amount of
memory. So this process may not have more than a few GB, and such branches count as unreadable.
"""

from __future__ import annotations

import re
import resource
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import awkward as ak
import click
import numpy as np
import record
import uproot
from uproot.interpretation.grouped import AsGrouped
from uproot.interpretation.identify import UnknownInterpretation

import baler

TREES = ("TTree", "TNtuple", "TNtupleD")
NTUPLE = "ROOT::RNTuple"
FORBIDDEN = re.compile(r"[./\\\s\x00-\x1f\x7f]")  # in names of RNTuple fields


@dataclass
class Comparison:
    """One tree before and after."""

    file: str
    tree: str
    kind: str
    entries: int
    branches: int = 0
    compared: int = 0
    equal: int = 0
    values: int = 0
    different: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)  # readable, but not restored
    unreadable: list[str] = field(default_factory=list)  # by uproot itself
    dtypes_changed: list[str] = field(default_factory=list)
    added: list[str] = field(default_factory=list)  # branches that the original does not have
    restored_as: str = ""
    notes: list[str] = field(default_factory=list)
    failed: str = ""
    seconds: float = 0.0


@dataclass(frozen=True)
class Branch:
    """A branch of a tree, or a top-level field of an RNTuple."""

    path: str
    name: str
    handle: Any

    def array(self) -> ak.Array:
        """Read all entries."""
        return self.handle.array()


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--chunk-size", default="4 MB", show_default=True,
    help="Small, so that most files have several chunks.",
)  # fmt: skip
@click.option("--gigabytes", default=8.0, show_default=True, help="Memory that may be addressed.")
@click.option("--out", type=click.Path(path_type=Path), help="Result file, if not the usual one.")
def main(folder: Path, chunk_size: str, gigabytes: float, out: Path | None) -> None:
    """Compress and decompress every tree in FOLDER and compare it with the original by uproot."""
    resource.setrlimit(resource.RLIMIT_AS, (int(gigabytes * 1e9),) * 2)
    files = record.files_in(folder, [".root"])
    rows = []
    for path in files:
        for tree, kind in trees_of(path):
            row = compare_tree(path, tree, kind, chunk_size)
            rows.append(asdict(row))
            click.echo(
                f"{row.file}:{row.tree} {row.equal} of {row.compared} equal"
                f"{'; ' + row.failed if row.failed else ''}"
                f"{'; different: ' + ', '.join(row.different) if row.different else ''}"
                f"{'; missing: ' + ', '.join(row.missing) if row.missing else ''}"
            )
    record.save("roundtrip", rows, files, out=out, chunk_size=chunk_size)


def trees_of(path: Path) -> list[tuple[str, str]]:
    """Return the names and classes of all trees of a file."""
    with uproot.open({path: None}) as file:
        found = file.iterclassnames(cycle=False)
        return list({n: k for n, k in found if k in TREES or k == NTUPLE}.items())


def compare_tree(path: Path, tree: str, kind: str, chunk_size: str) -> Comparison:
    """Take a tree there and back, and compare."""
    start = time.perf_counter()
    with uproot.open({path: None}, array_cache=None) as file:
        original = file[tree]
        row = Comparison(path.name, tree, kind, int(original.num_entries))
        with tempfile.TemporaryDirectory() as folder:
            between, after = Path(folder) / "between.baler", Path(folder) / "after.root"
            try:
                baler.compress(
                    path, between, tree=tree, skip_unreadable=True, chunk_size=chunk_size
                )
                done = baler.decompress(between, after)
            except Exception as error:  # whatever it is, it is a result
                said = f"{type(error).__name__}: {error}".splitlines()[0]
                row.failed = said.replace(folder, "").replace(str(path.parent), "")
                found = branches(original, kind)
                row.branches = len(found)
                row.unreadable = [b.path for b in found if _readable(b) is None]
                row.seconds = time.perf_counter() - start
                return row
            row.notes = list(done.notes)
            with uproot.open({after: None}, array_cache=None) as restored_file:
                ((name, restored_kind),) = trees_of(after)
                row.restored_as = restored_kind
                if name != tree:
                    row.notes.append(f"the tree is called {name!r}")
                restored = restored_file[name]
                _compare(row, branches(original, kind), branches(restored, restored_kind))
                if int(restored.num_entries) != row.entries:
                    row.different.append(f"number of entries: {restored.num_entries}")
    row.seconds = time.perf_counter() - start
    return row


def _compare(row: Comparison, before: Sequence[Branch], after: Sequence[Branch]) -> None:
    row.branches = len(before)
    restored = {branch.name: branch for branch in after}
    used = set()
    for name, branch in restored_names(before, row.restored_as == NTUPLE):
        original = _readable(branch)
        if original is None:
            row.unreadable.append(branch.path)
            used.add(name)
            continue
        if name not in restored:
            row.missing.append(branch.path)
            continue
        used.add(name)
        row.compared += 1
        changes: dict[str, None] = {}
        try:
            layouts = ak.to_layout(original), ak.to_layout(restored[name].array())
            row.values += compare(*layouts, branch.path, changes)
        except Unequal as unequal:
            row.different.append(str(unequal))
        else:
            row.equal += 1
        row.dtypes_changed += changes
    row.added = [name for name in restored if name not in used]


def _readable(branch: Branch) -> ak.Array | None:
    """Return the values of a branch; None if uproot cannot read them."""
    try:
        with warnings.catch_warnings(action="ignore"):
            return branch.array()
    except Exception:  # what uproot raises where it cannot read is not known
        return None


def branches(tree: Any, kind: str) -> list[Branch]:
    """Return all branches that hold values, in their order, or all top-level fields."""
    if kind == NTUPLE:
        return [Branch(item.name, item.name, item) for item in tree.fields]
    return list(_walk(tree.branches, ""))


def _walk(found: Sequence[Any], above: str) -> Iterator[Branch]:
    for branch in found:
        path = above + branch.name
        shell = isinstance(branch.interpretation, AsGrouped)
        empty = isinstance(branch.interpretation, UnknownInterpretation) and not branch.num_baskets
        if not (shell or empty):
            yield Branch(path, branch.name, branch)
        yield from _walk(branch.branches, path + "/")


def restored_names(found: Sequence[Branch], ntuple: bool) -> list[tuple[str, Branch]]:
    """Return each branch with the name that it should have after a round trip.

    Its own if no other has it, else its path, with a number if that is not enough; names in an
    RNTuple are without the characters that it forbids.
    """
    often = Counter(branch.name for branch in found)
    names: dict[str, Branch] = {}
    for branch in found:
        name = branch.name if often[branch.name] == 1 else branch.path
        number = 1
        while name in names:
            number += 1
            name = f"{branch.path}#{number}"
        names[name] = branch
    if not ntuple:
        return list(names.items())
    taken = {name for name in names if not FORBIDDEN.search(name)}
    allowed = []
    for name, branch in names.items():
        new = name
        if FORBIDDEN.search(name):
            new = FORBIDDEN.sub("_", name)
            while new in taken:
                new += "_"
            taken.add(new)
        allowed.append((new, branch))
    return allowed


class Unequal(Exception):
    """Two arrays are not the same; the message says where."""


def compare(
    a: ak.contents.Content, b: ak.contents.Content, at: str, changes: dict[str, None]
) -> int:
    """Return how many numbers two layouts have in common; raises Unequal where they differ."""
    a, b = _simple(a), _simple(b)
    if a.length != b.length:
        raise Unequal(f"{at}: {a.length} and {b.length} items")
    if a.is_option or b.is_option:
        there = [~np.asarray(layout.mask_as_bool(valid_when=False)) for layout in (a, b)]
        if not np.array_equal(there[0], there[1]):
            raise Unequal(f"{at}: other values are missing")
        return compare(_present(a), _present(b), at, changes)
    if a.is_unknown or b.is_unknown:
        return 0
    if a.is_record and b.is_record:
        if len(a.contents) != len(b.contents):
            raise Unequal(f"{at}: {len(a.contents)} and {len(b.contents)} members")
        members = zip(a.fields, a.contents, b.contents, strict=True)
        return sum(
            compare(x[: a.length], y[: b.length], f"{at}.{name}", changes) for name, x, y in members
        )
    if a.is_list and b.is_list:
        return _compare_lists(a, b, at, changes)
    if a.is_numpy and b.is_numpy:
        return _compare_numbers(np.asarray(a.data), np.asarray(b.data), at, changes)
    raise Unequal(f"{at}: {a.form.type} and {b.form.type}")


def _simple(layout: ak.contents.Content) -> ak.contents.Content:
    """Return a layout without indirections, and with lists in place of dimensions."""
    if layout.is_indexed and not layout.is_option:
        layout = layout.project()
    if layout.is_numpy and layout.purelist_depth > 1:
        layout = layout.to_RegularArray()
    return layout


def _present(layout: ak.contents.Content) -> ak.contents.Content:
    return layout.project() if layout.is_option else layout


def _compare_lists(
    a: ak.contents.Content, b: ak.contents.Content, at: str, changes: dict[str, None]
) -> int:
    if a.is_regular != b.is_regular:
        changes[f"{at}: {a.form.type} to {b.form.type}"] = None
    kinds = a.parameter("__array__"), b.parameter("__array__")
    if kinds[0] != kinds[1]:
        changes[f"{at}: {kinds[0] or 'list'} to {kinds[1] or 'list'}"] = None
    lists = [layout.to_ListOffsetArray64(True) for layout in (a, b)]
    offsets = [np.asarray(layout.offsets) for layout in lists]
    if not np.array_equal(offsets[0], offsets[1]):
        raise Unequal(f"{at}: other lengths of lists")
    end = int(offsets[0][-1])
    return compare(lists[0].content[:end], lists[1].content[:end], at, changes)


def _compare_numbers(
    a: np.ndarray[Any, Any], b: np.ndarray[Any, Any], at: str, changes: dict[str, None]
) -> int:
    if a.dtype.kind == b.dtype.kind == "b":
        a, b = a.view(np.uint8) != 0, b.view(np.uint8) != 0
    if a.dtype != b.dtype:
        changes[f"{at}: {a.dtype} to {b.dtype}"] = None
        back = b.astype(a.dtype)
        if not np.array_equal(back, b, equal_nan=back.dtype.kind == "f"):
            raise Unequal(f"{at}: values that {a.dtype} cannot hold")
        b = back
    bits = [np.ascontiguousarray(x).view(np.uint8).reshape(-1, a.itemsize) for x in (a, b)]
    wrong = np.flatnonzero((bits[0] != bits[1]).any(axis=1))
    if wrong.size:
        at_first = f"first at {wrong[0]}: {a[wrong[0]]} and {b[wrong[0]]}"
        raise Unequal(f"{at}: {wrong.size} of {a.size} values, {at_first}")
    return int(a.size)


if __name__ == "__main__":
    main()
