"""Models old and new: rate against error for every family of autoencoders, ours, and the peers.

All are trained and judged on the same events, one study after the other; a study that is
interrupted goes on where it was. models_page.py writes docs/models.md and its plots.

=========  ======================================================================================
jets       all jet columns, held out and of two unseen processes, everything there is
points     the published setups of 4, 24 and 27 jet variables: dense autoencoders and ours
grid       the published flow field, judged by the entries that are trained on, as published
ablation   what the learned model gains by other columns, other objects and other collections
=========  ======================================================================================
"""

from __future__ import annotations

import dataclasses
import json
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np
import record

from baler.cli.candidates import Length, select
from baler.container import Reader, UsedModel, Writer
from baler.core.bounds import Absolute, Bound
from baler.core.chunk import Chunk
from baler.core.schema import Column, Field, Leaf, Schema
from baler.evaluate.events import Events, events_of
from baler.evaluate.result import Evaluation, Score
from baler.evaluate.run import evaluate
from baler.evaluate.spread import Spread
from baler.planning import Policy, learned_groups, plan

NANO = record.HERE / "policies" / "nano.toml"

JETS = "qcd_20k.root"
UNSEEN = ("zprime_5k.root", "ttbar_5k.root")
FLOW = "baler_CFD_animation.npz"

FOUR = ("pt", "eta", "phi", "mass")
TWENTY_FOUR = (
    *FOUR, "area", "rawFactor", "chHEF", "neHEF", "neEmEF", "chEmEF", "muEF", "hfHEF", "hfEmEF",
    "width", "ptD", "axis1", "axis2", "charge", "btag", "leadTrackPt", "subleadTrackPt",
    "thirdTrackPt", "nConstituents", "nCharged",
)  # fmt: skip
TWENTY_SEVEN = (*TWENTY_FOUR, "ip2dSig", "partonFlavour", "jetId")
SETUPS: Mapping[str, tuple[tuple[str, ...], tuple[int, ...]]] = {
    "4": (FOUR, (2, 3)),
    "24": (TWENTY_FOUR, (4, 14)),
    "27": (TWENTY_SEVEN, (8, 14, 18)),
}
"""Variables, and latents that were published for as many."""

PEERS = "bins + pcodec 12,mantissa + LZMA-9,SZ3,SPERR,ZFP"
JET_SCALES = (1, 4, 16, 64, 256)
FEW_SCALES = (1, 16, 256)
JET_LATENTS = (4, 8, 14)
BOUNDED = ("dense", "events", "lattice")
"""Families that are tried with bounds as well."""
STEPS = 1200
"""Of every network in the ablation: networks of one column take much less time for a step."""
POINT_SCALES = (1, 8, 64, 256, 1024)
FLOW_BOUND = 1e-4
FLOW_SCALES = (1, 4, 10, 16, 58)

PUBLISHED_FLOW = {"size": 6_780, "model": 4_228_039, "rms": 5.91e-4, "largest": 5.80e-3}
"""Baler 1.4.0 on the flow field with its own settings, 2,000 epochs: latents and model, and the
errors (measured with PyTorch 2.13 on a CPU)."""
PUBLISHED_JETS = {
    "24 to 14": {"pt": 0.212, "eta": 2.09e-3, "phi": 9.91e-4, "mass": 3.98e-2},
    "24 to 4": {"pt": 11.7, "eta": 0.147, "phi": 9.92e-3, "mass": 1.86},
}
"""RMS errors of other jets (CMS, 608,978 of them) at ratios of 1.7 and 6: Bengtsson et al. 2023,
"Baler - Machine Learning Based Compression of Scientific Data",
https://arxiv.org/abs/2305.02283."""

Rows = list[dict[str, Any]]


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--studies", default="jets,points,grid,ablation", show_default=True)
@click.option("--work", default=Path("build/models"), type=click.Path(path_type=Path),
              help="Where interrupted studies and reports are kept.")  # fmt: skip
@click.option("--minutes", default=0.5, show_default=True, help="Of a training.")
@click.option("--fresh", is_flag=True, help="Begin anew.")
def main(folder: Path, studies: str, work: Path, minutes: float, fresh: bool) -> None:
    """Run studies on the files of FOLDER and below."""
    for name in studies.split(","):
        STUDIES[name](folder, work / name, Length(minutes), fresh)


def data(folder: Path, name: str) -> Path:
    """Return where a file is."""
    found = next((path for path in sorted(folder.rglob(name))), None)
    if found is None:
        raise click.ClickException(f"there is no {name} in {folder}")
    return found


