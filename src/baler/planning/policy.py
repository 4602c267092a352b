"""Policies: bounds by patterns of column names, from a TOML file or from options."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from glob import escape
from pathlib import Path
from typing import Any

from baler.core.bounds import Bound, Exact, Sigma, parse
from baler.core.schema import Column, Schema, columns_of
from baler.errors import BadBound, UnknownColumn, UsageError, near


@dataclass(frozen=True, slots=True)
class Policy:
    """Bounds by patterns (shell globs, case matters); the last pattern that matches wins.

    Columns that no pattern matches are exact, and so is every column that is not floating-point.
    A policy file is TOML::

        dither = false            # optional
        [bounds]
        "*" = "rel 2^-11"
        "*_phi" = "abs 2.5e-4"
    """

    rules: tuple[tuple[str, Bound], ...] = ()
    dither: bool = False

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Policy:
        """Return the policy of a TOML file; raises UsageError or BadBound that name the file."""
        try:
            with Path(path).open("rb") as file:
                content = tomllib.load(file)
        except OSError as error:
            raise UsageError(f"cannot read policy {os.fspath(path)!r}: {error.strerror}") from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise UsageError(f"policy {os.fspath(path)!r} is not valid TOML: {error}") from error
        try:
            return cls._from_content(content)
        except UsageError as error:
            error.add_note(f"in policy {os.fspath(path)!r}")
            raise

    @classmethod
    def _from_content(cls, content: Mapping[str, Any]) -> Policy:
        if unknown := sorted(content.keys() - {"bounds", "dither"}):
            raise UsageError(f"unknown key {unknown[0]!r}; expected 'bounds' and 'dither'")
        bounds, dither = content.get("bounds", {}), content.get("dither", False)
        if not isinstance(dither, bool):
            raise UsageError(f"'dither' must be true or false, got {dither!r}")
        if not isinstance(bounds, dict):
            raise UsageError("'bounds' must be a table of patterns and bounds")
        return cls.of(bounds, dither=dither)

    @classmethod
    def of(cls, bounds: Mapping[str, str | Bound], *, dither: bool = False) -> Policy:
        """Return the policy of a mapping from patterns to bounds or their specifications."""
        return cls(tuple((glob, _bound(glob, spec)) for glob, spec in bounds.items()), dither)

    @classmethod
    def of_columns(cls, bounds: Mapping[str, Bound], *, dither: bool = False) -> Policy:
        """Return the policy of bounds of columns, by their names: nothing in these is a pattern."""
        lossy = (item for item in bounds.items() if item[1].lossy)
        return cls(tuple((escape(name), bound) for name, bound in lossy), dither)

    @classmethod
    def from_options(cls, options: Iterable[str]) -> Policy:
        """Return the policy of options such as ``*_pt=rel 2^-11``."""
        rules = []
        for option in options:
            glob, equals, spec = option.partition("=")
            if not equals or not glob:
                raise BadBound(
                    f"cannot read {option!r}; expected 'GLOB=SPEC' like '*_pt=rel 2^-11'"
                )
            rules.append((glob.strip(), _bound(glob, spec)))
        return cls(tuple(rules))

    def then(self, other: Policy) -> Policy:
        """Return a policy in which the other one's rules win."""
        return Policy(self.rules + other.rules, self.dither or other.dither)

    def bounds(self, schema: Schema) -> list[Bound]:
        """Return the bound of each column of a schema, ``range`` not resolved.

        Raises UnknownColumn for a pattern that matches nothing, and UsageError for a bound on
        columns that are always exact, or whose column of uncertainties does not fit.
        """
        shown = _shown_names(schema)
        bounds: list[Bound] = [Exact()] * len(schema.columns)
        for glob, bound in self.rules:
            matched = [
                i for i, column in enumerate(schema.columns)
                if any(fnmatchcase(name, glob) for name in shown[column.name])
            ]  # fmt: skip
            if not matched:
                names = {name for names in shown.values() for name in names}
                raise UnknownColumn(f"no column matches {glob!r}{near(glob, names)}")
            floats = [i for i in matched if schema.columns[i].is_float]
            if bound.lossy and not floats:
                column = schema.columns[matched[0]]
                raise UsageError(
                    f"{glob!r} asks for {str(bound)!r} but matches only columns that are not "
                    f"floating-point, such as {column.name!r} ({column.dtype}): always exact"
                )
            for i in floats:
                bounds[i] = bound
        for column, bound in zip(schema.columns, bounds, strict=True):
            if isinstance(bound, Sigma):
                _check_sigma(schema, column, bound)
        _check_cycles(schema, bounds)
        return bounds


def _bound(glob: str, spec: str | Bound) -> Bound:
    if isinstance(spec, Bound):
        return spec
    if not isinstance(spec, str):
        raise BadBound(f"the bound of {glob!r} must be a string like 'rel 2^-11', got {spec!r}")
    try:
        return parse(spec)
    except BadBound as error:
        error.add_note(f"for columns {glob!r}")
        raise


def matching(names: Sequence[str], patterns: str) -> set[str]:
    """Return the names that match one of some patterns, which commas separate.

    Raises UnknownColumn for a pattern that matches nothing.
    """
    found: set[str] = set()
    for pattern in patterns.split(","):
        matched = {name for name in names if fnmatchcase(name, pattern.strip())}
        if not matched:
            raise UnknownColumn(f"no column matches {pattern.strip()!r}{near(pattern, names)}")
        found |= matched
    return found


def _shown_names(schema: Schema) -> dict[str, set[str]]:
    """Return for each column its own name and those of the fields that show nothing else."""
    names = {column.name: {column.name} for column in schema.columns}
    for field in schema.fields:
        floats = [name for name in columns_of(field.node) if schema.by_name[name].is_float]
        if len(floats) == 1:
            names[floats[0]].add(field.name)
    return names


def _check_sigma(schema: Schema, column: Column, bound: Sigma) -> None:
    sigma = schema.by_name.get(bound.column)
    if sigma is None:
        hint = near(bound.column, schema.by_name)
        raise UnknownColumn(f"bound {str(bound)!r} of {column.name!r} names no column{hint}")
    if (sigma.counts, sigma.width) != (column.counts, column.width) or sigma.dtype.kind == "b":
        raise UsageError(
            f"bound {str(bound)!r} of {column.name!r}: {sigma.name!r} does not have one number for "
            f"each of its values (counts {sigma.counts!r}, not {column.counts!r})"
        )


def _check_cycles(schema: Schema, bounds: list[Bound]) -> None:
    for first in schema.columns:
        path = [first.name]
        while (parent := bounds[schema.position[path[-1]]].parent) is not None:
            path.append(parent)
            if parent == first.name:
                raise UsageError(f"'sigma' bounds go round in a circle: {' -> '.join(path)}")
            if len(path) > len(bounds):
                break  # the circle is further on; it is found from one of its own columns
