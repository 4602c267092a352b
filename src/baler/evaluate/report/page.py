"""One HTML page with all tables and plots inside, which needs no network."""

from __future__ import annotations

import base64
import math
from collections.abc import Iterable, Iterator, Sequence
from html import escape

from baler.core.size import format_size
from baler.evaluate.report.choice import nearest
from baler.evaluate.result import Evaluation, EventSet, Point, Score

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #222; max-width: 1180px; margin: 2em auto;
  padding: 0 1em; }
h1, h2 { line-height: 1.2; font-weight: 600; }
h2 { margin-top: 2.2em; border-bottom: 1px solid #ddd; padding-bottom: .2em; }
table { border-collapse: collapse; font-size: 13px; margin: 1em 0; }
th, td { padding: .25em .7em; text-align: right; white-space: nowrap;
  font-variant-numeric: tabular-nums; }
th:first-child, td:first-child { text-align: left; }
thead th { border-bottom: 1px solid #888; white-space: normal; vertical-align: bottom; }
tbody tr:nth-child(even) { background: #f6f6f6; }
tr.first td { border-top: 1px solid #ccc; }
.ours { font-weight: 600; }
.broken { color: #bd1f01; font-weight: 600; }
.wide { overflow-x: auto; }
figure { margin: 1.5em 0; }
figure img { max-width: 100%; height: auto; }
figcaption { color: #555; font-size: 13px; max-width: 60em; }
summary { cursor: pointer; }
dl { display: grid; grid-template-columns: max-content auto; gap: 0 1em; }
dt { color: #666; } dd { margin: 0; }
"""


def page(found: Evaluation, pictures: Sequence[tuple[str, bytes]]) -> str:
    """Return the page; pictures are captions and PNG files."""
    title = f"Rate against error: {found.about.get('source', 'events')}"
    return "\n".join(
        [
            "<!DOCTYPE html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8"/>',
            '<meta name="viewport" content="width=device-width, initial-scale=1"/>',
            f"<title>{escape(title)}</title>",
            f"<style>{STYLE}</style>",
            "</head>",
            "<body>",
            f"<h1>{escape(title)}</h1>",
            *_about(found),
            *_tables(found),
            "<h2>Plots</h2>",
            *_figures(pictures),
            *_columns(found),
            "</body>",
            "</html>",
            "",
        ]
    )


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
        yield from _table(
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


def number(value: float) -> str:
    """Return three digits of a number; nothing for nan."""
    return "" if math.isnan(value) else f"{value:.3g}"


def _speed(size: int, seconds: float) -> str:
    speed = size / 1e6 / seconds if seconds else math.nan
    return "" if math.isnan(speed) else f"{speed:,.0f}" if speed >= 9.95 else f"{speed:.2g}"


def _figures(pictures: Iterable[tuple[str, bytes]]) -> Iterator[str]:
    for caption, png in pictures:
        data = base64.b64encode(png).decode("ascii")
        text = escape(caption, quote=True)
        yield (
            f'<figure><img alt="{text}" src="data:image/png;base64,{data}"/>'
            f"<figcaption>{text}</figcaption></figure>"
        )


def _columns(found: Evaluation) -> Iterator[str]:
    yield "<h2>Columns</h2>"
    for events in found.sets:
        for name, point in nearest(found, events.name).items():
            score = point.score(events.name)
            if score is None or not score.by_deviation > 0:
                continue
            told = f"{events.name}: {name}, {point.setting}, {found.rate(score):.2f} bits per value"
            yield f"<details><summary>{escape(told)}</summary>"
            yield from _table(
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


def _table(head: Sequence[str], rows: Iterable[tuple[str, Sequence[str]]]) -> Iterator[str]:
    yield '<div class="wide"><table><thead><tr>'
    yield "".join(f"<th>{escape(text)}</th>" for text in head)
    yield "</tr></thead><tbody>"
    for classes, cells in rows:
        shown = "".join(
            f'<td class="broken">{escape(cell)}</td>' if cell == "BROKEN"
            else f"<td>{escape(cell)}</td>"
            for cell in cells
        )  # fmt: skip
        yield f'<tr class="{classes}">{shown}</tr>' if classes else f"<tr>{shown}</tr>"
    yield "</tbody></table></div>"