def study(
    events: Events, candidates: str, work: Path, length: Length, fresh: bool, **asked: Any
) -> Evaluation:
    """Evaluate candidates, or go on with it, and draw everything."""
    from baler.evaluate.report import write_report

    work.mkdir(parents=True, exist_ok=True)
    target = work / "result.json"
    earlier = Evaluation.load(target) if target.exists() and not fresh else None
    about = {"source": events.name, "training": f"{length.minutes:g} minutes"}
    start = time.monotonic()

    def told(name: str, step: str, done: int, total: int) -> None:
        click.echo(f"{time.monotonic() - start:6.0f} s  {done}/{total}  {name}: {step}", err=True)

    found = evaluate(
        events, select(candidates, length), about=about, earlier=earlier,
        save=lambda so_far: so_far.save(target), progress=quieter(told), **asked,
    )  # fmt: skip
    found.save(target)
    write_report(Evaluation.load(target), work)
    return found


def quieter(
    told: Callable[[str, str, int, int], None], seconds: float = 5.0
) -> Callable[[str, str, int, int], None]:
    """Return a progress that speaks when something new begins, or after some seconds."""
    last: tuple[str, float] = ("", 0.0)

    def report(name: str, step: str, done: int, total: int) -> None:
        nonlocal last
        if name != last[0] or time.monotonic() - last[1] > seconds:
            last = (name, time.monotonic())
            told(name, step, done, total)

    return report


def jets(folder: Path, work: Path, length: Length, fresh: bool) -> None:
    """Everything there is, on all jet columns."""
    files = [data(folder, name) for name in (JETS, *UNSEEN)]
    events = events_of(files[0], Policy.load(NANO), unseen=files[1:], columns="Jet_*")
    from baler.training.families import families

    names = [name for name, family in families().items() if family.kind != "grid"]
    first = ",".join((PEERS, "baler*", *names))
    study(events, first, work, length, fresh, scales=JET_SCALES, latents=JET_LATENTS)
    bounded = ",".join(f"{name} + bounds" for name in names if name in BOUNDED)
    found = study(events, bounded, work, length, False, scales=FEW_SCALES, latents=JET_LATENTS)
    save("families-jets", found, files, length)


def points(folder: Path, work: Path, length: Length, fresh: bool) -> None:
    """The published setups, with the dense autoencoder beside ours."""
    file = data(folder, JETS)
    for name, (variables, latents) in SETUPS.items():
        columns = ",".join(f"Jet_{variable}" for variable in variables)
        events = events_of(file, Policy.load(NANO), columns=columns)
        found = study(
            events, "dense,baler*", work / name, length, fresh, scales=POINT_SCALES,
            latents=latents,
        )  # fmt: skip
        save(f"families-points-{name}", found, [file], length)


def grid(folder: Path, work: Path, length: Length, fresh: bool) -> None:
    """The published flow field."""
    file = data(folder, FLOW)
    policy = Policy.of({"*": Absolute(FLOW_BOUND)})
    events = events_of(file, policy, held_out=0)
    from baler.training.families import families

    names = [name for name, family in families().items() if family.kind == "grid"]
    chosen = ",".join((PEERS, "baler", *names))
    found = study(events, chosen, work, length, fresh, scales=FLOW_SCALES, latents=(8, 25))
    save("families-grid", found, [file], length)


def save(name: str, found: Evaluation, files: Sequence[Path], length: Length) -> None:
    """Write the numbers of a study without its histograms."""
    from baler.training.families import families

    content = slim(found, columns=name != "families-jets").to_json()
    rows = content.pop("points")
    published = [one.name for one in families().values() if one.published]
    record.save(name, rows, files, minutes=length.minutes, published=published, evaluation=content)


def slim(found: Evaluation, *, columns: bool) -> Evaluation:
    """Return an evaluation without histograms and correlations; of one set with its columns."""

    def score(one: Score, detailed: bool) -> Score:
        kept = [
            dataclasses.replace(column, spread=Spread(), responses=Spread())
            for column in one.columns if detailed
        ]  # fmt: skip
        return dataclasses.replace(
            one, columns=tuple(kept), counts={}, correlations=(), pulls=Spread(), latents=()
        )

    points = [
        dataclasses.replace(
            point,
            scores=tuple(score(one, columns and i == 0) for i, one in enumerate(point.scores)),
        )
        for point in found.points
    ]
    sets = [
        dataclasses.replace(one, edges={}, counts={}, correlated=(), correlations=())
        for one in found.sets
    ]
    return dataclasses.replace(found, points=tuple(points), sets=tuple(sets))


def loaded(result: Mapping[str, Any]) -> Evaluation:
    """Return the evaluation of a result file."""
    return Evaluation.from_json({**result["evaluation"], "points": result["rows"]})


