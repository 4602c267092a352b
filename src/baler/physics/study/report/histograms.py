"""Histograms before and after, with the ratio of both below."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from baler.physics.study.binned import Binned
from baler.physics.study.columns import ERROR_EDGES
from baler.physics.study.report.looks import (
    ROOM,
    Looks,
    by_policy,
    label,
    legend_below,
    of_codecs,
    steps,
)
from baler.physics.study.result import Effect, Sample, Study

Effects = Sequence[Effect]
Panel = Sequence[Any]
"""The axes of a panel: above, and of the ratio below if there is one."""

ACROSS, DOWN = 3, 2
WIDE = 30.0
"""Histograms whose contents extend over more than this factor have a logarithmic axis."""


def spectra(pyplot: Any, found: Study) -> Iterator[Any]:
    """Yield for each policy the histograms that the analysis measures from, with its curves."""

    def after(effect: Effect, name: str) -> Binned | None:
        return effect.spectra.get(name)

    return _pairs(pyplot, found, found.originals.spectra, after, lambda name: name)


def observables(pyplot: Any, found: Study) -> Iterator[Any]:
    """Yield for each policy the variables of the analysis."""

    def after(effect: Effect, name: str) -> Binned | None:
        known = {f"{one.role}: {one.observable}": one.after for one in effect.observables}
        return known.get(name)

    def what(name: str) -> str:
        return f"{name.partition(':')[0]}, weight"

    return _pairs(pyplot, found, found.originals.observables, after, what)


def columns(pyplot: Any, found: Study) -> Iterator[Any]:
    """Yield for each policy the columns that were compared one by one."""

    def after(effect: Effect, name: str) -> Binned | None:
        return {one.column: one.after for one in effect.columns}.get(name)

    known = found.originals.columns
    return _pairs(pyplot, found, known, after, lambda name: "weight", page=ACROSS * DOWN)


def changes(pyplot: Any, found: Study) -> Iterator[Any]:
    """Yield for each policy how the variables of matched objects change."""
    looks = of_codecs(found)

    def draw(effects: Effects, name: str, panel: Panel) -> None:
        (axes,) = panel
        for effect in effects:
            for one in effect.observables:
                whole = float(np.sum(one.changes.contents))
                if f"{one.role}: {one.observable}" == name and whole:
                    edges = np.array(one.changes.edges)
                    steps(axes, edges, np.array(one.changes.contents) / whole / np.diff(edges),
                          label=label(effect), **looks[effect.name].outline)  # fmt: skip
                    axes.set_xlabel(one.changes.label, fontsize=9.5)
        axes.set_ylabel(f"{name.partition(':')[0]}, density")
        axes.set_yscale("log")

    names = list(found.originals.observables)
    return _figures(pyplot, found, lambda _: names, draw, ratio=False)


def errors(pyplot: Any, found: Study) -> Iterator[Any]:
    """Yield for each policy the errors of columns in units of their bounds."""
    looks = of_codecs(found)

    def wrong(effects: Effects) -> list[str]:
        return [
            name
            for name in found.originals.columns
            if any(sum(c.errors) for e in effects for c in e.columns if c.column == name)
        ]

    def draw(effects: Effects, name: str, panel: Panel) -> None:
        (axes,) = panel
        for effect in effects:
            counts = next(c.errors for c in effect.columns if c.column == name)
            if sum(counts):
                part = np.array(counts) / sum(counts) / np.diff(ERROR_EDGES)
                steps(axes, ERROR_EDGES, part, label=label(effect), **looks[effect.name].outline)
        axes.set_xlabel(f"{name}: error / bound")
        axes.set_ylabel("density")
        axes.set_ylim(bottom=0)
        for side in (-1, 1):
            axes.axvline(side, color="0.6", linewidth=0.8, zorder=1)

    return _figures(pyplot, found, wrong, draw, page=ACROSS * DOWN, ratio=False)


def _pairs(
    pyplot: Any,
    found: Study,
    known: Mapping[str, Binned],
    after_of: Callable[[Effect, str], Binned | None],
    what: Callable[[str], str],
    *,
    page: int | None = None,
) -> Iterator[Any]:
    """Yield figures of what was ``known`` before; contents are ``what``, by the name."""
    looks, labels = of_codecs(found), {effect.name: label(effect) for effect in found.effects}

    def draw(effects: Effects, name: str, panel: Panel) -> None:
        every = {effect.name: after_of(effect, name) for effect in effects}
        after = {one: binned for one, binned in every.items() if binned is not None}
        _pair(panel, known[name], after, looks, labels)
        panel[0].set_ylabel(_density(known[name], what(name)))

    return _figures(pyplot, found, lambda _: list(known), draw, page=page)


def _figures(
    pyplot: Any,
    found: Study,
    names_of: Callable[[Effects], list[str]],
    draw: Callable[[Effects, str, Panel], None],
    *,
    page: int | None = None,
    ratio: bool = True,
) -> Iterator[Any]:
    """Yield for each policy figures with a panel for each name, at most ``page`` of them."""
    for policy, effects in by_policy(found).items():
        names = names_of(effects)
        many = page or max(len(names), 1)
        for start in range(0, len(names), many):
            some = names[start : start + many]
            figure, panels = _panels(pyplot, len(some), ratio=ratio)
            for name, panel in zip(some, panels, strict=True):
                draw(effects, name, panel)
            _finish(figure, panels, found.samples[0], policy)
            yield figure


def _across(count: int) -> int:
    return 2 if count == ACROSS + 1 else min(count, ACROSS)


def _panels(pyplot: Any, count: int, *, ratio: bool = True) -> tuple[Any, list[Panel]]:
    """Return a figure, and for each panel its axes: above, and of the ratio below."""
    across = _across(count)
    down = -(-count // across)
    figure = pyplot.figure(figsize=(4.6 * across, (4.3 if ratio else 3.3) * down))
    height = figure.get_size_inches()[1]
    grid = figure.add_gridspec(down, across, hspace=0.32, wspace=0.34, bottom=ROOM / height,
                               top=1 - 0.3 / height)  # fmt: skip
    panels: list[Panel] = []
    for at in range(count):
        cell = grid[at // across, at % across]
        if not ratio:
            panels.append([figure.add_subplot(cell)])
            continue
        inner = cell.subgridspec(2, 1, height_ratios=(2.6, 1), hspace=0.06)
        above = figure.add_subplot(inner[0])
        panels.append([above, figure.add_subplot(inner[1], sharex=above)])
    return figure, panels


def _finish(figure: Any, panels: Sequence[Panel], sample: Sample, policy: str) -> None:
    first = panels[0][0]
    across = _across(len(panels))
    first.set_title("baler", loc="left", fontweight="bold", fontsize=12)
    corner = panels[across - 1][0]
    kind = "simulation, " if sample.simulated else ""
    told = f"{kind}{sample.name}, {sample.events:,} events; {policy}"
    if across == 1:
        told = f"{sample.events:,} events; {policy}"
    corner.set_title(told, loc="right", fontsize=9.5)
    busiest = max(panels, key=lambda panel: len(panel[0].get_legend_handles_labels()[0]))
    legend_below(figure, busiest[0], columns=min(4, across + 1))


def _density(before: Binned, what: str) -> str:
    """Return the label of contents, by the unit of the axis if it has one."""
    if "[" not in before.label:
        return what
    return f"{what} / {before.label.rpartition('[')[2].removesuffix(']')}"


def _pair(
    panel: Panel,
    before: Binned,
    after: Mapping[str, Binned],
    looks: Looks,
    labels: Mapping[str, str],
) -> None:
    """Draw contents before and after, by the names of effects, and their ratio."""
    above, below = panel
    edges, old = np.array(before.edges), np.nan_to_num(before.contents)
    sigma = np.sqrt(np.nan_to_num(before.variances))
    widths = np.diff(edges) if "[" in before.label else np.ones(len(old))
    steps(above, edges, old / widths, fill=True, color="0.85", label="before", zorder=1)
    above.errorbar((edges[1:] + edges[:-1]) / 2, old / widths, sigma / widths, fmt="none",
                   ecolor="0.45", elinewidth=0.8, zorder=2)  # fmt: skip
    if before.curve:
        centres = (edges[1:] + edges[:-1]) / 2
        above.plot(centres, np.array(before.curve) / widths, color="black", linewidth=1.0,
                   label="fit before", zorder=3)  # fmt: skip
    relative = np.divide(sigma, old, out=np.zeros_like(old), where=old > 0)
    below.stairs(1 + relative, edges, baseline=1 - relative, fill=True, color="0.85", zorder=1)
    for name, one in after.items():
        new = np.nan_to_num(one.contents)
        steps(above, edges, new / widths, label=labels[name], **looks[name].outline)
        ratio = np.divide(new, old, out=np.full(old.shape, np.nan), where=old > 0)
        steps(below, edges, ratio, baseline=None, **looks[name].outline)
    filled = old[old > 0]
    if filled.size and filled.max() > WIDE * filled.min() and (old >= 0).all():
        above.set_yscale("log")
        shown = (old / widths)[old > 0]
        above.set_ylim(shown.min() / 3, shown.max() * 4)
    else:
        above.set_ylim(bottom=min(0.0, float((old / widths).min(initial=0.0))))
    if edges[0] > 0 and edges[-1] > WIDE * edges[0]:
        below.set_xscale("log")
    reach = _reach(before, list(after.values()))
    below.set_ylim(1 - reach, 1 + reach)
    below.axhline(1, color="0.4", linewidth=0.8)
    below.set_xlabel(before.label)
    below.set_ylabel("after / before", fontsize=10, loc="center")
    above.tick_params(labelbottom=False)


def _reach(before: Binned, after: Sequence[Binned]) -> float:
    """Return how far a ratio panel extends: to see changes, and the statistics of full bins."""
    old = np.nan_to_num(before.contents)
    if not (old > 0).any():
        return 0.1
    full = old > 0.1 * old.max()
    relative = np.sqrt(np.array(before.variances))[full] / old[full]
    off = [float(np.abs(np.nan_to_num(one.contents)[full] / old[full] - 1).max()) for one in after]
    return float(np.clip(1.6 * max([float(np.median(relative)), *off]), 1e-3, 0.9))
