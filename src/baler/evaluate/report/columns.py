"""Plots of columns: errors, responses, values, pulls and correlations at one common rate."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from baler.evaluate.errors import ColumnErrors
from baler.evaluate.report.choice import nearest, shown
from baler.evaluate.report.curves import Looks, decimal, label, rows, whose
from baler.evaluate.result import Evaluation, EventSet, Point, Score
from baler.evaluate.spread import Spread, together

Floats = npt.NDArray[np.float64]

ACROSS, DOWN = 4, 3
"""Small plots on one page."""
MATRICES = 3
DRAWABLE = 1e100
"""Axes of larger numbers overflow."""


def _scores(found: Evaluation, events: EventSet, few: Mapping[str, Point]) -> dict[str, Score]:
    scores = {name: point.score(events.name) for name, point in few.items()}
    return {name: score for name, score in scores.items() if score is not None}


def _named(found: Evaluation, name: str, score: Score) -> str:
    return f"{name} ({found.rate(score):.2f} bits)"


def by_column(pyplot: Any, found: Evaluation, events: EventSet, looks: Looks) -> Any:
    """Return the RMS error of each column, in parts of its standard deviation."""
    scores = _scores(found, events, shown(found, events.name))
    columns = [
        name for name, extent in events.extents.items()
        if extent.deviation > 0 and any(_rms(score, name) > 0 for score in scores.values())
    ]  # fmt: skip
    if not columns:
        return None
    columns.reverse()
    figure, axes = pyplot.subplots(figsize=(8.5, 1.6 + 0.3 * len(columns)))
    for number, (name, score) in enumerate(scores.items()):
        sizes = [_rms(score, column) / events.extents[column].deviation for column in columns]
        away = _apart(number, len(scores))
        _dots(axes, sizes, away, looks[name].curve, label=_named(found, name, score))
    axes.set_xscale("log")
    axes.set_xlabel("RMS error / standard deviation")
    rows(axes, columns)
    label(axes, found, events)
    axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
    return figure


def _apart(number: int, many: int) -> float:
    """Return how far from the middle of a row a candidate is drawn: equal values stay visible."""
    return 0.6 * (0.5 - (number + 0.5) / many)


def _dots(
    axes: Any, sizes: Sequence[float], away: float, look: Mapping[str, Any], label: str = ""
) -> None:
    there = [(size, row + away) for row, size in enumerate(sizes) if size > 0]
    if there:
        axes.plot(
            *zip(*there, strict=True), label=label, **{**look, "linestyle": "", "markersize": 5}
        )


def _rms(score: Score, column: str) -> float:
    found = next(one.rms for one in score.columns if one.column == column)
    return found if math.isfinite(found) else 0.0


def errors(pyplot: Any, found: Evaluation, events: EventSet, looks: Looks) -> Iterator[Any]:
    """Yield pages of histograms of errors, column by column."""
    return _spreads(pyplot, found, events, looks, "spread", "(decoded - original) / std. deviation")


def responses(pyplot: Any, found: Evaluation, events: EventSet, looks: Looks) -> Iterator[Any]:
    """Yield pages of histograms of responses, column by column."""
    return _spreads(pyplot, found, events, looks, "responses", "(decoded - original) / original")


def _spreads(
    pyplot: Any, found: Evaluation, events: EventSet, looks: Looks, which: str, text: str
) -> Iterator[Any]:
    scores = _scores(found, events, shown(found, events.name))
    of = {name: {one.column: one for one in score.columns} for name, score in scores.items()}
    columns = [
        column for column in events.extents
        if any(_moved(getattr(by[column], which)) for by in of.values())
    ]  # fmt: skip

    def draw(axes: Any, column: str) -> None:
        spreads = {name: getattr(by[column], which) for name, by in of.items()}
        width = _sensible(spreads.values())
        edges = np.linspace(-width, width, 62)
        for name, spread in spreads.items():
            _outline(axes, spread.histogram(edges), edges, looks[name].outline)
        axes.set_yscale("log")
        axes.set_ylim(1e-4, 2.0)
        axes.set_xlim(-width, width)

    labels = {name: _named(found, name, score) for name, score in scores.items()}
    yield from _pages(
        pyplot, found, events, looks, columns, draw, labels, text, "fraction of values"
    )


def _sensible(spreads: Any) -> float:
    """Return a window for several spreads: the widest but one sets it, for one that is hopeless."""
    sizes = sorted(1.3 * spread.size(0.99) for spread in spreads if _moved(spread))
    return sizes[max(0, len(sizes) - 2)] if sizes else 1.0


def _moved(spread: Spread) -> bool:
    return spread.total > spread.zero


def _outline(axes: Any, heights: Floats, edges: Floats, look: Mapping[str, Any]) -> None:
    axes.stairs(heights, edges, linewidth=1.3, **look)


def values(pyplot: Any, found: Evaluation, events: EventSet, looks: Looks) -> Iterator[Any]:
    """Yield pages of distributions, before and after."""
    scores = _scores(found, events, shown(found, events.name))
    columns = [
        column
        for column, edges in events.edges.items()
        if len(edges) > 2 and max(abs(edges[0]), abs(edges[-1])) < DRAWABLE
    ]

    def draw(axes: Any, column: str) -> None:
        edges = np.array(events.edges[column])
        width = np.diff(edges)
        original = np.array(events.counts[column]) / width
        axes.stairs(original, edges, fill=True, color="0.85", zorder=1)
        for name, score in scores.items():
            _outline(axes, np.array(score.counts[column]) / width, edges, looks[name].outline)
        axes.set_xlim(edges[0], edges[-1])
        if edges[0] > 0 and not math.isclose(width[0], width[-1]):
            axes.set_xscale("log")
        axes.set_yscale("log")
        filled = original[original > 0]
        axes.set_ylim(filled.min() / 3, filled.max() * 4)

    labels = {"original": "original"}
    labels |= {name: _named(found, name, score) for name, score in scores.items()}
    yield from _pages(
        pyplot, found, events, looks, columns, draw, labels, "value, in the unit of the column",
        "values per unit",
    )  # fmt: skip


def _pages(
    pyplot: Any, found: Evaluation, events: EventSet, looks: Looks, columns: Sequence[str],
    draw: Any, labels: Mapping[str, str], across: str, up: str,
) -> Iterator[Any]:  # fmt: skip
    """Yield figures of small plots, with one legend each."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    size = ACROSS * DOWN
    for first in range(0, len(columns), size):
        page = columns[first : first + size]
        down = -(-len(page) // ACROSS)
        height = 2.6 * down + 1.3  # inches
        figure, panels = pyplot.subplots(down, ACROSS, figsize=(13, height), squeeze=False)
        figure.subplots_adjust(
            left=0.06, right=0.99, bottom=0.6 / height, top=1 - 1.0 / height, hspace=0.36,
            wspace=0.24,
        )  # fmt: skip
        for axes, column in zip(panels.flat, page, strict=False):
            draw(axes, column)
            axes.set_title(column, fontsize=10, loc="left")
            axes.tick_params(labelsize=8)
            axes.xaxis.get_offset_text().set_fontsize(8)
            if axes.get_xscale() == "linear":
                axes.ticklabel_format(axis="x", style="sci", scilimits=(-2, 3), useMathText=True)
                axes.locator_params(axis="x", nbins=5)
        for axes in panels.flat[len(page) :]:
            axes.set_visible(False)
        handles = [
            Line2D([], [], label=text, linewidth=2, **looks[name].outline) if name in looks
            else Patch(color="0.85", label=text)
            for name, text in labels.items()
        ]  # fmt: skip
        figure.legend(
            handles=handles, loc="upper left", ncols=4, alignment="left", borderaxespad=0.2,
            title=f"baler:  {whose(found, events)}", title_fontsize=11,
        )  # fmt: skip
        figure.supxlabel(across, fontsize=11)
        figure.supylabel(up, fontsize=11)
        yield figure


def pulls(pyplot: Any, found: Evaluation, events: EventSet, looks: Looks) -> Any:
    """Return errors in units of the bounds at scale 1: of all values, and by column."""
    scores = {
        name: score for name, score in _scores(found, events, shown(found, events.name)).items()
        if score.pulls.total
    }  # fmt: skip
    if not scores:
        return None
    columns = [
        one.column for one in next(iter(scores.values())).columns if math.isfinite(one.pull_rms)
    ][::-1]
    figure, (left, right) = pyplot.subplots(
        1, 2, figsize=(13, max(4.5, 1.4 + 0.27 * len(columns))), width_ratios=(1, 1.1)
    )
    width = min(8.0, max(2.0, math.ceil(_sensible([s.pulls for s in scores.values()]))))
    edges = np.linspace(-width, width, round(16 * width) + 1)
    for name, score in scores.items():
        _outline(left, score.pulls.histogram(edges), edges, looks[name].outline)
        left.plot([], [], label=_named(found, name, score), **looks[name].outline)
    for edge in (-1, 1):
        left.axvline(edge, color="0.6", linewidth=0.8, zorder=0)
    left.set_yscale("log")
    left.set_ylim(1e-4, 1.0)
    left.set_xlim(-width, width)
    left.set_xlabel("pull: (decoded - original) / bound")
    left.set_ylabel("fraction of values")
    figure.legend(*left.get_legend_handles_labels(), loc="upper center", ncols=4,
                  bbox_to_anchor=(0.5, 0.03))  # fmt: skip
    for number, (name, score) in enumerate(scores.items()):
        by = {one.column: one for one in score.columns}
        away = _apart(number, len(scores))
        _dots(right, [by[column].pull_rms for column in columns], away, looks[name].curve)
    right.axvline(1 / math.sqrt(3), color="0.6", linewidth=0.8, zorder=0)
    right.set_xscale("log")
    decimal(right.xaxis)
    right.set_xlabel("RMS of the pulls")
    rows(right, columns)
    figure.subplots_adjust(wspace=0.35)
    label(left, found, events)
    return figure


def beyond(pyplot: Any, found: Evaluation, events: EventSet, looks: Looks) -> Any:
    """Return which fraction of all values has an error beyond a size."""
    scores = _scores(found, events, shown(found, events.name))
    figure, axes = pyplot.subplots(figsize=(8.5, 5.2))
    drawn = False
    for name, score in scores.items():
        sizes, left = together(one.spread for one in score.columns if _varies(one)).beyond()
        if sizes.size:
            axes.plot(sizes, left, label=_named(found, name, score), **looks[name].outline)
            drawn = True
    if not drawn:
        return None
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_ylim(1e-5, 1.3)
    axes.set_xlim(left=max(axes.get_xlim()[0], 1e-6))
    axes.set_xlabel("x = |decoded - original| / standard deviation of the column")
    axes.set_ylabel("fraction of values with an error beyond x")
    axes.grid(visible=True, which="major", color="0.9", linewidth=0.7)
    label(axes, found, events)
    axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
    return figure


def _varies(one: ColumnErrors) -> bool:
    return one.spread.total > 0


def correlations(pyplot: Any, found: Evaluation, events: EventSet, looks: Looks) -> Any:
    """Return the linear correlations of columns, and what became of them."""
    names = list(events.correlated)
    original = np.array(events.correlations)
    varying = [i for i in range(len(names)) if np.isfinite(original[i, i])] if names else []
    points = nearest(found, events.name)
    scores = _scores(found, events, shown(found, events.name))
    order = ("learned", "family", "peer", "baler")
    pick = sorted(scores, key=lambda name: order.index(points[name].kind))
    pick = _one_of_each_kind(pick, points)[:MATRICES]
    if len(varying) < 2 or not pick:
        return None
    shown_names = [names[i] for i in varying]
    original = original[np.ix_(varying, varying)]
    figure, panels = pyplot.subplots(
        1, 1 + len(pick), figsize=(4.1 * (1 + len(pick)) + 2, 6.0), layout="constrained"
    )
    image = panels[0].imshow(original, cmap="RdBu_r", vmin=-1, vmax=1)
    panels[0].set_title("original", loc="left", fontsize=10)
    figure.colorbar(image, ax=panels[0], location="bottom", label="linear correlation", shrink=0.9)
    changes = [np.array(scores[name].correlations)[np.ix_(varying, varying)] - original
               for name in pick]  # fmt: skip
    sizes = [np.abs(change[np.isfinite(change)]) for change in changes]
    most = max((float(np.max(size, initial=0.0)) for size in sizes), default=0.0) or 1.0
    for axes, name, change in zip(panels[1:], pick, changes, strict=True):
        image = axes.imshow(change, cmap="RdBu_r", vmin=-most, vmax=most)
        axes.set_title(f"{_named(found, name, scores[name])}", loc="left", fontsize=10)
    figure.colorbar(image, ax=list(panels[1:]), location="bottom", shrink=0.9 / len(pick),
                    label="correlation after - before")  # fmt: skip
    figure.suptitle(f"baler:  {whose(found, events)}", fontsize=11, x=0.01, ha="left")
    small = 8 if len(varying) <= 20 else 6.5
    for number, axes in enumerate(panels):
        axes.set_xticks(range(len(varying)), shown_names, rotation=90, fontsize=small)
        axes.set_yticks(range(len(varying)), shown_names if not number else [], fontsize=small)
        axes.tick_params(which="both", length=0)
        axes.minorticks_off()
    return figure


def _one_of_each_kind(names: Sequence[str], points: Mapping[str, Point]) -> list[str]:
    """Return the names with those first that are the first of their kind."""
    first: dict[str, str] = {}
    for name in names:
        first.setdefault(points[name].kind, name)
    return [*first.values(), *(name for name in names if name not in first.values())]


def latents(pyplot: Any, found: Evaluation, events: EventSet, looks: Looks) -> Any:
    """Return how many bits each latent carries, the fullest first."""
    figure, axes = pyplot.subplots(figsize=(8.5, 4.6))
    drawn = False
    for name, point in nearest(found, events.name).items():
        score = point.score(events.name)
        if score is None or not score.latents:
            continue
        bits = sorted((latent.bits for latent in score.latents), reverse=True)
        text = f"{name}, {point.setting}: {sum(bits):.0f} bits"
        axes.plot(range(1, len(bits) + 1), bits, label=text, **looks[name].curve)
        drawn = True
    if not drawn:
        return None
    axes.set_xlabel("latent, the fullest first")
    axes.set_ylabel("entropy of its values, bits")
    axes.margins(y=0.1)
    axes.set_ylim(bottom=0)
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.minorticks_off()
    label(axes, found, events)
    axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
    return figure
