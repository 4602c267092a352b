"""What happens to events on their way to an analysis: a compressor with bounds, behind one face."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from baler.core.bounds import Bound
from baler.physics.events import Events


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
