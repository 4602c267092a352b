"""What compression does to a search and to real peaks: the evaluation of docs/physics.md.

Each step is a command of baler, said before it runs; what earlier runs left in the folder of work
is not made again. physics_page.py writes the page and its plots.

==========  =====================================================================================
events      QCD dijets, a Z' of 1.5 TeV in them, and more dijets to train on
bounds      the cheapest that the search affords, and a model for these
search      before and after compression, for our codec, the peers and an autoencoder
bandwidth   what smaller events are worth to the search
dimuons     real ones: the cheapest bounds that leave four peaks alone
dither      lattices in spectra, with and without it
==========  =====================================================================================
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import record

POLICIES = ("nano.toml", "coarse.toml")
DIMUONS = "agc_cms2012_dimuon_100k.root"
LADDER = ",".join(("tuned.toml", *POLICIES))
SEARCH = ("qcd.root", "--signal", "signal.root", "--cut", "parameters=4")
"""With one background function before and after compression."""
REQUIRED = (
    "shift(signal *) < 1 % width",
    "width(signal *) < 0.5 %",
    "shift(significance) < 1 %",
    "ks(Jet_*) < 0.01",
    "ks(*) < 0.05",
)
CODECS = "baler,mantissa + LZMA-9,SZ3,TTree zstd-5,TTree LZMA-9"
BANDWIDTHS = "1 MB/s,10 MB/s,100 MB/s"
SECTIONS = {
    "search": ("tuned.card.json", "search/result.json", "learned/result.json"),
    "bandwidth": ("bandwidth/result.json", "bandwidth-learned/result.json"),
    "jets": ("jets/result.json",),
    "dimuons": ("dimuon.card.json", "dimuons/result.json"),
    "dither": ("dither/result.json",),
}
"""What the page has, and of which results."""
EFFECT = (
    "codec", "policy", "promised", "model_bytes", "sizes", "shifts", "sliced", "separation",
    "ratio", "ratio_with_model", "bytes_per_event",
)  # fmt: skip
IMAGES = record.HERE.parent / "docs" / "images"
PICTURES = {
    "search/figures/spectra.png": "spectra",
    "search/figures/shifts.png": "shifts",
    "bandwidth/significance.png": "significance",
    "bandwidth/threshold.png": "threshold",
    "dimuons/figures/spectra.png": "dimuons",
    "dither/figures/lattices.png": "dither",
}
ONE_THREAD = {"OMP_NUM_THREADS": "1"}


@dataclass(frozen=True)
class Step:
    """A command, and the file that it makes."""

    made: str
    words: Sequence[str]


def samples(events: int) -> list[Step]:
    """Return the steps that simulate events."""
    fewer = str(max(2, events // 3))
    return [
        Step("qcd.root", ("simulate", "qcd.root", "-n", str(events), "--seed", "21")),
        Step("signal.root", ("simulate", "signal.root", "-p", "zprime", "-n", fewer,
                             "--seed", "22")),
        Step("more.root", ("simulate", "more.root", "-n", fewer, "--seed", "23")),
    ]  # fmt: skip


def bounds() -> list[Step]:
    """Return the step that finds bounds for the search."""
    required = [word for one in REQUIRED for word in ("-r", one)]
    return [
        Step("tuned.toml", ("tune", *SEARCH, "-a", "dijet", *required,
                            "-o", "tuned.toml", "--no-root")),
    ]  # fmt: skip


def search() -> list[Step]:
    """Return the steps that study the search."""
    return [
        Step("search/result.json", ("study", "dijet", *SEARCH, "-p", LADDER, "--codecs", CODECS,
                                    "--collection", "Jet", "-o", "search")),
        Step("jets/result.json", ("study", "dijet", *SEARCH, "-p", "tuned.toml,coarse.toml",
                                  "--codecs", f"{CODECS},dense", "--columns", "Jet_*",
                                  "--latents", "8,14", "--train", "more.root", "--minutes", "1",
                                  "--collection", "Jet", "-o", "jets")),
        Step("dither/result.json", ("study", "dijet", *SEARCH, "-p", "coarse.toml",
                                    "--codecs", "baler,baler + dither", "--columns", "Jet_*",
                                    "--collection", "Jet", "-o", "dither")),
    ]  # fmt: skip


def bandwidth() -> list[Step]:
    """Return the steps from a model for these bounds to a budget of bytes."""
    learnt = ("-p", "tuned.toml", "--codecs", "baler + learned model,dense",
              "--model", "tuned.balermodel", "--train", "more.root")  # fmt: skip
    budget = ("--luminosity", "2e34", "--bandwidth", BANDWIDTHS)
    return [
        Step("tuned.balermodel", ("train", "more.root", "-p", "tuned.toml", "--minutes", "3",
                                  "-o", "tuned.balermodel")),
        Step("bandwidth/result.json", ("sensitivity", *SEARCH, "-p", LADDER, "--codecs", CODECS,
                                       *budget, "-o", "bandwidth")),
        Step("learned/result.json", ("study", "dijet", *SEARCH, *learnt, "--minutes", "1",
                                     "--collection", "Jet", "-o", "learned")),
        Step("bandwidth-learned/result.json", ("sensitivity", *SEARCH, *learnt, *budget,
                                               "-o", "bandwidth-learned")),
    ]  # fmt: skip


def dimuons() -> list[Step]:
    """Return the steps from real dimuons to their peaks."""
    return [
        Step("dimuon.toml", ("tune", DIMUONS, "-a", "dimuon", "-o", "dimuon.toml",
                             "-r", "shift(*) < 0.1 sigma")),
        Step("dimuons/result.json", ("study", "dimuon", DIMUONS, "-p", "dimuon.toml",
                                     "--scales", "1,4,16", "--codecs", CODECS, "-o", "dimuons")),
    ]  # fmt: skip


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path),
                required=False)  # fmt: skip
@click.option("--events", default=12_000, show_default=True, help="Of QCD; a third of the others.")
@click.option("--work", default=Path("build/physics"), show_default=True,
              type=click.Path(path_type=Path), help="Where everything is made.")  # fmt: skip
def main(folder: Path | None, events: int, work: Path) -> None:
    """Run all steps; dimuons, too, if FOLDER or one below has them."""
    work.mkdir(parents=True, exist_ok=True)
    source = next(iter(sorted(folder.rglob(DIMUONS))), None) if folder else None
    for path in (*(record.HERE / "policies" / name for name in POLICIES), *filter(None, [source])):
        shutil.copyfile(path, work / path.name)
    made: dict[str, str] = {}
    kept = work / "runs.json"
    runs = json.loads(kept.read_text("utf-8")) if kept.exists() else []
    start = time.monotonic()
    try:
        with ThreadPoolExecutor(2) as pool:
            run(work, samples(events), runs, made)
            real = pool.submit(run, work, dimuons() if source else [], runs, made)
            run(work, bounds(), runs, made)
            list(pool.map(lambda steps: run(work, steps, runs, made), (search(), bandwidth())))
            real.result()
    finally:
        if made:
            seconds = round(time.monotonic() - start)
            runs = [*runs, {**record.started(), "seconds": seconds, "steps": made}]
            kept.write_text(json.dumps(runs), "utf-8")
    for section, parts in SECTIONS.items():
        if all((work / part).exists() for part in parts):
            rows = [{"part": part, **short(load(work / part))} for part in parts]
            data = [source] if section == "dimuons" and source else []
            record.save(
                f"physics-{section}", rows, data, events=events,
                seconds=sum(one["seconds"] for one in runs), **origin(parts, runs),
            )  # fmt: skip
    for picture, name in PICTURES.items():
        if (work / picture).exists():
            shutil.copyfile(work / picture, IMAGES / f"physics-{name}.png")


def load(path: Path) -> dict[str, Any]:
    """Return a result, or a report card."""
    document: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return document


def short(result: dict[str, Any]) -> dict[str, Any]:
    """Return a result without what only plots show."""
    left = {key: value for key, value in result.items() if key not in ("originals", "curves")}
    if "effects" in left:
        left["effects"] = [
            {key: effect[key] for key in EFFECT if key in effect} for effect in left["effects"]
        ]
    return left


def origin(parts: Sequence[str], runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return commit, changes and date of the last run that made one of the parts."""
    last = [one for one in runs if any(maker(part) in one["steps"] for part in parts)][-1]
    return {key: last[key] for key in ("commit", "changed", "date")}


def maker(part: str) -> str:
    """Return what the step makes that a part comes from: cards come with policies."""
    return part.replace(".card.json", ".toml")


def run(
    work: Path, steps: Sequence[Step], runs: Sequence[dict[str, Any]], made: dict[str, str]
) -> None:
    """Run the steps that no earlier run made; note in ``made`` what was made by which command."""
    for step in steps:
        command = f"baler {shlex.join(step.words)}"
        if (work / step.made).exists():
            if all(one["steps"].get(step.made) != command for one in runs):
                raise click.ClickException(
                    f"{work / step.made} was not made by {command!r}; give another --work"
                )
            continue
        click.echo(command, err=True)
        subprocess.run(
            [sys.executable, "-m", "baler.cli", *step.words, "-q"],
            cwd=work, check=True, stdout=subprocess.DEVNULL, env={**os.environ, **ONE_THREAD},
        )  # fmt: skip
        made[step.made] = command


if __name__ == "__main__":
    main()
