"""Make a small file with names and titles of a common format, which needs the vocabulary.

Run once, never again: what the file decodes to is to stay for ever.

    python -m tests.golden.make_words
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from baler.container import Writer
from baler.core.chunk import Chunk
from baler.core.schema import Column, Field, Leaf, List, Schema
from baler.planning import Policy, plan
from tests.golden.make_files import digest

HERE = Path(__file__).parent / "v1"

TITLES = {
    "run": "run/i",
    "nJet": "slimmedJets, i.e. ak4 PFJets CHS with JECs applied, after basic selection (pt > 15)",
    "Jet_pt": "pt",
    "Jet_eta": "eta",
    "Jet_phi": "phi",
    "Jet_mass": "mass",
    "Jet_area": "jet catchment area, for JECs",
    "Jet_btagDeepB": "Deep B+BB btag discriminator",
    "Jet_chEmEF": "charged Electromagnetic Energy Fraction",
    "Jet_chHEF": "charged Hadron Energy Fraction",
    "Jet_neEmEF": "neutral Electromagnetic Energy Fraction",
    "Jet_neHEF": "neutral Hadron Energy Fraction",
    "MET_pt": "pt",
    "MET_phi": "phi",
    "HLT_IsoMu24": "Trigger/flag bit (process: HLT)",
}
DTYPES = {"run": "<u4", "nJet": "<u4", "HLT_IsoMu24": "?"}
COLUMNS = tuple(
    Column(name, np.dtype(DTYPES.get(name, "<f4")), "nJet" if name.startswith("Jet_") else None)
    for name in TITLES
)
SCHEMA = Schema(
    COLUMNS,
    tuple(
        Field(c.name, List(c.counts, Leaf(c.name)) if c.counts else Leaf(c.name), TITLES[c.name])
        for c in COLUMNS
    ),
    {"tree": "Events"},
)


def make_chunk() -> Chunk:
    """Return three events."""
    counts = np.array([2, 0, 3], np.uint32)
    values = {"run": np.full(3, 1, np.uint32), "nJet": counts, "HLT_IsoMu24": np.eye(3)[0] > 0}
    for column in COLUMNS:
        size = 5 if column.counts else 3
        values.setdefault(column.name, np.arange(size, dtype=np.float32) / 8)
    return Chunk(3, values)


def main() -> None:
    """Write the file, and what it holds beside what the other files hold."""
    chunk = make_chunk()
    with Writer(
        HERE / "words.baler", SCHEMA, plan(SCHEMA, chunk, Policy.of({})), overwrite=True
    ) as out:
        out.write(chunk)
    manifest = json.loads((HERE / "manifest.json").read_text())
    manifest["words.baler"] = {name: digest(chunk.columns[name]) for name in sorted(TITLES)}
    (HERE / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n")


if __name__ == "__main__":
    main()
