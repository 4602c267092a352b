"""Plots of all points: rate against error, and what it costs in time."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from baler.evaluate.report.choice import nearest
from baler.evaluate.result import Evaluation, EventSet, Point, Score
from baler.report.style import Look

Looks = Mapping[str, Look]
Measure = Callable[[Score], float]


def label(axes: Any, found: Evaluation, events: EventSet) -> None:
    """Write above a plot whose data these are."""
    axes.set_title("baler", loc="left", fontweight="bold", fontsize=12)
    axes.set_title(whose(found, events), loc="right", fontsize=10)


def whose(found: Evaluation, events: EventSet) -> str:
    """Return which events are shown, and how many."""
    source = str(found.about.get("source", ""))
    own = source and events.name == found.sets[0].name
    return f"{f'{source}, ' if own else ''}{events.name}, {events.entries:,} events"


def decimal(axis: Any) -> None:
    """Label a logarithmic axis of few decades with plain numbers."""
    from matplotlib.ticker import LogLocator, NullFormatter

    low, high = axis.get_view_interval()
    if high < 1000 * low:
        axis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < 100 * low else (1,)))
        axis.set_major_formatter("{x:g}")
    axis.set_minor_formatter(NullFormatter())


def rate_and_error(pyplot: Any, found: Evaluation, events: EventSet, looks: Looks) -> Any:
    """Return rate against RMS error: models kept elsewhere on the left, counted on the right."""
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(12.5, 5.2), sharey=True)
    _curves(left, found, events, looks, lambda score: score.by_deviation, counted=False)
    _curves(right, found, events, looks, lambda score: score.by_deviation, counted=True)
    left.set_ylabel("RMS error / standard deviation, mean of columns")
    left.set_xlabel("bits per value, models kept elsewhere")
    right.set_xlabel("bits per value, models counted")
    right.set_xscale("log")
    decimal(right.xaxis)
    label(left, found, events)
    _legend(figure, right, looks, found)
    return figure


def rate_and_largest(pyplot: Any, found: Evaluation, events: EventSet, looks: Looks) -> Any:
    """Return rate against mean RMS error and against the largest error, in parts of the range."""
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(12.5, 5.2))
    _curves(left, found, events, looks, lambda score: score.by_range, counted=False)
    _curves(right, found, events, looks, lambda score: score.largest, counted=False)
    left.set_ylabel("RMS error / range, mean of columns")
    right.set_ylabel("largest error / range, of all columns")
    for axes in (left, right):
        axes.set_xlabel("bits per value, models kept elsewhere")
    label(left, found, events)
    figure.subplots_adjust(wspace=0.28)
    _legend(figure, right, looks, found)
    return figure


def _curves(
    axes: Any, found: Evaluation, events: EventSet, looks: Looks, measure: Measure, *, counted: bool
) -> None:
    for name in found.candidates:
        pairs = []
        for point in found.of(name):
            score = point.score(events.name)
            if score is not None and measure(score) > 0:
                rate = found.rate(score, point.model_bytes if counted else 0)
                pairs.append((rate, measure(score)))
        if pairs:
            axes.plot(*zip(*sorted(pairs), strict=True), label=name, **looks[name].curve)
    axes.set_yscale("log")
    axes.grid(visible=True, which="major", color="0.9", linewidth=0.7, zorder=0)
    axes.set_axisbelow(True)


def _legend(figure: Any, axes: Any, looks: Looks, found: Evaluation) -> None:
    """Put the legend beside the plots, where it covers nothing."""
    handles, names = axes.get_legend_handles_labels()
    figure.legend(handles, names, loc="center left", bbox_to_anchor=(0.915, 0.5))


def times(pyplot: Any, found: Evaluation, events: EventSet, looks: Looks) -> Any:
    """Return what training takes, and speeds, of the points at the common rate."""
    points = {n: p for n, p in nearest(found, events.name).items() if p.score(events.name)}
    names = list(points)[::-1]
    height = 1.4 + 0.3 * len(names)
    figure, panels = pyplot.subplots(1, 3, figsize=(12.5, height), sharey=True)
    columns: tuple[tuple[str, Callable[[Point], float]], ...] = (
        ("training, CPU seconds", lambda point: point.train_seconds),
        ("compression, MB per CPU second", lambda p: _speed(events, p, "compress_seconds")),
        ("decompression, MB per CPU second", lambda p: _speed(events, p, "decompress_seconds")),
    )
    for axes, (text, measure) in zip(panels, columns, strict=True):
        for row, name in enumerate(names):
            value = measure(points[name])
            if value > 0 and math.isfinite(value):
                look = looks[name].curve | {"linestyle": ""}
                axes.plot([value], [row], markersize=8, **look)
            else:
                axes.text(0.03, row, "none", transform=axes.get_yaxis_transform(), color="0.5",
                          va="center", fontsize=9)  # fmt: skip
        axes.set_xscale("log")
        low, high = axes.get_xlim()
        axes.set_xlim(low / 1.5, high * 1.5)
        decimal(axes.xaxis)
        axes.set_xlabel(text)
        rows(axes, names)
    panels[0].set_title("baler", loc="left", fontweight="bold", fontsize=12)
    panels[-1].set_title(whose(found, events), loc="right", fontsize=10)
    return figure


def rows(axes: Any, names: list[str]) -> None:
    """Make the vertical axis one of names."""
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(-0.6, len(names) - 0.4)
    axes.tick_params(axis="y", which="both", length=0)
    axes.yaxis.set_minor_locator(_none())
    axes.grid(visible=True, axis="y", color="0.9", linewidth=0.7)
    axes.set_axisbelow(True)


def _none() -> Any:
    from matplotlib.ticker import NullLocator

    return NullLocator()


def _speed(events: EventSet, point: Point, name: str) -> float:
    score = point.score(events.name)
    seconds = 0.0 if score is None else getattr(score, name)
    return events.original / 1e6 / seconds if seconds else math.nan
