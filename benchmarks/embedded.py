"""What a model that is trained on one file, and lies within it, saves of this file.

Each FILE is compressed without a model and with ``--model auto``: sizes are those of whole .baler
files, the model counted, which were read back and verified.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import click
import record

import baler
from baler.training.automatic import ForThisFile
from baler.training.settings import Settings

CASES = (
    ("qcd_20k.root", "nano.toml", {}),
    ("uproot-issue-85.root", "", {}),
    ("uproot-issue-85.root", "", {"*": "rel 2^-11", "*hi": "abs 2.5e-4"}),
    ("NanoAODv5_sample.root:Events", "", {}),
)
"""File, policy, and bounds besides."""
MINUTES = {"qcd_20k.root": 15.0}


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--minutes", default=4.0, show_default=True, help="Of training, for small files.")
@click.option("--only", help="Files whose name contains this.")
@click.option("--out", type=click.Path(path_type=Path), help="Result file, if not the usual one.")
def main(folder: Path, minutes: float, only: str | None, out: Path | None) -> None:
    """Train a model for each of some files under FOLDER and compress the file with it."""
    rows, data = [], []
    for name, policy, bounds in CASES:
        if only and only not in name:
            continue
        stem, _, tree = name.partition(":")
        path = next(iter(sorted(folder.rglob(stem))))
        data.append(path)
        asked = baler.Policy.load(record.HERE / "policies" / policy) if policy else baler.Policy()
        asked = asked.then(baler.Policy.of(bounds))
        took = MINUTES.get(stem, minutes)
        row = compared(path, tree or None, asked, took)
        row["bounds"] = policy or ", ".join(f'"{k}" {v}' for k, v in bounds.items()) or "exact"
        rows.append(row)
        click.echo(
            f"{row['file']} ({row['bounds']}): {row['without']:,} bytes without a model, "
            f"{row['with']:,} with one of {row['model']:,}: {row['without'] / row['with']:.3f}"
        )
    record.save("embedded", rows, data, out=out)


def compared(path: Path, tree: str | None, asked: baler.Policy, minutes: float) -> dict[str, Any]:
    """Return the sizes of one file without a model and with its own."""
    made = {}
    model = ForThisFile(Settings(minutes=minutes), progress=told)
    with tempfile.TemporaryDirectory() as folder:
        for way, given in (("without", None), ("with", model)):
            target = Path(folder) / f"{way}.baler"
            made[way] = baler.compress(
                path, target, policy=asked, tree=tree, model=given, overwrite=True, jobs=1
            )
            checked = baler.verify(path if tree is None else f"{path}:{tree}", target)
            if not checked.ok:
                raise click.ClickException(f"{way} a model, bounds of {path.name} are broken")
    for note in made["with"].notes:
        click.echo(note)
    return {
        "file": path.name,
        "raw": made["with"].raw_bytes,
        "without": made["without"].file_bytes,
        "with": made["with"].file_bytes,
        "model": made["with"].model_bytes,
        "minutes": minutes,
    }


def told(step: Any) -> None:
    """Print how far a training is."""
    click.echo(f"{step.collection:10} {step.done:4.0%} {step.bits:.3f} bits per value", err=True)


if __name__ == "__main__":
    main()
