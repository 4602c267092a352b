"""What happens to events on their way to an analysis: a compressor with bounds, behind one face."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from baler.core.bounds import Bound, Range, scaled
from baler.physics.compressed import compressed
from baler.physics.events import Events
from baler.planning import Policy


@dataclass(frozen=True, slots=True, eq=False)
class Treated:
    """Events after compression, and what they take."""

    events: Events
    size: int  # bytes of all columns
    model_bytes: int = 0  # what decoding needs besides, once for any number of files
    compress_seconds: float = 0.0  # CPU
    decompress_seconds: float = 0.0

    @property
    def bytes_per_event(self) -> float:
        """Bytes of an event, without a model."""
        return self.size / max(1, len(self.events))


@dataclass(frozen=True, slots=True)
class Treatment:
    """A compressor, and the bounds that it is given.

    ``apply`` compresses all columns of the events and decompresses them again.
    """

    codec: str  # "SZ3"
    policy: str  # "nano", "nano x 4"; "exact"
    bounds: Mapping[str, Bound]  # resolved, by column; a column without one is exact
    apply: Callable[[Events], Treated]

    @property
    def name(self) -> str:
        """The name in tables and plots."""
        return self.codec if self.policy == "exact" else f"{self.codec}, {self.policy}"


def with_bounds(
    events: Events,
    bounds: Policy | Mapping[str, str | Bound],
    name: str = "bounds",
    *,
    scale: float = 1.0,
    dither: bool = False,
) -> Treatment:
    """Return a treatment of events with these columns: a ``.baler`` file with bounds.

    ``bounds`` are a policy, or a mapping from patterns of columns to bounds; all are multiplied by
    ``scale``. ``range`` bounds are resolved by ``events``. Raises BadBound, UnknownColumn for a
    pattern that matches nothing, and what else `Policy.bounds` raises.
    """
    policy = bounds if isinstance(bounds, Policy) else Policy.of(bounds)
    dithered = dither or policy.dither
    asked = zip(events.schema.columns, policy.bounds(events.schema), strict=True)
    lossy = {
        column.name: scaled(
            bound.resolve(events.chunk.columns[column.name]) if isinstance(bound, Range) else bound,
            scale,
        )
        for column, bound in asked
        if bound.lossy
    }

    def apply(given: Events) -> Treated:
        done = compressed(given, lossy, dither=dithered)
        return Treated(done.events, done.size, 0, done.compress_seconds, done.decompress_seconds)

    named = f"{name} x {scale:g}" if scale != 1 else name
    return Treatment(
        "baler + dither" if dithered else "baler", named if lossy else "exact", lossy, apply
    )
