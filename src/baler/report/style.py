"""How plots look: the habits of the field, and one colour and marker per candidate everywhere."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

COLOURS = (
    "#3f90da", "#ffa90e", "#bd1f01", "#94a4a2", "#832db6",
    "#a96b59", "#e76300", "#b9ac70", "#717581", "#92dadd",
)  # fmt: skip
"""Ten colours that the colour-blind can tell apart (M. Petroff 2021, "Accessible color sequences
for data visualization", https://arxiv.org/abs/2107.02270)."""

BLUE, ORANGE, RED, GREY, VIOLET, BROWN, TANGERINE, KHAKI, SLATE, CYAN = COLOURS

KNOWN = {
    "baler": (RED, "o"),
    "baler + dither": (VIOLET, "o"),
    "baler + learned model": (BLUE, "o"),
    "bins + pcodec 12": (SLATE, "s"),
    "mantissa + LZMA-9": (BROWN, "v"),
    "mantissa + split + zstd-5": (KHAKI, "^"),
    "SZ3": (ORANGE, "D"),
    "SPERR": (CYAN, "P"),
    "ZFP": (GREY, "X"),
}
"""Those that are in most plots."""

OTHERS = (VIOLET, TANGERINE, "#009e73", "#cc79a7", "#222222")
"""For all others: two of the ten, and green, pink (Okabe and Ito 2008) and black."""
MARKERS = ("*", "p", "h", "<", ">", "8", "d")
"""More than colours, and no multiple of them: 35 candidates can be told apart."""

BOUNDED = " + bounds"
"""How the names of families end that keep bounds."""

FEATURES: dict[str, Any] = {
    "figure.dpi": 100,
    "savefig.dpi": 160,
    "savefig.bbox": "tight",
    "savefig.facecolor": "white",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 11,
    "axes.labelsize": 12,
    "axes.linewidth": 1.0,
    "xaxis.labellocation": "right",
    "yaxis.labellocation": "top",
    "xtick.direction": "in",
    "ytick.direction": "in",
    "xtick.top": True,
    "ytick.right": True,
    "xtick.minor.visible": True,
    "ytick.minor.visible": True,
    "xtick.major.size": 6,
    "ytick.major.size": 6,
    "xtick.minor.size": 3,
    "ytick.minor.size": 3,
    "legend.frameon": False,
    "legend.fontsize": 9.5,
    "lines.linewidth": 1.6,
    "lines.markersize": 6,
    "pdf.fonttype": 42,
}
"""Ticks inside and on all sides, labels at the ends of axes, text that stays text in a PDF."""


MARGIN = 0.1
"""Inches around a figure."""


@dataclass(frozen=True, slots=True)
class Look:
    """How one candidate looks."""

    colour: str
    marker: str
    line: str = "-"
    filled: bool = True
    front: int = 2

    @property
    def curve(self) -> dict[str, Any]:
        """Arguments for a line with markers."""
        face = self.colour if self.filled else "white"
        return {
            "color": self.colour, "marker": self.marker, "linestyle": self.line,
            "markerfacecolor": face, "zorder": self.front,
        }  # fmt: skip

    @property
    def outline(self) -> dict[str, Any]:
        """Arguments for the outline of a histogram."""
        return {"color": self.colour, "linestyle": self.line, "zorder": self.front}


def looks(candidates: Sequence[tuple[str, str]]) -> dict[str, Look]:
    """Return the looks of candidates, given by name and kind.

    Those that are known look the same in every report, the others by their order. Ours are solid
    and filled, peers dashed and open, families of autoencoders dotted; a family with bounds has
    the colour and marker of the family without.
    """
    found: dict[str, Look] = {}
    given = dict(KNOWN)
    for name, kind in candidates:
        stem = name.removesuffix(BOUNDED)
        if stem not in given:
            turn = len(given) - len(KNOWN)
            given[stem] = OTHERS[turn % len(OTHERS)], MARKERS[turn % len(MARKERS)]
        colour, marker = given[stem]
        ours = kind in ("baler", "learned")
        line = "-" if ours else "--" if kind == "peer" else ":" if stem == name else "-."
        filled = kind != "peer" and (stem == name or ours)
        found[name] = Look(colour, marker, line, filled, front=4 if ours else 3)
    return found


@contextmanager
def styled() -> Iterator[Any]:
    """Give pyplot in this style, drawing to files only."""
    import matplotlib as mpl

    mpl.use("Agg", force=False)
    from matplotlib import pyplot

    features: Any = {**mpl.rcParamsDefault, **FEATURES, "backend": mpl.get_backend()}
    with mpl.rc_context(features):
        yield pyplot
        pyplot.close("all")


def saved(figure: Any, path: Path) -> bytes:
    """Write a figure, the same bytes each time, and return it as PNG."""
    figure.draw_without_rendering()
    box = figure.get_tightbbox().padded(MARGIN)  # found once, not for each of the files
    target = path.with_name(path.name + ".pdf")
    figure.savefig(target, metadata={"CreationDate": None}, bbox_inches=box)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None}, bbox_inches=box)
    path.with_name(path.name + ".png").write_bytes(buffer.getvalue())
    return buffer.getvalue()
