"""The report card of a tuning."""

from __future__ import annotations

import dataclasses
import importlib.metadata
from collections.abc import Mapping, Sequence
from typing import Any

from baler.api.card import Card, Judged, JudgedBy, TunedColumn
from baler.core.bounds import Bound
from baler.physics.analyses.base import Analysis
from baler.physics.compressed import Compressed
from baler.physics.tuning.finding import Finding, worst
from baler.physics.tuning.request import Request

IN_MEMORY, EXACT, TUNED = "columns in memory", "baler, exact", "baler, tuned"
"""What the bytes on a card are of."""


def card(
    request: Request,
    judged: Mapping[str, Sequence[Finding]],
    bounds: Mapping[str, Bound],
    *,
    exact: Compressed,
    tuned: Compressed,
    looks: int,
    untested: Sequence[str],
    notes: Sequence[str],
) -> Card:
    """Return the card; ``judged`` are findings by the events that they are of."""
    events, settings = request.main, request.settings
    return Card(
        analysis=request.analysis.name,
        cuts=_cuts(request.analysis),
        requirements=tuple(map(str, request.requirements)),
        confidence=settings.confidence,
        seed=settings.seed,
        looks=looks,
        judged_by=tuple(
            JudgedBy(role, one.name, len(one), request.cut(one), float(one.weights().sum()))
            for role, one in request.samples.items()
        ),
        judged=tuple(
            _line(one, which, request.z)
            for which, found in judged.items()
            for one in _shown(found, request.z)
        ),
        bytes={IN_MEMORY: events.chunk.nbytes, EXACT: exact.size, TUNED: tuned.size},
        columns={
            name: TunedColumn(
                str(bound), 8 * tuned.columns[name] / max(1, events.chunk.columns[name].size)
            )
            for name, bound in bounds.items()
        },
        untested=tuple(dict.fromkeys(untested)),
        notes=tuple(notes),
        baler=_version(),
    )


def _shown(found: Sequence[Finding], z: float) -> list[Finding]:
    """Return findings, of requirements on columns only those of the columns nearest to a limit."""
    kept = [one for one in found if one.requirement.measure != "ks"]
    asked = dict.fromkeys(one.requirement for one in found if one.requirement.measure == "ks")
    farthest = (worst((one for one in found if one.requirement == it), z) for it in asked)
    return [*kept, *(one for one in farthest if one is not None)]


def _line(one: Finding, which: str, z: float) -> Judged:
    asked = one.requirement
    measured = None if one.reason else (float(one.value), float(one.uncertainty))
    value, uncertainty = measured or (None, None)
    return Judged(
        str(asked), f"{asked.measure} {one.quantity}", which, value, uncertainty, asked.limit,
        asked.unit, bool(one.holds(z)), one.reason,
    )  # fmt: skip


def _cuts(analysis: Analysis) -> dict[str, str | float]:
    cuts: Any = analysis
    if not dataclasses.is_dataclass(cuts):
        return {}
    values = {one.name: getattr(cuts, one.name) for one in dataclasses.fields(cuts)}
    return {
        name: float(value) if type(value) in (int, float) else str(value)
        for name, value in values.items()
    }


def _version() -> str:
    try:
        return importlib.metadata.version("baler")
    except importlib.metadata.PackageNotFoundError:
        return ""
