"""How treatments look, and what is written above plots."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from baler.physics.study.result import Effect, Sample, Study
from baler.report.style import Look, looks

LINES = ("-", "--", ":", "-.")
Looks = Mapping[str, Look]
"""By the names of treatments."""


def looks_of(found: Study) -> dict[str, Look]:
    """Return a colour and marker for each codec, and a line for each policy."""
    kinds = {effect.codec: "baler" if effect.ours else "peer" for effect in found.effects}
    codecs = looks(list(kinds.items()))
    policies = list(dict.fromkeys(effect.policy for effect in found.effects))
    return {
        effect.name: replace(
            codecs[effect.codec], line=LINES[policies.index(effect.policy) % len(LINES)]
        )
        for effect in found.effects
    }


def by_policy(found: Study) -> dict[str, list[Effect]]:
    """Return the effects of each policy that change anything, so that they fit into one plot."""
    groups: dict[str, list[Effect]] = {}
    for effect in found.effects:
        if effect.bounds:
            groups.setdefault(effect.policy, []).append(effect)
    return groups


def title(axes: Any, sample: Sample | None = None, more: str = "") -> None:
    """Write above a plot whose data these are."""
    axes.set_title("baler", loc="left", fontweight="bold", fontsize=12)
    if sample is not None:
        kind = "simulation, " if sample.simulated else ""
        told = f"{kind}{sample.name}, {sample.events:,} events"
        more = f"{told}; {more}" if more else told
    axes.set_title(more, loc="right", fontsize=9.5)


def steps(axes: Any, edges: Any, contents: Any, **kwargs: Any) -> Any:
    """Draw the outline of a histogram."""
    return axes.stairs(np.asarray(contents), np.asarray(edges), **kwargs)


def rows(axes: Any, names: list[str]) -> None:
    """Make the vertical axis one of names, the first at the top."""
    from matplotlib.ticker import NullLocator

    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.tick_params(axis="y", which="both", length=0)
    axes.yaxis.set_minor_locator(NullLocator())
    axes.grid(visible=True, axis="y", color="0.9", linewidth=0.7)
    axes.set_axisbelow(True)


def legend_below(figure: Any, axes: Any, columns: int = 3) -> None:
    """Put the legend under the plots, where it covers nothing."""
    handles, names = axes.get_legend_handles_labels()
    height = figure.get_size_inches()[1]
    figure.legend(handles, names, loc="upper center", bbox_to_anchor=(0.5, 0.02 / height),
                  ncols=columns)  # fmt: skip
