"""The page of a study."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from html import escape

from baler.core.size import format_size
from baler.physics.study.result import Effect, Study
from baler.physics.study.shifts import Shift
from baler.report.html import document, figures, number, table

EXPLAINED = """
All columns are compressed, and everything is compared with what it was by the same events.
<em>verified</em>: every value of every column is within its bound. <em>Shifts</em> are after -
before; their uncertainties are those of the same resampled events before and after, so that the
noise that both share drops out. <em>sliced KS</em>: mean Kolmogorov-Smirnov distance of random
projections of all columns, of the same events; <em>p</em>: the part of identical samples that are
as far apart as half of the events before is from the other half after. <em>AUC</em>: how well
boosted trees tell one half of the events before from the other half after, in events they have not
seen; <em>identical</em> is the same before compression, <em>blurred</em> after blurring both by the
bounds, which hides a lattice; <em>told by</em>: the columns without which they tell least. Times
are CPU seconds.
""".strip()


def page(found: Study, pictures: Sequence[tuple[str, bytes]]) -> str:
    """Return the page; pictures are captions and PNG files."""
    sources = ", ".join(sample.name for sample in found.samples)
    return document(
        f"What compression does to {found.analysis}: {sources}",
        [
            *_about(found),
            *_summary(found),
            *_quantities(found),
            "<h2>Plots</h2>",
            *figures(pictures),
            *_details(found),
        ],
    )


def _about(found: Study) -> Iterator[str]:
    yield f"<p>{escape(found.title)}</p><dl>"
    for sample in found.samples:
        told = (
            f"{sample.name}: {sample.events:,} events, worth {sample.effective:,.0f} of weight 1, "
            f"{format_size(sample.original)}"
        )
        yield f"<dt>{escape(sample.role)}</dt><dd>{escape(told)}</dd>"
    for name, value in found.about.items():
        if value not in (None, "", [], {}, False):
            items = (
                [f"{one}={given}" for one, given in value.items()]
                if isinstance(value, dict)
                else value if isinstance(value, list) else [value]
            )  # fmt: skip
            shown = ", ".join(f"{i:g}" if isinstance(i, float) else str(i) for i in items)
            yield f"<dt>{escape(name)}</dt><dd>{escape(shown)}</dd>"
    yield "</dl>"
    yield f"<p>{EXPLAINED}</p>"


def _summary(found: Study) -> Iterator[str]:
    yield "<h2>Treatments</h2>"
    yield from table(
        (
            "treatment", "verified", "bytes / event", "ratio", "ratio with model", "model",
            "compress s", "decompress s", "largest shift / sigma", "of", "no longer measured",
            "sliced KS", "p",
            "AUC", "identical", "blurred", "told by",
        ),
        ((("ours" if effect.ours else ""), _cells(found, effect)) for effect in found.effects),
    )  # fmt: skip
    for effect in found.effects:
        for size in effect.sizes:
            if size.broken:
                told = f"{effect.name}, {size.role}: beyond the bound in {', '.join(size.broken)}"
                yield f'<p class="broken">{escape(told)}</p>'
    for name, reason in (found.skipped or {}).items():
        yield f"<p>Left out: {escape(name)}, {escape(reason)}</p>"


def _cells(found: Study, effect: Effect) -> list[str]:
    worst, one = effect.largest_shift, effect.separation
    return [
        effect.name,
        verdict(effect),
        f"{found.bytes_per_event(effect):,.0f}",
        f"{found.ratio(effect):.2f}",
        f"{found.ratio(effect, with_model=True):.2f}",
        format_size(effect.model_bytes) if effect.model_bytes else "",
        f"{sum(size.compress_seconds for size in effect.sizes):.2g}",
        f"{sum(size.decompress_seconds for size in effect.sizes):.2g}",
        "" if worst is None else with_error(worst.relative, worst.relative_uncertainty),
        "" if worst is None else worst.quantity,
        ", ".join(effect.lost),
        number(effect.sliced.paired),
        number(effect.sliced.p_value),
        with_error(one.auc, one.uncertainty),
        with_error(one.identical, one.identical_uncertainty),
        with_error(one.blurred, one.blurred_uncertainty),
        ", ".join(one.telling[:2]),
    ]


def verdict(effect: Effect) -> str:
    """Return whether bounds are kept, in a few words."""
    if effect.verified is None:
        return "no bound"
    if not effect.verified:
        return "BROKEN"
    return "yes, moves zeros" if any(size.zeros_moved for size in effect.sizes) else "yes"


def with_error(value: float, error: float) -> str:
    """Return a number and its uncertainty to two digits of this; nothing for nan."""
    if math.isnan(value):
        return ""
    if not error > 0 or not math.isfinite(error):
        return number(value)
    digits = max(0, 1 - math.floor(math.log10(error)))
    return f"{value:.{digits}f} ± {error:.{digits}f}"


def _quantities(found: Study) -> Iterator[str]:
    yield "<h2>Numbers of the analysis</h2>"
    if not found.effects:
        return
    yield from table(
        ("quantity", "before", *(f"shift: {effect.name}" for effect in found.effects)),
        (
            ("", [_named(one), with_error(one.before, one.statistical) or "not measured",
                  *(_shift(effect.shift(one.quantity)) for effect in found.effects)])
            for one in found.effects[0].shifts
        ),
    )  # fmt: skip
    reasons = dict.fromkeys(
        f"{one.quantity}: {one.failure}"
        for effect in found.effects
        for one in effect.shifts
        if one.failure
    )
    for reason in reasons:
        yield f"<p>{escape(reason)}</p>"


def _named(one: Shift) -> str:
    return f"{one.quantity} [{one.unit}]" if one.unit else one.quantity


def _shift(one: Shift | None) -> str:
    if one is None or (one.failure and math.isnan(one.uncertainty)):
        return "not measured"
    return with_error(one.shift, one.uncertainty)


def _details(found: Study) -> Iterator[str]:
    yield "<h2>Details</h2>"
    for effect in found.effects:
        if not effect.bounds:
            continue
        yield f"<details><summary>{escape(effect.name)}</summary>"
        yield from table(
            (
                "column", "bound", "mean error", "RMS error", "largest error", "largest / bound",
                "RMS / resolution", "KS, same events", "p, systematic", "KS of halves",
                "95 % of identical", "p", "chi2 / bin", "ripple before", "ripple after",
            ),
            (("", _column_cells(effect, place)) for place in range(len(effect.columns))),
        )  # fmt: skip
        yield from table(
            (
                "variable", "matched", "lost", "gained", "mean change", "RMS change", "spread",
                "mean / its uncertainty", "KS, same events", "p, systematic", "p",
            ),
            (
                ("", [
                    f"{one.role}: {one.observable}" + (f" [{one.unit}]" if one.unit else ""),
                    f"{one.matched:,}", f"{one.lost:,}", f"{one.gained:,}",
                    with_error(one.mean, one.mean_uncertainty), number(one.rms),
                    number(one.spread), f"{one.pull:+.1f}", number(one.distance.paired),
                    number(one.distance.systematic), number(one.distance.p_value),
                ])
                for one in effect.observables
            ),
        )  # fmt: skip
        yield "</details>"


def _column_cells(effect: Effect, place: int) -> list[str]:
    one = effect.columns[place]
    ripple = next((each for each in effect.lattices if each.column == one.column), None)
    return [
        one.column,
        one.bound,
        *map(number, (one.mean, one.rms, one.largest, one.over_bound, one.resolution)),
        *map(number, (one.distance.paired, one.distance.systematic, one.distance.halves)),
        *map(number, (one.distance.critical, one.distance.p_value, one.chi2)),
        "" if ripple is None else number(ripple.before),
        "" if ripple is None else number(ripple.ripple),
    ]
