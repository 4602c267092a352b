"""One HTML page with all tables and plots inside, which needs no network."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from html import escape

from baler.core.size import format_size
from baler.evaluate.report.choice import nearest
from baler.evaluate.result import Evaluation, EventSet, Point, Score
from baler.report.html import document, figures, number, table


def page(found: Evaluation, pictures: Sequence[tuple[str, bytes]]) -> str:
    """Return the page; pictures are captions and PNG files."""
    title = f"Rate against error: {found.about.get('source', 'events')}"
    body = [
        *_about(found), *_tables(found), "<h2>Plots</h2>", *figures(pictures), *_columns(found),
    ]  # fmt: skip
    return document(title, body)


def _about(found: Evaluation) -> Iterator[str]:
    yield "<dl>"
    for name, value in found.about.items():
        if value not in (None, "", [], {}) and not name.startswith("_"):
            items = value if isinstance(value, list) else [value]
            shown = ", ".join(f"{i:g}" if isinstance(i, float) else str(i) for i in items)
            yield f"<dt>{escape(name)}</dt><dd>{escape(shown)}</dd>"
    if found.bounds:
        groups: dict[str, list[str]] = {}
        for column, bound in found.bounds.items():
            groups.setdefault(bound, []).append(column)
        shown = "; ".join(f"{bound}: {', '.join(columns)}" for bound, columns in groups.items())
        yield f"<dt>bounds x 1</dt><dd>{escape(shown)}</dd>"
    yield "</dl>"
    yield (
        "<p>All candidates were trained on the same events and judged by others. Sizes are all "
        "that decoding needs, but for a model where that is said. <em>verified</em>: every value "
        "of every column is within its bound; an autoencoder without a bound promises none. "
        "Values that are no floating-point numbers come back exactly, but for those of an "
        "autoencoder, which are rounded. The error is decoded - original, of angles the shorter "
        "way round; times are CPU seconds.</p>"
    )


def _tables(found: Evaluation) -> Iterator[str]:
    for events in found.sets:
        yield (
            f"<h2>{escape(events.name)}: {events.entries:,} events, {events.values:,} values, "
            f"{format_size(events.original)}</h2>"
        )
        yield from table(
            (
                "candidate", "setting", "bits per value", "ratio", "ratio with model",
                "RMS error / std. dev.", "RMS error / range", "largest error / range", "verified",
                "model", "parameters", "training s", "compr. MB/s", "decompr. MB/s",
            ),
            _rows(found, events),
        )  # fmt: skip
    for name, reason in (found.skipped or {}).items():
        yield f"<p>Left out: {escape(name)}, {escape(reason)}</p>"


def _rows(found: Evaluation, events: EventSet) -> Iterator[tuple[str, Sequence[str]]]:
    before = ""
    for point in found.points:
        score = point.score(events.name)
        if score is None:
            continue
        classes = ["ours"] if point.kind in ("baler", "learned") else []
        classes += ["first"] if point.candidate != before else []
        yield " ".join(classes), _cells(found, events, point, score, point.candidate != before)
        before = point.candidate


def _cells(
    found: Evaluation, events: EventSet, point: Point, score: Score, first: bool
) -> list[str]:
    with_model = found.ratio(score, point.model_bytes)
    return [
        point.candidate if first else "",
        point.setting,
        f"{found.rate(score):.3f}",
        f"{found.ratio(score):.2f}",
        f"{with_model:.2f}" if with_model >= 0.1 else f"{with_model:.2g}",
        number(score.by_deviation),
        number(score.by_range),
        number(score.largest),
        verdict(score),
        format_size(point.model_bytes) if point.model_bytes else "",
        f"{point.parameters:,}" if point.parameters else "",
        f"{point.train_seconds:.0f}" if point.train_seconds else "",
        _speed(events.original, score.compress_seconds),
        _speed(events.original, score.decompress_seconds),
    ]


def verdict(score: Score) -> str:
    """Return whether bounds are kept, in a few words."""
    if score.verified is None:
        return "no bound"
    if not score.verified:
        return "BROKEN"
    return "yes, moves zeros" if score.zeros_moved else "yes"


def _speed(size: int, seconds: float) -> str:
    speed = size / 1e6 / seconds if seconds else math.nan
    return "" if math.isnan(speed) else f"{speed:,.0f}" if speed >= 9.95 else f"{speed:.2g}"


def _columns(found: Evaluation) -> Iterator[str]:
    yield "<h2>Columns</h2>"
    for events in found.sets:
        for name, point in nearest(found, events.name).items():
            score = point.score(events.name)
            if score is None or not score.by_deviation > 0:
                continue
            told = f"{events.name}: {name}, {point.setting}, {found.rate(score):.2f} bits per value"
            yield f"<details><summary>{escape(told)}</summary>"
            yield from table(
                (
                    "column", "mean error", "RMS error", "largest error", "RMS error / std. dev.",
                    "RMS error / range", "mean response", "RMS response", "mean pull", "RMS pull",
                    "lost",
                ),
                (("", _column_cells(events, one)) for one in score.columns),
            )  # fmt: skip
            yield "</details>"


def _column_cells(events: EventSet, one: object) -> list[str]:
    from baler.evaluate.errors import ColumnErrors

    assert isinstance(one, ColumnErrors)
    extent = events.extents[one.column]

    def part(of: float) -> str:
        return number(one.rms / of) if of > 0 else ""

    return [
        one.column,
        *map(number, (one.bias, one.rms, one.largest)),
        part(extent.deviation),
        part(extent.range),
        *map(number, (one.response_mean, one.response_rms, one.pull_mean, one.pull_rms)),
        f"{one.lost:,}" if one.lost else "",
    ]
