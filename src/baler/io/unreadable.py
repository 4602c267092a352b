"""Saying which parts of a foreign file cannot be read, and why."""

from __future__ import annotations

from collections.abc import Mapping


def reason(error: BaseException) -> str:
    """Return the first line of what an exception says, or its type if it says nothing."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0][:200] if lines else type(error).__name__


def unreadable(faults: Mapping[str, str], name: str) -> str:
    """Return the message about all fields of a source that cannot be read."""
    what = "1 field" if len(faults) == 1 else f"{len(faults)} fields"
    reasons = [f"  {field}: {fault}" for field, fault in faults.items()]
    return "\n".join([f"{what} of {name} cannot be read:", *reasons])


def left_out(faults: Mapping[str, str]) -> list[str]:
    """Return a note for every field that is left out because it cannot be read."""
    return [f"left out, because it cannot be read: {field}: {why}" for field, why in faults.items()]
