"""What may happen to the physics, in a line each.

A requirement is a measure of something, and its limit::

    shift(J/psi mass) < 0.1 sigma      |after - before| of a quantity, in units of its statistical
                                       uncertainty with the same events
    shift(*) < 1 % width               ... of the quantity "... width" or "... resolution" of the
                                       same name
    shift(*) < 0.5 %                   ... of the quantity itself
    shift(Z mass) < 0.05               ... in the quantity's own unit, which may follow: 0.05 GeV
    width(*) < 0.5 %                   growth of quantities called a width or a resolution
    ks(Jet_*) < 0.01                   Kolmogorov-Smirnov distance of the values of a column
    auc(Jet) < 0.51                    area under the ROC curve of a classifier that is to tell
                                       objects of a collection from what became of them

What stands in parentheses is a pattern of names (shell globs): of quantities that the analysis
measures, or of columns for ``ks``; without it, ``*``. For ``auc`` it is the name of a collection;
without it, the one that the analysis reads most of.
"""

from __future__ import annotations

import math
import os
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal

from baler.errors import UsageError, near

Measure = Literal["shift", "width", "ks", "auc"]

MEASURES: Mapping[str, tuple[str, ...]] = {
    "shift": ("sigma", "%", "% width"),
    "width": ("%",),
    "ks": (),
    "auc": (),
}
"""The measures, and the units that their limits may have besides that of the quantity itself."""
FORMS = "'shift(GLOB) < 0.1 sigma', 'width(GLOB) < 0.5 %', 'ks(GLOB) < 0.01' or 'auc(NAME) < 0.51'"
WIDTHS = ("width", "resolution")
"""Words in the names of quantities that tell how wide something is."""
USUAL = ("shift(*) < 0.1 sigma", "ks(*) < 0.01")
"""What is required if nothing is said."""

_FORM = re.compile(
    r"\s*(?P<measure>\w+)\s*(?:\((?P<glob>.*)\))?\s*<=?\s*(?P<limit>[^\s%]+)\s*(?P<unit>.*?)\s*"
)


@dataclass(frozen=True, slots=True)
class Requirement:
    """A measure of quantities or columns whose names match a pattern, and its limit."""

    measure: Measure
    glob: str
    limit: float
    unit: str  # one of `MEASURES`, or that of the quantity

    def __str__(self) -> str:
        """Return it as it is written; ``parse`` inverts it."""
        of = "" if self.glob == "*" and self.measure == "auc" else f"({self.glob})"
        return f"{self.measure}{of} < {self.limit:g}{f' {self.unit}' if self.unit else ''}"

    @property
    def of_columns(self) -> bool:
        """Whether it is about distributions of values, rather than what an analysis measures."""
        return self.measure in ("ks", "auc")

    def select(self, names: Iterable[str]) -> list[str]:
        """Return the names that are meant; raises UsageError if there are none."""
        names = list(names)
        known = [name for name in names if self.measure != "width" or is_width(name)]
        found = [name for name in known if fnmatchcase(name, self.glob)]
        if not found and self.measure == "width":
            found = [name for name in known if fnmatchcase(name.rpartition(" ")[0], self.glob)]
        if not found:
            what = "column" if self.measure == "ks" else "quantity"
            raise UsageError(
                f"{str(self)!r}: no {what} matches {self.glob!r}{near(self.glob, known or names)}"
            )
        return found


def parse(text: str) -> Requirement:
    """Return the requirement that a line asks for; raises UsageError with the forms there are."""
    match = _FORM.fullmatch(text)
    if match is None:
        raise UsageError(f"cannot read requirement {text!r}; expected {FORMS}")
    measure, glob, unit = match["measure"], match["glob"], " ".join(match["unit"].split())
    if measure not in MEASURES:
        raise UsageError(f"{text!r}: there is no measure {measure!r}; expected {FORMS}")
    try:
        limit = float(match["limit"])
    except ValueError:
        raise UsageError(f"{text!r}: {match['limit']!r} is no number") from None
    if not (0 < limit < math.inf):
        raise UsageError(f"{text!r}: the limit must be positive and finite, got {limit:g}")
    if measure == "auc" and not 0.5 < limit < 1:
        raise UsageError(f"{text!r}: an AUC lies between 0.5 and 1, got {limit:g}")
    known = MEASURES[measure]
    own = measure == "shift" and "%" not in unit  # that of the quantity, which is checked later
    if not own and unit not in (known or ("",)):
        expected = f"in {' or '.join(map(repr, known))}" if known else "without a unit"
        raise UsageError(f"{text!r}: a limit on {measure!r} is {expected}, not {unit!r}")
    return Requirement(measure, "*" if glob is None else glob.strip(), limit, unit)  # type: ignore[arg-type]


def parse_all(lines: Iterable[str]) -> tuple[Requirement, ...]:
    """Return the requirements of lines, each once; raises UsageError."""
    return tuple(dict.fromkeys(map(parse, lines)))


def load(path: str | os.PathLike[str]) -> list[str]:
    """Return the lines of a TOML file: ``requirements = ["auc < 0.51", ...]``.

    Raises UsageError that names the file.
    """
    name = os.fspath(path)
    try:
        with Path(path).open("rb") as file:
            content = tomllib.load(file)
    except OSError as error:
        raise UsageError(f"cannot read requirements {name!r}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"requirements {name!r} are not valid TOML: {error}") from error
    lines = content.get("requirements")
    if content.keys() != {"requirements"} or not isinstance(lines, list) or not lines:
        raise UsageError(f"{name!r} must have 'requirements', a list of lines, and nothing else")
    if faulty := [line for line in lines if not isinstance(line, str)]:
        raise UsageError(f"{name!r}: a requirement must be a string, got {faulty[0]!r}")
    return lines


def is_width(name: str) -> bool:
    """Tell whether a quantity says how wide something is."""
    return any(word in WIDTHS for word in name.replace(",", " ").split())


def width_of(name: str, names: Iterable[str]) -> str:
    """Return the name of the width that belongs to a quantity; raises UsageError without one."""
    names = list(names)
    stem = name.rpartition(" ")[0]
    for width in (f"{base} {word}" for base in (name, stem) if base for word in WIDTHS):
        if width in names:
            return width
    raise UsageError(f"{name!r} has no width among the quantities {', '.join(map(repr, names))}")
