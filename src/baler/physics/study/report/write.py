"""From the JSON of a study to plots as files and one page that holds everything."""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from baler.core.replacing import replacing
from baler.errors import UsageError
from baler.physics.study.report import histograms, lattices, points
from baler.physics.study.report.page import page
from baler.physics.study.result import Study
from baler.report.style import saved, styled

PAGE = "report.html"
FIGURES = "figures"

DRAWINGS: tuple[tuple[str, str, Callable[..., Any]], ...] = (
    (
        "trade",
        "What precision costs. Left: the number of the analysis that moves most, in units of its "
        "statistical uncertainty. Right: what boosted trees can tell.",
        points.trade,
    ),
    (
        "shifts",
        "How the numbers of the analysis move, by the same events before and after; in the grey "
        "band by less than their statistical uncertainty.",
        points.shifts,
    ),
    ("spectra", "What the analysis measures from, before and after. The grey band of the ratio is "
     "the statistical uncertainty.", histograms.spectra),
    (
        "separations",
        "What boosted trees can tell of all columns of the collection together, one half of the "
        "events before against the other half after; grey: identical samples. Spikes of a lattice "
        "are what trees see first, with no physics in it: blurring both by the bounds hides them.",
        points.separations,
    ),
    (
        "distances",
        "Kolmogorov-Smirnov distances of columns. Grey: what identical samples of half of the "
        "events give.",
        points.distances,
    ),
    (
        "lattices",
        "Histograms four times as fine as the lattice of values, at their densest place. The "
        "ripple of a distribution on a lattice is the square root of 3; dither makes it smooth "
        "again at the same bound.",
        lattices.lattices,
    ),
    ("observables", "Variables of the analysis. The first and the last bin hold what lies beyond.",
     histograms.observables),
    ("changes", "How much the variables of matched objects change.", histograms.changes),
    ("columns", "Columns. The first and the last bin hold what lies beyond.", histograms.columns),
    ("errors", "Errors of columns in units of their bounds: between the lines a bound is kept.",
     histograms.errors),
)  # fmt: skip


def need_matplotlib() -> None:
    """Raise UsageError if matplotlib is not installed."""
    if importlib.util.find_spec("matplotlib") is None:
        raise UsageError("plots need matplotlib; pip install 'baler[physics]'")


def write_report(
    found: Study, folder: Path, progress: Callable[[str, int, int], None] = lambda *_: None
) -> Path:
    """Write all plots as PNG and PDF, and the page; return where the page is.

    Raises UsageError if matplotlib is not installed.
    """
    need_matplotlib()
    pictures = folder / FIGURES
    pictures.mkdir(parents=True, exist_ok=True)
    made = list(_drawn(found, pictures, progress))
    with replacing(folder / PAGE, overwrite=True) as beside:
        beside.write_text(page(found, made), "utf-8")
    return folder / PAGE


def _drawn(
    found: Study, folder: Path, progress: Callable[[str, int, int], None]
) -> Iterator[tuple[str, bytes]]:
    if not found.effects:
        return
    with styled() as pyplot, warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.filterwarnings("ignore", message=".*(non-positive|log-scaled|tight_layout).*")
        for done, (name, caption, draw) in enumerate(DRAWINGS):
            progress(name, done, len(DRAWINGS))
            for number, figure in enumerate(_each(draw(pyplot, found)), start=1):
                several = f"-{number}" if number > 1 else ""
                yield caption, saved(figure, folder / f"{name}{several}")
                pyplot.close(figure)


def _each(drawn: Any) -> Iterable[Any]:
    if drawn is None:
        return ()
    return drawn if isinstance(drawn, Iterator) else (drawn,)
