"""A ``.baler`` file against its original, value by value."""

from __future__ import annotations

import math
import os
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from baler.api.compression import CHUNK_SIZE
from baler.api.file import open_file
from baler.api.jobs import Progress
from baler.api.models import GivenModel
from baler.core.bounds import Bound, same_bits
from baler.core.chunk import Array
from baler.core.size import parse_size
from baler.io import open_source


@dataclass(slots=True)
class VerifiedColumn:
    """How one column kept its promise."""

    name: str
    bound: str
    values: int = 0
    worst_error_over_bound: float = 0.0  # inf where a value that had to be exact is not
    violations: int = 0
    exact: bool = True  # whether all bits are the same
    largest_error: float = 0.0  # of finite values, in the unit of the column
    mean_error: float = 0.0  # root mean square of finite values

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain JSON; an infinite error becomes null."""
        found = asdict(self)
        infinite = [k for k, v in found.items() if isinstance(v, float) and not math.isfinite(v)]
        return {**found, **dict.fromkeys(infinite)}


@dataclass(frozen=True, slots=True)
class Verification:
    """The verdict on a file. ``faults`` are what makes it differ from the original as a whole."""

    columns: tuple[VerifiedColumn, ...]
    faults: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether every value of the original is there and within its bound."""
        return not self.faults and not any(column.violations for column in self.columns)

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain JSON."""
        columns = [column.to_json() for column in self.columns]
        return {"ok": self.ok, "faults": list(self.faults), "columns": columns}


def verify(
    original: str | os.PathLike[str],
    path: str | os.PathLike[str],
    *,
    tree: str | None = None,
    model: GivenModel = None,
    jobs: int | None = None,
    progress: Progress | None = None,
) -> Verification:
    """Read an original and its ``.baler`` file side by side and check every promise.

    Branches of the original that cannot be read are left out of the comparison. ``model`` is needed
    by files that refer to a model kept elsewhere. Raises FormatError (damaged file), SourceError
    (faulty original) or MissingModel.
    """
    with (
        open_file(path, model=model, jobs=jobs) as file,
        open_source(original, tree=tree, skip_unreadable=True) as source,
    ):
        ours, theirs = file.schema, source.schema
        faults = []
        missing = [c.name for c in theirs.columns if ours.by_name.get(c.name) != c]
        if missing:
            names = ", ".join(map(repr, missing[:5]))
            faults.append(f"{len(missing)} columns of the original are not in the file: {names}")
        if source.entries != file.num_entries:
            faults.append(f"the original has {source.entries} entries, the file {file.num_entries}")
        plans = dict(zip(ours.position, file.reader.recipe.columns, strict=True))
        columns = {
            c.name: VerifiedColumn(c.name, str(plans[c.name].bound))
            for c in theirs.columns if c.name not in missing
        }  # fmt: skip
        done = start = 0
        for chunk in source.chunks(parse_size(CHUNK_SIZE)):
            stop = min(start + chunk.entries, file.num_entries)
            decoded = file.columns(list(columns), start, stop)
            for name, column in columns.items():
                bound = plans[name].bound
                sigma = None if bound.parent is None else decoded.columns[bound.parent]
                _compare(column, bound, chunk.columns[name], decoded.columns[name], sigma)
            start += chunk.entries
            done += chunk.nbytes
            if progress is not None:
                progress(start / max(source.entries, 1), done)
        return Verification(tuple(columns.values()), tuple(faults))


def _compare(
    column: VerifiedColumn, bound: Bound, original: Array, decoded: Array, sigma: Array | None
) -> None:
    column.values += original.size
    if original.shape != decoded.shape:
        column.violations += original.size
        column.worst_error_over_bound, column.exact = math.inf, False
        return
    same = same_bits(original, decoded)
    over = np.where(same, 0.0, np.inf)
    if bound.lossy:
        over = bound.over(original, decoded, sigma)
    column.violations += int(np.count_nonzero(~(over <= 1.0)))
    worst = float(over.max(initial=0.0))
    column.worst_error_over_bound = max(column.worst_error_over_bound, worst)
    column.exact = column.exact and bool(same.all())
    if bound.lossy:
        both = np.isfinite(original) & np.isfinite(decoded)
        with np.errstate(over="ignore"):
            apart = np.abs(decoded[both].astype(np.float64) - original[both])
            squares = float((apart * apart).sum())
        column.largest_error = max(column.largest_error, float(apart.max(initial=0.0)))
        squares += (column.values - original.size) * column.mean_error**2
        column.mean_error = math.sqrt(squares / max(column.values, 1))