# ---------------------------------------------------------------- ablation


def ablation(folder: Path, work: Path, length: Length, fresh: bool) -> None:
    """The learned model, with ever more to look at.

    Nothing is switched off in the model: it is given less. Objects without others are rows of a
    table; columns without others are files of their own.
    """
    from baler.cli.candidates import train_model

    file = data(folder, JETS)
    policy = Policy.load(NANO)
    events = events_of(file, policy, columns="Jet_*")
    length = Length(steps=STEPS)
    flat = as_table(events)
    columns = [c.name for c in flat.schema.columns]
    work.mkdir(parents=True, exist_ok=True)
    kept = work / "rows.json"
    rows: Rows = json.loads(kept.read_text("utf-8")) if kept.exists() and not fresh else []

    def add(what: str, parts: Iterable[Events], *, model: bool = True) -> None:
        if any(row["what"] == what for row in rows):
            return
        start = time.monotonic()
        sizes: dict[str, int] = {}
        model_bytes = 0
        for part in parts:
            trained = (
                train_model(length, part, part.bounds, lambda step: None, "Jet_*")
                if model
                else None
            )
            model_bytes += 0 if trained is None else len(trained.pack())
            found = sizes_of(part.schema, part.sets["held out"], part.bounds, trained)
            sizes |= {name: size for name, size in found.items() if name in columns}
        rows.append({
            "what": what, "bytes": sum(sizes.values()), "model_bytes": model_bytes,
            "seconds": time.monotonic() - start, "columns": sizes,
        })  # fmt: skip
        kept.write_text(json.dumps(rows), "utf-8")
        click.echo(f"{rows[-1]['seconds']:6.0f} s  {what}: {rows[-1]['bytes']:,} bytes", err=True)

    add("no model", [events], model=False)
    add("other objects", (only(events, name) for name in columns))
    add("other columns", [flat])
    add("other columns and objects", [events])
    whole = events_of(file, policy)
    add("other columns, objects and collections", [whole])
    values = sum(flat.sets["held out"].columns[name].size for name in columns)
    record.save("families-ablation", rows, [file], steps=STEPS, values=values)


def as_table(events: Events) -> Events:
    """Return the objects of a collection as rows of a table that know nothing of each other."""
    counted = [c for c in events.schema.columns if c.counts is not None]
    columns = tuple(Column(c.name, c.dtype) for c in counted)
    schema = Schema(columns, tuple(Field(c.name, Leaf(c.name)) for c in columns))

    def chunk(of: Chunk) -> Chunk:
        arrays = {c.name: of.columns[c.name] for c in columns}
        return Chunk(len(next(iter(arrays.values()))), arrays)

    sets = {name: chunk(one) for name, one in events.sets.items()}
    bounds = {c.name: events.bounds[c.name] for c in columns}
    return Events(schema, chunk(events.trained), sets, bounds, events.name)


def only(events: Events, name: str) -> Events:
    """Return events of one column, and its counts."""
    from baler.evaluate.events import chosen

    schema = chosen(events.schema, name)
    names = [column.name for column in schema.columns]

    def chunk(of: Chunk) -> Chunk:
        return Chunk(of.entries, {n: of.columns[n] for n in names})

    sets = {label: chunk(one) for label, one in events.sets.items()}
    bounds = {n: events.bounds[n] for n in names}
    return Events(schema, chunk(events.trained), sets, bounds, events.name)


def sizes_of(
    schema: Schema, chunk: Chunk, bounds: Mapping[str, Bound], model: Any
) -> dict[str, int]:
    """Return the bytes of each column in a file that refers to a model, read back and verified."""
    policy = Policy.of_columns(bounds)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.baler"
        groups = () if model is None else learned_groups(model, schema, policy)[0]
        used = None if model is None else UsedModel(model, embedded=False)
        with Writer(path, schema, plan(schema, chunk, policy, groups), model=used) as writer:
            writer.write(chunk)
        with Reader(path, model=model) as reader:
            back = reader.read(0).columns
    for column in schema.columns:
        bound, original = bounds[column.name], chunk.columns[column.name]
        sigma = None if bound.parent is None else back[bound.parent]
        kept = bound.holds(original, back[column.name], sigma) if bound.lossy else None
        if not (np.array_equal(original, back[column.name]) if kept is None else kept.all()):
            raise click.ClickException(f"the bound of {column.name} is broken")
    return {name: found.stored_bytes for name, found in writer.statistics.items()}


STUDIES: Mapping[str, Callable[[Path, Path, Length, bool], None]] = {
    "jets": jets,
    "points": points,
    "grid": grid,
    "ablation": ablation,
}


if __name__ == "__main__":
    main()
