"""How treatments look, and what is written above plots."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from baler.physics.study.result import Effect, Sample, Study
from baler.report.style import Look, looks

BELOW = 0.15
"""Inches above the lower end of a figure where legends begin; axes end `ROOM` inches above it."""
ROOM = 0.75
PALER = 0.45
"""How much nearer to white the second policy of a codec is, and the third again, and so on."""
Looks = Mapping[str, Look]
"""By the names of treatments."""


def looks_of(found: Study) -> dict[str, Look]:
    """Return a colour and marker for each codec, paler from policy to policy."""
    kinds = {effect.codec: "baler" if effect.ours else "peer" for effect in found.effects}
    codecs = looks(list(kinds.items()))
    policies = list(dict.fromkeys(effect.policy for effect in found.effects if effect.bounds))
    return {
        effect.name: replace(
            codecs[effect.codec], colour=_paler(codecs[effect.codec].colour, policies, effect)
        )
        for effect in found.effects
    }


def _paler(colour: str, policies: list[str], effect: Effect) -> str:
    from matplotlib.colors import to_hex, to_rgb

    place = policies.index(effect.policy) if effect.policy in policies else 0
    part = (1 - PALER) ** place
    red, green, blue = (1 - part * (1 - one) for one in to_rgb(colour))
    return to_hex((red, green, blue))


def of_codecs(found: Study) -> dict[str, Look]:
    """Return the looks of treatments in a plot of one policy: its codec's own, and solid lines."""
    kinds = {effect.codec: "baler" if effect.ours else "peer" for effect in found.effects}
    codecs = looks(list(kinds.items()))
    return {effect.name: replace(codecs[effect.codec], line="-") for effect in found.effects}


def by_policy(found: Study) -> dict[str, list[Effect]]:
    """Return the effects of each policy that change anything, so that they fit into one plot.

    Those that differ in their latents only are together.
    """
    groups: dict[str, list[Effect]] = {}
    for effect in found.effects:
        if effect.bounds:
            groups.setdefault(effect.policy.partition(", ")[0], []).append(effect)
    return groups


def label(effect: Effect) -> str:
    """Return the name of a treatment in a plot of one policy."""
    latents = effect.policy.partition(", ")[2]
    return f"{effect.codec}, {latents}" if latents else effect.codec


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
    figure.legend(handles, names, loc="upper center", bbox_to_anchor=(0.5, BELOW / height),
                  ncols=columns)  # fmt: skip
