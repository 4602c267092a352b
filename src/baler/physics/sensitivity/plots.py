"""Sensitivity against bandwidth as plots."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from baler.physics.sensitivity.result import Sensitivity
from baler.report.style import Look, looks, saved, styled

OURS = "baler"
ROOT = ("TTree zstd-5", "TTree LZMA-9")
AXES = {"B/s": "Bandwidth [B/s]", "B": "Disk space [B]"}
LINES = ("-", "--")
"""Exact, and with bounds."""


def write_plots(found: Sensitivity, folder: Path) -> list[Path]:
    """Write the plots as PNG and PDF; return the PNG files."""
    folder.mkdir(parents=True, exist_ok=True)
    drawings: Mapping[str, Callable[[Any, Sensitivity], Any]] = {
        "significance": significance,
        "limit": limit,
        **({"threshold": threshold} if any(one.threshold for one in found.curves) else {}),
    }
    written = []
    with styled() as pyplot, warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.filterwarnings("ignore", message=".*(non-positive|log-scaled|tight_layout).*")
        for name, draw in drawings.items():
            figure = draw(pyplot, found)
            saved(figure, folder / name)
            pyplot.close(figure)
            written.append(folder / f"{name}.png")
    return written


def significance(pyplot: Any, found: Sensitivity) -> Any:
    """Return the expected significance of the best treatment of each codec, over the budgets."""
    return _best(pyplot, found, "significance", "Expected significance", "gain")


def limit(pyplot: Any, found: Sensitivity) -> Any:
    """Return the expected limit of the same treatments."""
    return _best(pyplot, found, "limit", "Expected 95 % CL limit [pb]", "ratio")


def _best(pyplot: Any, found: Sensitivity, what: str, label: str, below: str) -> Any:
    figure, (upper, lower) = pyplot.subplots(
        2, 1, figsize=(8, 7.2), sharex=True, height_ratios=(3, 1.3), layout="constrained"
    )
    budgets = np.array(found.budgets)
    seen = _looks(found)
    base = np.array(getattr(found.curve(found.reference.name), what))
    first = _exact(found)
    if first is not None:
        base = np.array(getattr(found.curve(first), what))
    for codec in found.codecs:
        names = found.best(codec, what)
        if not names:
            continue
        if codec == OURS:
            for one in found.treated:
                if one.codec != codec or one.failure:
                    continue
                rung = getattr(found.curve(one.name), what)
                upper.plot(budgets, rung, color=seen[codec].colour, linewidth=0.7, alpha=0.5)
        values = np.array([getattr(found.curve(name), what)[at] for at, name in enumerate(names)])
        look = seen[codec].curve | {"markevery": [0, *_changes(names)]}
        upper.plot(budgets, values, label=_named(codec, names), **look)
        lower.plot(budgets, values / base, **look)
    upper.axhline(getattr(found.reference, what), color="0.5", linewidth=0.9, linestyle=":")
    upper.annotate(
        "all events, uncompressed", (budgets[0], getattr(found.reference, what)), xytext=(4, 4),
        textcoords="offset points", fontsize=8.5, color="0.4",
    )  # fmt: skip
    upper.set_xscale("log")
    upper.set_yscale("log")
    _plain(upper)
    upper.set_ylabel(label)
    lower.set_ylabel(f"{below} over\n{first or 'uncompressed'}", fontsize=10)
    lower.set_xlabel(AXES[found.unit])
    upper.legend(loc="lower right" if what == "significance" else "upper right")
    _title(upper, found)
    return figure


def threshold(pyplot: Any, found: Sensitivity) -> Any:
    """Return the leading-jet threshold that a bandwidth affords.

    Of each codec exact, and with the coarsest bounds that cost the search nothing.
    """
    figure, axes = pyplot.subplots(figsize=(8, 5.4), layout="constrained")
    seen = _looks(found)
    for codec in found.codecs:
        exact = [
            one for one in found.treated
            if (one.codec, one.policy) == (codec, "exact") and not one.failure
        ]  # fmt: skip
        chosen = {one.name: one for one in (*exact, found.free(codec)) if one is not None}
        for place, one in enumerate(chosen.values()):
            values = np.array(found.curve(one.name).threshold)
            values[~np.isfinite(values)] = math.nan
            look = seen[codec].curve | {"linestyle": LINES[place], "marker": ""}
            label = f"{one.codec}, {one.policy}: {one.bytes_per_event:,.0f} B/event"
            axes.plot(found.budgets, values, label=label, **look)
    axes.set_xscale("log")
    axes.set_ylabel("Lowest leading-jet threshold [GeV]")
    axes.set_xlabel(AXES[found.unit])
    axes.legend(loc="upper right")
    _title(axes, found)
    return figure


def _looks(found: Sensitivity) -> dict[str, Look]:
    kinds = [(one, "baler" if one.startswith(OURS) else "peer") for one in found.codecs]
    return {codec: replace(look, line="-") for codec, look in looks(kinds).items()}


def _exact(found: Sensitivity) -> str | None:
    """Return the exact treatment that others are compared with: ROOT's, or any but ours."""
    names = [one.name for one in found.treated if one.policy == "exact" and not one.failure]
    return max(names, key=lambda name: (name in ROOT, not name.startswith(OURS)), default=None)


def _changes(names: tuple[str, ...]) -> list[int]:
    """Return where the best treatment becomes another one."""
    return [at for at in range(1, len(names)) if names[at] != names[at - 1]]


def _named(codec: str, names: tuple[str, ...]) -> str:
    """Return a codec with the policies that are best, in the order of the budgets."""
    policies = [
        "exact" if name == codec else name.removeprefix(f"{codec}, ")
        for name in dict.fromkeys(names)
    ]
    return f"{codec}, {', then '.join(policies)}"


def _plain(axes: Any) -> None:
    """Write numbers on a logarithmic axis as numbers, not as powers."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    low, high = axes.get_ylim()
    few = high / low > 30
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0,) if few else (1.0, 2.0, 5.0)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())


def _number(value: float) -> str:
    return f"{value:,.0f}" if 100 <= value < 1e7 else f"{value:.3g}"


def _title(axes: Any, found: Sensitivity) -> None:
    axes.set_title("baler", loc="left", fontweight="bold", fontsize=12)
    unit = "events/s" if found.unit == "B/s" else "events"
    names = ", ".join(found.about.get("samples", {}).values())
    axes.set_title(
        f"simulation, {names}; {_number(found.events)} {unit}", loc="right", fontsize=9.5
    )
