"""Numbers of all treatments side by side, with their uncertainties."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from baler.physics.study.report.looks import (
    ROOM,
    legend_below,
    looks_of,
    of_codecs,
    rows,
    title,
)
from baler.physics.study.result import Effect, Study

LINTHRESH = 0.1


def shifts(pyplot: Any, found: Study) -> Any:
    """Return the shift of each number of the analysis in units of its statistical uncertainty."""
    looks = looks_of(found)
    names = [
        one.quantity
        for one in found.effects[0].shifts
        if any((s := e.shift(one.quantity)) and not math.isnan(s.relative) for e in found.effects)
    ]
    if not names:
        return None
    effects = [effect for effect in found.effects if effect.bounds]
    if not effects:
        return None
    height = 1.2 + len(names) * max(0.4, 0.14 * len(effects))
    figure, axes = pyplot.subplots(figsize=(9.5, height))
    axes.axvspan(-1, 1, color="0.92", zorder=0)
    for place, effect in enumerate(effects):
        offset = (place - (len(effects) - 1) / 2) * 0.8 / len(effects)
        points = [
            (row + offset, one.relative, one.relative_uncertainty)
            for row, name in enumerate(names)
            if (one := effect.shift(name)) and not one.failure and math.isfinite(one.relative)
        ]
        if points:
            at, values, errors = zip(*points, strict=True)
            look = looks[effect.name].curve | {"linestyle": ""}
            axes.errorbar(values, at, xerr=np.nan_to_num(np.array(errors)), label=effect.name,
                          markersize=5, elinewidth=1.2, **look)  # fmt: skip
    axes.set_xscale("symlog", linthresh=LINTHRESH)
    reach = max(1.5, *(abs(x) * 1.6 for x in axes.get_xlim()))
    axes.set_xlim(-reach, reach)
    axes.axvline(0, color="0.4", linewidth=0.8)
    ticks = [t for t in (0.1, 1, 10, 100, 1000) if t < reach]
    axes.set_xticks([*(-t for t in ticks), 0, *ticks],
                    [*(f"-{t:g}" for t in ticks), "0", *(f"{t:g}" for t in ticks)])  # fmt: skip
    axes.set_xlabel("shift / statistical uncertainty (linear below 0.1)")
    rows(axes, names)
    axes.set_xlim(-reach, reach)
    title(axes, found.samples[0], found.analysis)
    legend_below(figure, _lower(axes, figure), columns=2)
    return figure


def _lower(axes: Any, figure: Any) -> Any:
    figure.subplots_adjust(bottom=ROOM / figure.get_size_inches()[1])
    return axes


def distances(pyplot: Any, found: Study) -> Any:
    """Return the distances of columns, one by one and together."""
    looks = looks_of(found)
    effects = [effect for effect in found.effects if effect.bounds]
    if not effects:
        return None
    names = [*found.originals.columns]
    labels = [*names, f"{effects[0].separation.table}: all columns, sliced"]
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(12.5, 1.6 + 0.34 * len(labels)),
                                            sharey=True)  # fmt: skip
    first = {one.column: one.distance for one in effects[0].columns}
    critical = [first[name].critical for name in names] + [effects[0].sliced.critical]
    noise = [first[name].noise for name in names] + [effects[0].sliced.noise]
    for axes in (left, right):
        axes.barh(range(len(labels)), critical, height=0.8, color="0.92", zorder=0,
                  label="95 % of identical samples")  # fmt: skip
        axes.barh(range(len(labels)), noise, height=0.8, color="0.84", zorder=0,
                  label="half of identical samples")  # fmt: skip
    for effect in effects:
        by_name = {one.column: one.distance for one in effect.columns}
        every = [by_name[name] for name in names] + [effect.sliced]
        look = looks[effect.name].curve | {"linestyle": ""}
        left.plot([one.paired or math.nan for one in every], range(len(labels)),
                  label=effect.name, **look)  # fmt: skip
        right.plot([one.halves for one in every], range(len(labels)), **look)
    left.set_xscale("log")
    left.set_xlabel("KS distance, same events before and after")
    right.set_xlabel("KS distance, half before and other half after")
    right.set_xlim(left=0)
    rows(left, labels)
    rows(right, labels)
    left.set_title("baler", loc="left", fontweight="bold", fontsize=12)
    title_only(right, found)
    legend_below(figure, _lower(left, figure), columns=3)
    return figure


def title_only(axes: Any, found: Study) -> None:
    """Write whose data these are, without the name on the left."""
    title(axes, found.samples[0])
    axes.set_title("", loc="left")


def separations(pyplot: Any, found: Study) -> Any:
    """Return what trees can tell."""
    looks = looks_of(found)
    effects = list(found.effects)
    if all(math.isnan(effect.separation.auc) for effect in effects):
        return None
    figure, axes = pyplot.subplots(figsize=(8.5, 1.3 + 0.36 * len(effects)))
    one = effects[0].separation
    axes.axvspan(one.identical - one.identical_uncertainty,
                 one.identical + one.identical_uncertainty, color="0.88", zorder=0,
                 label="identical samples")  # fmt: skip
    axes.axvline(0.5, color="0.4", linewidth=0.8)
    for row, effect in enumerate(effects):
        found_here = effect.separation
        look = looks[effect.name].curve | {"linestyle": ""}
        axes.errorbar([found_here.auc], [row - 0.12], xerr=[found_here.uncertainty], markersize=6,
                      **look)  # fmt: skip
        if not math.isnan(found_here.blurred):
            look |= {"marker": "|", "markersize": 12}
            axes.errorbar([found_here.blurred], [row + 0.2],
                          xerr=[found_here.blurred_uncertainty], **look)  # fmt: skip
    axes.plot([], [], "ko", linestyle="", label="as it is")
    axes.plot([], [], "k|", markersize=12, linestyle="", label="both blurred by the bounds")
    axes.set_xlabel(f"AUC of trees on all columns of {one.table}")
    low, high = axes.get_xlim()
    axes.set_xlim(min(low, 0.47), max(high, 0.56))
    rows(axes, [effect.name for effect in effects])
    title(axes, found.samples[0])
    legend_below(figure, _lower(axes, figure), columns=3)
    return figure


def trade(pyplot: Any, found: Study) -> Any:
    """Return what precision costs: bytes of an event against the largest shift, and the AUC."""
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(12.5, 4.8))
    codecs = dict.fromkeys(effect.codec for effect in found.effects)
    looks = of_codecs(found)
    for codec in codecs:
        effects = sorted((e for e in found.effects if e.codec == codec),
                         key=found.bytes_per_event)  # fmt: skip
        look = looks[effects[0].name].curve
        size = [found.bytes_per_event(effect) for effect in effects]
        moved = [_largest(effect) for effect in effects]
        left.errorbar(size, [value for value, _ in moved], [error for _, error in moved],
                      label=codec, **look)  # fmt: skip
        right.errorbar(size, [e.separation.auc for e in effects],
                       [e.separation.uncertainty for e in effects], **look)  # fmt: skip
    left.axhline(1, color="0.4", linewidth=0.8)
    left.set_yscale("symlog", linthresh=0.01)
    left.set_ylim(bottom=0)
    left.set_ylabel("largest |shift| / statistical uncertainty")
    right.axhline(0.5, color="0.4", linewidth=0.8)
    right.set_ylabel(f"AUC, all columns of {found.effects[0].separation.table}")
    for axes in (left, right):
        axes.set_xlabel("bytes per event, models kept elsewhere")
        axes.grid(visible=True, color="0.9", linewidth=0.7)
        axes.set_axisbelow(True)
    left.set_title("baler", loc="left", fontweight="bold", fontsize=12)
    title_only(right, found)
    figure.subplots_adjust(wspace=0.22)
    legend_below(figure, _lower(left, figure), columns=4)
    return figure


def _largest(effect: Effect) -> tuple[float, float]:
    worst = effect.largest_shift
    if worst is None:
        return math.nan, math.nan
    return abs(worst.relative), np.nan_to_num(worst.relative_uncertainty)
