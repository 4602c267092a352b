"""The columns of a file: names and types."""

from __future__ import annotations

import awkward as ak

from baler.physics.simulate.tables import Array, Table, counts

KINEMATICS = ["pt", "eta", "phi", "mass"]
ISOLATION = ["pfRelIso03_chg", "pfRelIso03_all", "pfRelIso04_all"]
LIFETIME = ["dxy", "dxyErr", "dz", "dzErr", "ip3d", "sip3d"]
SHOWER = ["sieie", "r9", "hoe"]
FRACTIONS = ["chHEF", "neHEF", "chEmEF", "neEmEF", "muEF", "hfHEF", "hfEmEF"]
COLLECTIONS: dict[str, list[str]] = {
    "Jet": [*KINEMATICS, "area", "rawFactor", *FRACTIONS, "width", "ptD", "charge", "leadTrackPt",
            "btag", "nConstituents", "nCharged", "hadronFlavour", "partonFlavour", "genJetIdx",
            "jetId"],
    "GenJet": KINEMATICS,
    "Electron": [*KINEMATICS, "ptErr", *LIFETIME, *ISOLATION, *SHOWER, "pdgId", "charge", "jetIdx",
                 "nTrackerLayers", "tightId"],
    "Muon": [*KINEMATICS, "ptErr", *LIFETIME, *ISOLATION, "pdgId", "charge", "jetIdx",
             "nTrackerLayers", "nStations", "tightId"],
    "Photon": ["pt", "eta", "phi", "ptErr", *ISOLATION, *SHOWER, "jetIdx"],
    "GenPart": [*KINEMATICS, "pdgId", "status", "genPartIdxMother"],
    "PF": [*KINEMATICS, "d0", "d0Err", "dz", "dzErr", "pdgId", "charge", "jetIdx", "vtxIdx"],
}  # fmt: skip
"""The columns of each collection that are written, in order."""

INTEGERS: dict[str, str] = {
    "run": "u4", "luminosityBlock": "u4", "event": "u8", "Generator_id1": "i1",
    "Generator_id2": "i1", "Pileup_nPU": "u1", "PV_npvs": "u1", "nConstituents": "u2",
    "nCharged": "u2", "hadronFlavour": "u1", "partonFlavour": "i2", "genJetIdx": "i2",
    "jetId": "u1", "jetIdx": "i2", "vtxIdx": "i1", "nTrackerLayers": "u1", "nStations": "u1",
    "status": "u1", "genPartIdxMother": "i2", "pdgId": "i4",
}  # fmt: skip
"""Columns that are integers, and how wide; ``charge`` depends on the collection."""


def stored(collection: str, name: str, column: Array) -> Array:
    """A column in the type that the file holds: bool, an integer, or float32."""
    if column.dtype == bool:
        return column
    if name == "charge" and collection != "Jet":
        return column.astype("i1")
    return column.astype(INTEGERS.get(name, "f4"))


def collect(event: Table, objects: dict[str, Table]) -> ak.Array:
    """One batch as it will be stored: scalars, and a list of records per collection."""
    arrays = {name: ak.Array(stored("", name, column)) for name, column in event.items()}
    size = len(event["genWeight"])
    for collection, names in COLLECTIONS.items():
        table = objects[collection]
        records = ak.zip({name: stored(collection, name, table[name]) for name in names})
        arrays[collection] = ak.unflatten(records, counts(table["event"], size))
    return ak.zip(arrays, depth_limit=1)
