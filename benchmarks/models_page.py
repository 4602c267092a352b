"""Write docs/models.md and its plots from the results of families.py.

What stands between ``<!-- NAME -->`` and ``<!-- end -->`` on the page is replaced by what the
results give. With --check nothing is written, and the exit code is 1 if anything would change in
the text.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import click
import families
import record
from page import Writer, fill, table

from baler.evaluate.result import Evaluation, Point
from baler.report.style import BOUNDED

PAGE = record.HERE.parent / "docs" / "models.md"
IMAGES = PAGE.parent / "images"

LEVELS = (0.5, 0.3, 0.2, 0.1, 0.01)
"""RMS errors, in parts of the standard deviation, at which rates are compared."""

Result = Mapping[str, Any]


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--results", type=click.Path(path_type=Path), default=record.RESULTS)
@click.option("--page", type=click.Path(path_type=Path), default=PAGE)
@click.option("--check", is_flag=True, help="Write nothing; fail if the page is not up to date.")
def main(results: Path, page: Path, check: bool) -> None:
    """Bring the page, and its plots, up to date."""
    fill(page, results, writer, check=check)
    if page == PAGE and not check:
        draw(results)


def writer(name: str) -> Writer:
    """Return what writes the section of a name."""
    return next(WRITERS[stem] for stem in WRITERS if name.startswith(stem))


def draw(results: Path) -> None:
    """Draw rate against error of all studies that have a plot on the page."""
    from baler.evaluate.report.curves import rate_and_error
    from baler.report.style import looks, styled

    for name in ("families-jets", "families-grid"):
        path = results / f"{name}.json"
        if not path.exists():
            continue
        found = families.loaded(record.load(path))
        look = looks([(point.candidate, point.kind) for point in unique(found)])
        with styled() as pyplot:
            for events in found.sets:
                figure = rate_and_error(pyplot, found, events, look)
                figure.savefig(image(name, events.name), metadata={"Software": None}, dpi=110)


def image(name: str, events: str) -> Path:
    """Return where a plot lies."""
    short = events.removesuffix(".root").replace(" ", "-")
    return IMAGES / f"{name.replace('families', 'models')}-{short}.png"


def unique(found: Evaluation) -> list[Point]:
    """Return one point of each candidate."""
    return [found.of(name)[0] for name in found.candidates]


# ---------------------------------------------------------------- curves


def curve(
    found: Evaluation, name: str, events: str, *, models: bool = False
) -> list[tuple[float, float]]:
    """Return (bits per value, RMS error / standard deviation) of a candidate by rising rate.

    Points that are no better than one of a lower rate are left out. ``models`` counts their bytes.
    """
    pairs: list[tuple[float, float]] = []
    points = ((point.score(events), point.model_bytes * models) for point in found.of(name))
    scores = sorted((found.rate(s, size), s.by_deviation) for s, size in points if s is not None)
    for rate, error in scores:
        if error > 0 and (not pairs or error < pairs[-1][1]):
            pairs.append((rate, error))
    return pairs


def rate_at(pairs: Sequence[tuple[float, float]], error: float) -> float:
    """Return the bits per value that a curve takes for an error; nan where it does not reach."""
    for (low, large), (high, small) in pairwise(pairs):
        if small <= error <= large:
            part = math.log(large / error) / math.log(large / small)
            return low + part * (high - low)
    return math.nan


def error_at(pairs: Sequence[tuple[float, float]], rate: float) -> float:
    """Return the error of a curve at a rate; nan where it does not reach."""
    for (low, large), (high, small) in pairwise(pairs):
        if low <= rate <= high:
            return large * (small / large) ** ((rate - low) / (high - low))
    return math.nan


def bits(rate: float) -> str:
    """Return bits per value with two digits."""
    return "" if math.isnan(rate) else f"{rate:.2f}"


# ---------------------------------------------------------------- sections


def jets(result: Result) -> str:
    """Return plots, and the rates that candidates take for the same errors."""
    found = families.loaded(result)
    text = [
        f"![Rate against error, {one.name}](images/{image('families-jets', one.name).name})\n"
        for one in found.sets
    ]
    for one in found.sets:
        text.append(
            f"Bits per value for RMS errors of so much of the standard deviation, {one.name}:\n"
        )
        rows = []
        for point in unique(found):
            pairs = curve(found, point.candidate, one.name)
            cells = [bits(rate_at(pairs, level)) for level in LEVELS]
            models = [p.model_bytes for p in found.of(point.candidate)]
            rows.append((
                strong(point), KINDS[point.kind], *cells, f"{max(models):,}" if max(models) else "",
            ))  # fmt: skip
        head = ("candidate", "kind", *(f"{level:g}" for level in LEVELS), "largest model")
        text.append(table(head, rows, left=2) + "\n")
    return "\n".join([*text, *listed(standing(found, result["published"]))])


def standing(found: Evaluation, published: Sequence[str]) -> Iterator[str]:
    """Say for each set what bounds cost, and how new families stand to the published ones."""
    for one in found.sets:
        told = []
        for point in found.points:
            score = point.score(one.name)
            if score is not None and score.verified and point.scale == 1 and point.kind != "peer":
                rate, whole = found.rate(score), found.rate(score, point.model_bytes)
                with_model = f" ({whole:.2f} with its model)" if point.model_bytes else ""
                told.append(f"{point.candidate} {rate:.2f}{with_model}")
        yield f"{one.name}, bits per value at bounds x 1: {', '.join(told)}."
        yield from new_against_old(found, one.name, published)
        yield from new_against_old(found, one.name, published, models=True)


def new_against_old(
    found: Evaluation, events: str, published: Sequence[str], *, models: bool = False
) -> Iterator[str]:
    """Say at the rates of the best published families what the best new one is worth."""
    free = {p.candidate for p in found.points if p.kind == "family"}
    free = {name for name in free if not name.endswith(BOUNDED)}
    curves = {name: curve(found, name, events, models=models) for name in free}
    best: tuple[float, str] | None = None
    for old in free & set(published):
        for rate, error in curves[old]:
            others = {name: error_at(curves[name], rate) for name in free & set(published)}
            if min((e for e in others.values() if e > 0), default=error) < error:
                continue  # another published one is better at this rate
            for new in free - set(published):
                there = error_at(curves[new], rate)
                if there > 0 and (best is None or error / there > best[0]):
                    said = (
                        f"{events}: at {rate:.2f} bits per value{', models counted' * models}, "
                        f"where {old} is the best of the published families, the RMS error of "
                        f"{new} is {there / error:.2f} times as large."
                    )
                    best = error / there, said
    if best is not None:
        yield best[1]


def points(result: Result) -> str:
    """Return what the dense autoencoder and ours make of a published setup."""
    found = families.loaded(result)
    one = found.sets[0]
    names = [f"Jet_{name}" for name in families.FOUR]
    rows = []
    for point in found.points:
        score = point.scores[0]
        by = {column.column: column for column in score.columns}
        ratio = one.original / (score.size + point.model_bytes)
        rows.append((
            strong(point), point.setting, bits(found.rate(score)),
            f"{found.ratio(score):.2f}", f"{ratio:.2f}", f"{score.by_range:.2g}",
            *(f"{by[name].rms:.2g}" for name in names), f"{by['Jet_pt'].response_rms:.2g}",
        ))  # fmt: skip
    head = (
        "candidate", "setting", "bits per value", "ratio", "with model", "RMS / range",
        *(f"RMS {name.removeprefix('Jet_')}" for name in names), "RMS response of pt",
    )  # fmt: skip
    return table(head, rows, left=2) + "\n\n" + "\n".join(listed(beaten(found)))


def beaten(found: Evaluation) -> Iterator[str]:
    """Say by how much ours is smaller at errors that are not larger in any column."""
    for dense in found.of("dense"):
        score = dense.scores[0]
        limits = {column.column: column.rms for column in score.columns}
        fitting = []
        for point in found.points:
            if point.kind in ("baler", "learned"):
                ours = point.scores[0]
                if all(column.rms <= limits[column.column] for column in ours.columns):
                    fitting.append((ours.size, point))
        if fitting:
            size, best = min(fitting, key=lambda pair: pair[0])
            yield (
                f"dense, {dense.setting}: {best.candidate} with {best.setting} is better in every "
                f"column, and takes {size:,} bytes where the latents take {score.size:,} "
                f"({score.size / size:.2f} times); with models, {size + best.model_bytes:,} and "
                f"{score.size + dense.model_bytes:,}."
            )
        else:
            yield f"dense, {dense.setting}: no point of ours is better in every column."


def grid(result: Result) -> str:
    """Return sizes and errors on the flow field, with those published."""
    found = families.loaded(result)
    one = found.sets[0]
    published = families.PUBLISHED_FLOW
    whole = published["size"] + published["model"]
    rows = [(
        "Baler 1.4.0, dense", "25 latents of an entry, float32", f"{int(published['size']):,}",
        f"{int(whole):,}", f"{published['rms']:.2e}", f"{published['largest']:.2e}",
        "no bound", "1",
    )]  # fmt: skip
    for point in found.points:
        score = point.scores[0]
        column = score.columns[0]
        size = score.size + point.model_bytes
        verified = "no bound" if score.verified is None else "yes" if score.verified else "BROKEN"
        rows.append((
            strong(point), point.setting, f"{score.size:,}", f"{size:,}", f"{column.rms:.2e}",
            f"{column.largest:.2e}", verified, f"{whole / size:,.0f}",
        ))  # fmt: skip
    text = table(
        ("candidate", "setting", "bytes", "with model", "RMS error", "largest error", "verified",
         "times smaller, with model"),
        rows, left=2,
    )  # fmt: skip
    fitting = [
        (p.scores[0].size + p.model_bytes, p) for p in found.points
        if p.scores[0].columns[0].rms <= published["rms"]
        and p.scores[0].columns[0].largest <= published["largest"]
    ]  # fmt: skip
    said = []
    for kinds in (("peer",), ("baler", "learned", "family")):
        own = [pair for pair in fitting if pair[1].kind in kinds]
        if own:
            size, best = min(own, key=lambda pair: pair[0])
            said.append(
                f"Smallest at no larger errors than published, {KINDS[best.kind]}: "
                f"{best.candidate}, {best.setting}: {size:,} bytes, {whole / size:,.0f} times less."
            )
    plot = f"![Rate against error](images/{image('families-grid', one.name).name})\n"
    return "\n".join([plot, text, "", *listed(said)])


def ablation(result: Result) -> str:
    """Return what the learned model gains by each thing that it looks at."""
    rows = result["rows"]
    first = rows[0]["bytes"]
    by = {row["what"]: row["bytes"] for row in rows}
    shown = table(
        ("context", "bytes of columns", "bits per value", "without a model over it", "models"),
        (
            (
                row["what"], f"{row['bytes']:,}", f"{8 * row['bytes'] / result['values']:.3f}",
                f"{first / row['bytes']:.3f}",
                f"{row['model_bytes']:,}" if row["model_bytes"] else "",
            )
            for row in rows
        ),
    )  # fmt: skip
    said = []
    for off, less, more in (
        ("other columns", "other objects", "other columns and objects"),
        ("other objects", "other columns", "other columns and objects"),
        (
            "other collections",
            "other columns and objects",
            "other columns, objects and collections",
        ),
    ):
        if {less, more} <= by.keys():
            said.append(f"Without {off}: {by[less] / by[more] - 1:+.1%} bytes.")
    return f"{shown}\n\n" + "\n".join(listed(said))


KINDS = {"peer": "peer", "baler": "ours", "learned": "ours", "family": "autoencoder"}


def strong(point: Point) -> str:
    """Return the name of a candidate, ours in bold."""
    ours = point.kind in ("baler", "learned")
    return f"**{point.candidate}**" if ours else point.candidate


def listed(sentences: Iterator[str] | Sequence[str]) -> list[str]:
    """Return sentences as a list."""
    return [f"* {sentence}" for sentence in sentences]


WRITERS: Mapping[str, Writer] = {
    "families-jets": jets,
    "families-points": points,
    "families-grid": grid,
    "families-ablation": ablation,
}


if __name__ == "__main__":
    main()
