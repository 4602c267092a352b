"""Dataclasses as plain JSON and back."""

from __future__ import annotations

import json
import math
import types
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from baler.core.replacing import replacing
from baler.errors import UsageError

T = TypeVar("T")


def to_plain(value: Any) -> Any:
    """Return plain JSON: nan is null, infinities are strings; floats have six digits.

    What is inside and has a ``to_json`` of its own is left to that.
    """
    match value:
        case bool() | int() | str() | None:
            return value
        case float():
            if math.isnan(value):
                return None
            return float(f"{value:.6g}") if math.isfinite(value) else str(value)
        case Mapping():
            return {str(name): _to_inner(item) for name, item in value.items()}
        case tuple() | list():
            return [_to_inner(item) for item in value]
    return {f.name: _to_inner(getattr(value, f.name)) for f in fields(value)}


def _to_inner(value: Any) -> Any:
    return value.to_json() if hasattr(value, "to_json") else to_plain(value)


def from_plain(kind: Any, content: Any) -> Any:
    """Invert `to_plain` for a type; raises KeyError, TypeError or ValueError if it does not fit."""
    if kind is Any:
        return content
    if kind is float:
        return math.nan if content is None else float(content)
    origin, inside = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        (inner,) = (one for one in inside if one is not type(None))
        return None if content is None else _from_inner(inner, content)
    if origin is tuple:
        return tuple(_from_inner(inside[0], item) for item in content)
    if origin is not None and issubclass(origin, Mapping):
        return {name: _from_inner(inside[1], item) for name, item in content.items()}
    if is_dataclass(kind):
        hints = get_type_hints(kind)
        return kind(**{f.name: _from_inner(hints[f.name], content[f.name]) for f in fields(kind)})  # type: ignore[operator]
    if not isinstance(content, kind):
        raise TypeError(f"{content!r} is no {kind.__name__}")
    return content


def _from_inner(kind: Any, content: Any) -> Any:
    return kind.from_json(content) if hasattr(kind, "from_json") else from_plain(kind, content)


def save(path: Path, content: Mapping[str, Any]) -> None:
    """Write plain JSON, under its name when it is complete."""
    with replacing(path, overwrite=True) as beside:
        text = json.dumps(content, allow_nan=False, separators=(",", ":"))
        beside.write_text(text + "\n", "utf-8")


def load(path: Path, kind: type[T], what: str, version: int) -> T:
    """Read what `save` wrote of a dataclass and its ``version``; ``what`` it is to be, in words.

    Raises UsageError for anything else, OSError.
    """
    try:
        content = json.loads(path.read_text("utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is not JSON: {error}") from error
    return parsed(content, kind, what, version, str(path))


def parsed(content: Any, kind: type[T], what: str, version: int, where: str = "this") -> T:
    """Return a dataclass from its plain JSON and ``version``; raises UsageError for other things.

    ``where`` the content comes from, and ``what`` it is to be, are for the message.
    """
    if not isinstance(content, Mapping) or content.get("version") != version:
        found = content.get("version") if isinstance(content, Mapping) else None
        raise UsageError(f"{where} is no {what} of version {version}: {found!r}")
    try:
        return from_plain(kind, content)  # type: ignore[no-any-return]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UsageError(f"{where} is no {what}: {error!r}") from error
