"""Report cards: for what the bounds of a policy were tuned, and the evidence that they are enough.

A card is plain JSON of a fixed form. A file may hold one among its metadata, which no decoder
needs, so what is read from a file is checked as what is given by a caller is.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

from baler.core.bounds import Bound, parse
from baler.errors import BadBound, UsageError, some

VERSION = 1
KEY = "card"
"""The name of a card among the metadata of a file."""
MAX_BYTES = 1 << 20
MAX_TEXT = 1000
MAX_ITEMS = 10_000

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class JudgedBy:
    """A set of events that requirements were judged by."""

    role: str  # "data", "background", "signal"
    file: str
    events: int
    searched: int  # of them, the first ones, by which bounds were chosen
    weights: float  # their sum


@dataclass(frozen=True, slots=True)
class Judged:
    """A requirement, and what was measured: value + confidence * uncertainty against its limit."""

    requirement: str  # as it was asked for
    quantity: str  # what it was of
    events: str  # "held out" or "all"
    value: float | None  # None where it could not be measured
    uncertainty: float | None
    limit: float
    unit: str
    holds: bool
    reason: str = ""  # why there is no value

    def __str__(self) -> str:
        """Return it in a line."""
        verdict = "holds" if self.holds else "BROKEN"
        if self.value is None or self.uncertainty is None:
            return (
                f"{self.quantity}: {self.reason}; limit {self.limit:g}{_of(self.unit)}: {verdict}"
            )
        return (
            f"{self.quantity}: {self.value:.3g} +- {self.uncertainty:.2g}, limit {self.limit:g}"
            f"{_of(self.unit)}: {verdict}"
        )


@dataclass(frozen=True, slots=True)
class TunedColumn:
    """A column, its bound, and what one of its values takes."""

    bound: str
    bits_per_value: float


@dataclass(frozen=True, slots=True)
class Card:
    """What a policy was tuned for, on which events, and what came of it."""

    analysis: str
    cuts: Mapping[str, str | float]
    requirements: tuple[str, ...]
    confidence: float  # one-sided, with which each requirement holds
    seed: int
    looks: int  # how often the held-out events were judged by, until all held
    judged_by: tuple[JudgedBy, ...]
    judged: tuple[Judged, ...]
    bytes: Mapping[str, int]  # of all columns of all events, by what they are stored with
    columns: Mapping[str, TunedColumn]  # those that are not exact
    untested: tuple[str, ...] = ()  # what a requirement asks for and these events cannot tell
    notes: tuple[str, ...] = ()
    dither: bool = False
    baler: str = ""  # version
    version: int = field(default=VERSION)

    @property
    def holds(self) -> bool:
        """Whether all requirements hold."""
        return all(one.holds for one in self.judged)

    @property
    def bounds(self) -> dict[str, Bound]:
        """The bounds of the columns that are not exact."""
        return {name: parse(column.bound) for name, column in self.columns.items()}

    def differences(self, bounds: Mapping[str, str], *, dither: bool | None = None) -> list[str]:
        """Return where the bounds of all columns of a file are not those of the card.

        ``dither`` is not compared where it is not known.
        """
        found = [
            f"{name!r} has {bound!r}, the card {self._bound(name)!r}"
            for name, bound in bounds.items()
            if bound != self._bound(name)
        ]
        lossy = any(bound != "exact" for bound in bounds.values())
        if dither is not None and dither != self.dither and lossy:
            found.append(f"it is {'' if dither else 'not '}dithered, unlike the policy of the card")
        return found

    def check(self, bounds: Mapping[str, str], *, dither: bool = False) -> None:
        """Raise UsageError if the bounds of all columns of a file are not those of the card."""
        if found := self.differences(bounds, dither=dither):
            raise UsageError(
                f"the card does not belong to these bounds: {some(found, 3)}; compress with the "
                "policy that the card came with, or without the card"
            )

    def _bound(self, name: str) -> str:
        column = self.columns.get(name)
        return "exact" if column is None else column.bound

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain JSON."""
        return asdict(self)

    def save(self, path: Path) -> None:
        """Write a card file."""
        text = json.dumps(self.to_json(), indent=1, allow_nan=False)
        path.write_text(text + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Card:
        """Return the card of a file; raises UsageError, which names it, if there is none."""
        name = os.fspath(path)
        try:
            size = Path(path).stat().st_size
            if size > MAX_BYTES:
                raise UsageError(f"{name!r} is no card: it has {size} bytes, more than {MAX_BYTES}")
            document = json.loads(Path(path).read_bytes())
        except OSError as error:
            raise UsageError(f"cannot read card {name!r}: {error.strerror}") from error
        except (ValueError, RecursionError) as error:
            raise UsageError(f"{name!r} is no card: it is not JSON") from error
        try:
            return cls.from_json(document)
        except UsageError as error:
            error.add_note(f"in {name!r}")
            raise

    @classmethod
    def from_json(cls, document: object) -> Card:
        """Return a card; raises UsageError that says where a document is not of its form."""
        if isinstance(document, Mapping) and document.get("version") != VERSION:
            raise UsageError(
                f"a card of version {_shown(document.get('version'))}; known is {VERSION}"
            )
        card = _record(cls, document, "the card")
        for name, column in card.columns.items():
            try:
                bound = parse(column.bound)
            except BadBound as error:
                error.add_note(f"for column {name!r} of the card")
                raise
            if str(bound) != column.bound:
                wrong = f"the bound of {name!r} in the card is {column.bound!r}"
                raise UsageError(f"{wrong}, expected {str(bound)!r}")
        if len(json.dumps(card.to_json())) > MAX_BYTES:
            raise UsageError(f"the card has more than {MAX_BYTES} bytes")
        return card


GivenCard = Card | Mapping[str, Any] | str | os.PathLike[str] | None
"""A card, its JSON, or the path of a file of it."""


def load_card(given: GivenCard) -> Card | None:
    """Return a card however it is given; raises UsageError."""
    if given is None or isinstance(given, Card):
        return given
    return Card.from_json(given) if isinstance(given, Mapping) else Card.load(given)


def _of(unit: str) -> str:
    return f" {unit}" if unit else ""


_ITEMS: Mapping[str, type[Any]] = {
    "judged_by": JudgedBy, "judged": Judged, "columns": TunedColumn, "bytes": int,
    "requirements": str, "untested": str, "notes": str,
}  # fmt: skip


def _record(kind: type[T], document: object, where: str) -> T:
    """Return a dataclass of a JSON object whose members are of the types of its fields."""
    if not isinstance(document, Mapping):
        raise UsageError(f"{where} is {_shown(document)}, expected an object")
    hints = get_type_hints(kind)
    known = {one.name: one for one in fields(kind)}  # type: ignore[arg-type]
    if unknown := [name for name in document if name not in known]:
        raise UsageError(f"{where} has {_shown(unknown[0])}, which is unknown")
    required = Card.__annotations__.keys() - {"untested", "notes", "dither", "baler", "version"}
    required = required if kind is Card else known.keys() - {"reason"}
    if missing := [name for name in known if name in required and name not in document]:
        raise UsageError(f"{where} has no {missing[0]!r}")
    return kind(
        **{name: _member(name, hints[name], value, where) for name, value in document.items()}
    )


def _member(name: str, hint: Any, value: object, where: str) -> Any:
    where = f"{name!r} of {where}"
    if name == "cuts":
        return {
            _text(key, f"a name in {where}"): _plain(str | float, item, where)
            for key, item in _object(value, where).items()
        }
    if name in ("columns", "bytes"):
        return {
            _text(key, f"a name in {where}"): _item(name, item, f"{key!r} in {where}")
            for key, item in _object(value, where).items()
        }
    if name in _ITEMS:
        if not isinstance(value, list | tuple) or len(value) > MAX_ITEMS:
            raise UsageError(f"{where} is {_shown(value)}, expected at most {MAX_ITEMS} items")
        return tuple(_item(name, item, f"item {i} in {where}") for i, item in enumerate(value))
    return _plain(hint, value, where)


def _item(name: str, value: object, where: str) -> Any:
    kind = _ITEMS[name]
    return _plain(kind, value, where) if kind in (str, int) else _record(kind, value, where)


def _object(value: object, where: str) -> Mapping[Any, object]:
    if not isinstance(value, Mapping) or len(value) > MAX_ITEMS:
        raise UsageError(f"{where} is {_shown(value)}, expected at most {MAX_ITEMS} members")
    return value


def _plain(hint: Any, value: object, where: str) -> Any:
    """Return text, a number or a truth value of the type that is expected."""
    kinds = getattr(hint, "__args__", (hint,))
    if value is None and type(None) in kinds:
        return None
    if isinstance(value, bool):
        if bool in kinds:
            return value
    elif isinstance(value, str):
        if str in kinds:
            return _text(value, where)
    elif isinstance(value, int) and int in kinds:
        if abs(value) < 1 << 63:
            return value
    elif isinstance(value, int | float) and float in kinds and abs(value) < 1e300:
        return float(value)
    wanted = " or ".join(kind.__name__ for kind in kinds if kind is not type(None))
    raise UsageError(f"{where} is {_shown(value)}, expected {wanted}")


def _text(value: object, where: str) -> str:
    if not isinstance(value, str) or len(value) > MAX_TEXT or not value.isprintable():
        raise UsageError(
            f"{where} is {_shown(value)}, expected at most {MAX_TEXT} printable characters"
        )
    return value


def _shown(value: object) -> str:
    """Return a value as an error shows it: short, without control characters."""
    if isinstance(value, Mapping | list | tuple):
        return f"a {type(value).__name__} of {len(value)}"
    if isinstance(value, int) and abs(value) >= 1 << 63:
        return "a number beyond 64 bits"
    text = ascii(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def bounds_of(names: Iterable[str], bounds: Iterable[Bound]) -> dict[str, str]:
    """Return bounds as a card writes them."""
    return {name: str(bound) for name, bound in zip(names, bounds, strict=True)}
