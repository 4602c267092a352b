"""From the JSON of an evaluation to plots as files and one page that holds everything."""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from baler.errors import UsageError
from baler.evaluate.report import columns, curves
from baler.evaluate.report.page import page
from baler.evaluate.result import Evaluation
from baler.report.style import looks, saved, styled

PAGE = "report.html"
FIGURES = "figures"


def need_matplotlib() -> None:
    """Raise UsageError if matplotlib is not installed."""
    if importlib.util.find_spec("matplotlib") is None:
        raise UsageError("plots need matplotlib; pip install 'baler[plot]'")


@dataclass(frozen=True, slots=True)
class Picture:
    """A plot that is drawn."""

    name: str  # of its files
    caption: str
    png: bytes


Drawing = Callable[..., Any]

EVERY_SET: tuple[tuple[str, str, Drawing], ...] = (
    (
        "rate-error",
        "Rate against error. Left: models are kept elsewhere, one for many files. Right: the bytes "
        "of models are counted as if these events were all that they are used for.",
        curves.rate_and_error,
    ),
    (
        "rate-range",
        "Rate against errors in parts of the range of each column. Left: RMS, mean of columns. "
        "Right: the largest error of any value.",
        curves.rate_and_largest,
    ),
)
FIRST_SET: tuple[tuple[str, str, Drawing], ...] = (
    ("errors-by-column", "RMS error of each column.", columns.by_column),
    (
        "errors-beyond",
        "Which fraction of the values of all columns has an error beyond a size.",
        columns.beyond,
    ),
    (
        "pulls",
        "Errors in units of the bounds that were asked for: all values (left), and by column "
        "(right). Between the lines on the left a bound is kept; the line on the right is the RMS "
        "of errors that are spread evenly over a bound.",
        columns.pulls,
    ),
    ("errors", "Errors (residuals), column by column.", columns.errors),
    ("responses", "Responses, column by column, of values that are not zero.", columns.responses),
    ("values", "Values before and after. The first and the last bin hold what lies beyond.",
     columns.values),
    ("correlations", "Linear correlations, and what became of them.", columns.correlations),
    ("latents", "What each latent carries.", columns.latents),
    (
        "times",
        "What training takes, and speeds, at the rate nearest to the common one.",
        curves.times,
    ),
)  # fmt: skip


def write_report(
    found: Evaluation, folder: Path, progress: Callable[[str, int, int], None] = lambda *_: None
) -> Path:
    """Write all plots as PNG and PDF, and the page; return where the page is.

    Plots of single columns are made of the first set of events only. Raises UsageError if
    matplotlib is not installed.
    """
    need_matplotlib()
    pictures = folder / FIGURES
    pictures.mkdir(parents=True, exist_ok=True)
    made = []
    total = len(EVERY_SET) * len(found.sets) + len(FIRST_SET)
    for done, picture in enumerate(_drawn(found, pictures)):
        progress(picture.name, min(done, total), total)
        made.append(picture)
    target = folder / PAGE
    target.write_text(page(found, [(p.caption, p.png) for p in made]), "utf-8")
    return target


def _drawn(found: Evaluation, folder: Path) -> Iterator[Picture]:
    kinds = {point.candidate: point.kind for point in found.points}
    look = looks(list(kinds.items()))
    if not found.points:
        return
    with styled() as pyplot, warnings.catch_warnings(), np.errstate(over="ignore"):
        warnings.filterwarnings("ignore", message=".*(non-positive|log-scaled|tight_layout).*")
        for number, events in enumerate(found.sets):
            tail = "" if number == 0 else f"-{_file_name(events.name)}"
            drawings = EVERY_SET if number else (*EVERY_SET, *FIRST_SET)
            for name, caption, draw in drawings:
                figures = _each(draw(pyplot, found, events, look))
                for page_number, figure in enumerate(figures, start=1):
                    several = f"-{page_number}" if draw in SEVERAL else ""
                    where = f"{events.name}: {caption}"
                    yield Picture(name + tail + several, where, saved(
                        figure, folder / f"{name}{tail}{several}"
                    ))  # fmt: skip
                    pyplot.close(figure)


SEVERAL = (columns.errors, columns.responses, columns.values)
"""Drawings of as many pages as there are columns for."""


def _each(drawn: Any) -> Iterable[Any]:
    if drawn is None:
        return ()
    return drawn if isinstance(drawn, Iterator) else (drawn,)


def _file_name(name: str) -> str:
    return "".join(c if c.isalnum() or c in "_-" else "-" for c in name.removesuffix(".root"))
