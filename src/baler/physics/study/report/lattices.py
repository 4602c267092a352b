"""Spikes that lattices leave in fine histograms, and what dither makes of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from baler.physics.study.report.looks import Looks, by_policy, of_codecs, rows, steps, title
from baler.physics.study.result import Effect, Study

COLUMNS = 2
WINDOW = 48
"""Bins that are shown: twelve steps of a lattice."""


def lattices(pyplot: Any, found: Study) -> Any:
    """Return fine histograms of a few columns, a row for each codec, and all ripples."""
    groups = {
        policy: [effect for effect in effects if effect.lattices]
        for policy, effects in by_policy(found).items()
    }
    groups = {policy: effects for policy, effects in groups.items() if effects}
    if not groups:
        return None
    effects = _most_telling(list(groups.values()))
    names, looks = _columns(effects), of_codecs(found)
    figure = pyplot.figure(figsize=(14.5, 1.3 + 1.5 * max(len(effects), 2)))
    grid = figure.add_gridspec(len(effects), COLUMNS + 1, hspace=0.12, wspace=0.3,
                               width_ratios=(*[1.15] * COLUMNS, 1))  # fmt: skip
    for place, name in enumerate(names):
        for row, effect in enumerate(effects):
            axes = figure.add_subplot(grid[row, place])
            one = next((one for one in effect.lattices if one.column == name), None)
            if one is None:
                axes.set_axis_off()
                continue
            edges = np.array(one.shown.edges[: WINDOW + 1])
            steps(axes, edges, one.shown_before.contents[:WINDOW], fill=True, color="0.85",
                  label="before")  # fmt: skip
            steps(axes, edges, one.shown.contents[:WINDOW], **looks[effect.name].outline)
            axes.set_ylim(0, 1.4 * axes.get_ylim()[1])
            axes.set_xlim(edges[0], edges[-1])
            axes.text(0.02, 0.94, effect.codec, transform=axes.transAxes, fontsize=9,
                      va="top", color=looks[effect.name].colour, fontweight="bold")  # fmt: skip
            axes.tick_params(labelbottom=row == len(effects) - 1)
            if row == len(effects) - 1:
                axes.set_xlabel(f"{one.shown.label}, from the densest place")
            if row == 0 and place == 0:
                title(axes)
            if row == 0 and place == 1:
                axes.set_title(effect.policy, loc="right", fontsize=9.5)
            if row == len(effects) // 2 and place == 0:
                axes.set_ylabel("entries", loc="center")
    _ripples(figure.add_subplot(grid[:, COLUMNS]), found, looks, effects)
    return figure


def _most_telling(groups: list[list[Effect]]) -> list[Effect]:
    """Return the effects of the policy with most statistics in its bins, and most codecs."""

    def told(effects: list[Effect]) -> tuple[int, float]:
        strongest = [max(one.significance for one in e.lattices) for e in effects]
        return len({effect.codec for effect in effects}), max(strongest)

    return max(groups, key=told)


def _columns(effects: list[Effect]) -> list[str]:
    strength: dict[str, float] = {}
    for effect in effects:
        for one in effect.lattices:
            strength[one.column] = max(strength.get(one.column, -np.inf), one.significance)
    return sorted(strength, key=lambda name: -strength[name])[:COLUMNS]


def _ripples(axes: Any, found: Study, looks: Looks, effects: list[Effect]) -> None:
    names = list(dict.fromkeys(one.column for effect in effects for one in effect.lattices))
    axes.axvline(np.sqrt(3), color="0.6", linewidth=0.8, linestyle=":")
    originals = {one.column: one.before for effect in effects for one in effect.lattices}
    axes.plot([originals[name] for name in names], range(len(names)), "k|", markersize=12,
              linestyle="", label="before")  # fmt: skip
    for place, effect in enumerate(effects):
        offset = (place - (len(effects) - 1) / 2) * 0.6 / max(len(effects), 2)
        found_here = {one.column: one.ripple for one in effect.lattices}
        at = [row for row, name in enumerate(names) if name in found_here]
        look = looks[effect.name].curve | {"linestyle": ""}
        axes.plot([found_here[names[row]] for row in at], [row + offset for row in at],
                  label=effect.codec, markersize=5, **look)  # fmt: skip
    rows(axes, names)
    axes.yaxis.tick_right()
    axes.set_xlim(-0.08, 2.0)
    axes.set_xlabel("ripple: RMS / content of fine bins")
    title(axes, None, f"{found.samples[0].events:,} events")
    axes.set_title("", loc="left")
    axes.legend(loc="upper left", bbox_to_anchor=(1.22, 1), ncols=1, fontsize=9)
