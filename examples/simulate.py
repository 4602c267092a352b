# /// script
# requires-python = ">=3.11"
# dependencies = [
#     "awkward==2.14.0", "click==8.5.1", "fastjet==3.5.2.0", "numpy==2.4.6",
#     "pythia8mc==8.317.2", "uproot==5.7.7",
# ]
# ///
"""Simulate LHC events and write them as a small ROOT file with the names of NanoAOD.

Pythia 8 generates proton collisions at 13 TeV, a Gaussian detector smears the particles, pile-up is
laid over them, and FastJet clusters what is left. All randomness comes from ``--seed``: the same
command gives the same values. ``events.root`` beside this file was made, from the repository root,
with

    python examples/simulate.py -p qcd -p ttbar -p zmumu -n 1200 --seed 1 examples/events.root

Several processes are mixed event by event; the branch ``run`` numbers them in the order of
``--help``, from 1.
``genWeight`` is in picobarn: the weights of a process add up to its cross-section. The QCD
spectrum is flattened in generation, so its histograms mean nothing without the weights.

Units: GeV, cm and radians in the file and in the code, but mm where Pythia speaks. The simulation
is honest about shapes and correlations, and is no model of any real detector.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import awkward as ak
import click
import fastjet
import numpy as np
import pythia8mc
import uproot
from numpy.random import Generator
from numpy.typing import NDArray

Array = NDArray[Any]
Table = dict[str, Array]
"""Flat columns of equal length; the column ``event`` says to which event each row belongs."""

PROCESSES: dict[str, list[str]] = {
    "qcd": [
        "HardQCD:all = on",
        "PhaseSpace:pTHatMin = 100.",
        "PhaseSpace:bias2Selection = on",  # weight ~ pTHat^-4: as many hard dijets as soft ones
        "PhaseSpace:bias2SelectionPow = 4.",
        "PhaseSpace:bias2SelectionRef = 100.",
    ],
    "ttbar": ["Top:gg2ttbar = on", "Top:qqbar2ttbar = on"],
    "zprime": [
        "NewGaugeBoson:ffbar2gmZZprime = on",
        "Zprime:gmZmode = 3",  # the Z' alone, without interference
        "32:m0 = 1500.",
        "32:onMode = off",
        "32:onIfAny = 1 2 3 4 5",
    ],
    "zmumu": [
        "WeakSingleBoson:ffbar2gmZ = on",
        "PhaseSpace:mHatMin = 40.",
        "23:onMode = off",
        "23:onIfAny = 13",
    ],
}
COMMON = [
    "Beams:eCM = 13000.",
    "ParticleDecays:limitTau0 = on",
    "ParticleDecays:tau0Max = 10.",  # mm: K-short and Lambda reach the detector
    "Print:quiet = on",
    "Random:setSeed = on",
]

BATCH = 100  # events simulated at once
STEP = 500  # events per basket of the file
POOL = 1500  # minimum-bias events to draw pile-up from
BEAM_SPOT = np.array([[0.011, 0.042, 0.5], [0.001, 0.001, 3.5]])  # cm, mean and width of x, y, z
TRACKER = 2.5  # |eta| where tracks end
ENDCAP = 3.0  # |eta| where the forward calorimeter begins
MASS = {11: 0.000511, 13: 0.10566, 211: 0.13957}  # GeV, assumed for tracks


# --- flat tables ----------------------------------------------------------------------------------


def take(table: Table, rows: Array) -> Table:
    """The rows of a table that an index or a mask selects."""
    return {name: column[rows] for name, column in table.items()}


def join(tables: list[Table]) -> Table:
    """One table under the other, with the columns that the first one has, in order of event."""
    joined = {name: np.concatenate([table[name] for table in tables]) for name in tables[0]}
    return take(joined, np.argsort(joined["event"], kind="stable"))


def counts(index: Array, size: int) -> Array:
    """How often each of ``0 .. size - 1`` occurs."""
    return np.bincount(index, minlength=size)


def total(values: Array, index: Array, size: int) -> Array:
    """Sum of the values that share an index."""
    return np.bincount(index, weights=values, minlength=size)


def starts(lengths: Array) -> Array:
    """Where each run begins, when runs of these lengths lie back to back."""
    return np.cumsum(lengths) - lengths


def ranges(first: Array, lengths: Array) -> Array:
    """The integers ``first .. first + length - 1`` of every run, back to back."""
    numbers: Array = np.arange(lengths.sum()) + np.repeat(first - starts(lengths), lengths)
    return numbers


def pairs(left: Array, right: Array, events: int) -> tuple[Array, Array]:
    """Rows of all pairs within an event, from the event numbers of two tables (right sorted)."""
    have = counts(right, events)
    return np.repeat(np.arange(len(left)), have[left]), ranges(starts(have)[left], have[left])


def largest(values: Array, index: Array, size: int, k: int) -> Array:
    """The ``k`` largest values of each index, descending, zero where there are fewer; (size, k)."""
    order = np.lexsort((-values, index))
    rank = ranges(np.zeros(size, int), counts(index, size))
    top = order[rank < k]
    result = np.zeros((size, k))
    result[index[top], rank[rank < k]] = values[top]
    return result


def wrap(angle: Array) -> Array:
    """The same angle in [-pi, pi)."""
    wrapped: Array = (angle + np.pi) % (2 * np.pi) - np.pi
    return wrapped


def distance(a: Table, b: Table) -> Array:
    """Distance in the plane of eta and phi."""
    apart: Array = np.hypot(a["eta"] - b["eta"], wrap(a["phi"] - b["phi"]))
    return apart


def polar(px: Array, py: Array, pz: Array) -> tuple[Array, Array, Array]:
    """Momentum (GeV) as pt, eta, phi."""
    pt = np.hypot(px, py)
    return pt, np.arcsinh(pz / np.maximum(pt, 1e-9)), np.arctan2(py, px)


# --- generation -----------------------------------------------------------------------------------


def make_pythia(settings: list[str], seed: int) -> pythia8mc.Pythia:
    """A generator ready to run; a setting that it does not know is an error."""
    pythia = pythia8mc.Pythia("", False)
    for line in [*COMMON, f"Random:seed = {seed}", *settings]:
        if not pythia.readString(line):
            raise ValueError(f"Pythia refused the setting {line!r}")
    if not pythia.init():
        raise RuntimeError("Pythia could not be initialised")
    return pythia


def species(pythia: pythia8mc.Pythia, ids: Array) -> tuple[Array, Array]:
    """Charge (in units of e), and heaviest of b (5) and c (4) in a hadron or else 0, of ids."""
    known, inverse = np.unique(ids, return_inverse=True)
    particles = pythia.particleData
    charge = [particles.chargeType(int(i)) / 3 for i in known]
    quarks = [{abs(int(i)) // 10 % 10, abs(int(i)) // 100 % 10, abs(int(i)) // 1000 % 10}
              if particles.isHadron(int(i)) else set() for i in known]  # fmt: skip
    flavour = [5 if 5 in q else 4 if 4 in q else 0 for q in quarks]
    return np.array(charge)[inverse], np.array(flavour)[inverse]


def generate(pythia: pythia8mc.Pythia, events: int) -> tuple[Table, ak.Array]:
    """All particles of new events, with the row of their mother, and Pythia's event records."""
    batch = pythia.nextBatch(events)
    if len(batch) != events or "prt" not in batch.fields:
        raise RuntimeError("Pythia gave up")
    particles = batch.prt
    lengths = ak.to_numpy(ak.num(particles.id))

    def flat(array: ak.Array) -> Array:  # no production vertex means the origin
        column: Array = ak.to_numpy(ak.flatten(ak.fill_none(array, 0.0, axis=-1)))
        return column

    truth = {"event": np.repeat(np.arange(events), lengths), "id": flat(particles.id).astype(int)}
    truth["status"] = flat(particles.status).astype(int)
    # Row 0 of an event stands for all of it, and is nobody's mother.
    truth["mother"] = np.repeat(starts(lengths), lengths) + flat(particles.mother1).astype(int)
    truth |= {axis: flat(particles.p[axis]) for axis in ("px", "py", "pz", "e")}
    truth["mass"] = flat(particles.m)
    truth |= {f"v{axis}": flat(particles.vProd[f"p{axis}"]) for axis in "xyz"}  # mm
    truth["charge"], truth["flavour"] = species(pythia, truth["id"])
    truth["pt"], truth["eta"], truth["phi"] = polar(truth["px"], truth["py"], truth["pz"])
    return truth, batch.info


def stable(truth: Table) -> Table:
    """The particles that reach the detector."""
    return take(truth, truth["status"] > 0)


def is_neutrino(ids: Array) -> Array:
    """Whether particles leave the detector unseen."""
    return np.isin(np.abs(ids), (12, 14, 16))


# --- detector -------------------------------------------------------------------------------------


def track_resolution(pt: Array, eta: Array) -> Array:
    """Relative error of pt from the curvature of a track."""
    return np.sqrt(0.008**2 + (1.5e-4 * pt) ** 2 + (0.004 * eta) ** 2)


def calorimeter_resolution(energy: Array, eta: Array, electromagnetic: Array) -> Array:
    """Relative error of an energy: stochastic, noise and constant terms."""
    energy = np.maximum(energy, 0.1)
    photon = np.sqrt(0.028**2 / energy + (0.12 / energy) ** 2 + 0.003**2)
    hadron = np.sqrt(0.85**2 / energy + 0.05**2)
    forward = np.sqrt(1.5**2 / energy + 0.08**2)
    return np.where(np.abs(eta) > ENDCAP, forward, np.where(electromagnetic, photon, hadron))


def impact_parameters(particles: Table, rng: Generator) -> Table:
    """Transverse and longitudinal distance to the collision, measured, with errors, in cm."""
    pt, eta = np.maximum(particles["pt"], 0.3), np.clip(particles["eta"], -TRACKER, TRACKER)
    ux, uy = np.cos(particles["phi"]), np.sin(particles["phi"])
    along = particles["vx"] * ux + particles["vy"] * uy
    d0 = 0.1 * (particles["vy"] * ux - particles["vx"] * uy)
    dz = 0.1 * (particles["vz"] - along * np.sinh(eta))
    scattering = np.cosh(eta) / pt
    d0_error = np.sqrt(0.0012**2 + (0.0075 / pt) ** 2 * np.cosh(eta))
    dz_error = np.sqrt(0.0025**2 + (0.0100 * scattering) ** 2)
    d0_noise, dz_noise, d0_spread, dz_spread = rng.standard_normal((4, len(pt)))
    return {
        "d0": d0 + d0_error * d0_noise,
        "d0Err": d0_error * np.exp(0.08 * d0_spread),
        "dz": dz + dz_error * dz_noise,
        "dzErr": dz_error * np.exp(0.08 * dz_spread),
    }


def detect(particles: Table, rng: Generator) -> Table:
    """Candidates that the detector makes of stable particles: one each, or none.

    Charged particles leave tracks; others, and charged ones that lost their track, calorimeter
    deposits. ``vertex`` is 0 for tracks of the collision, 1 for displaced ones, -1 without a track.
    """
    size = len(particles["pt"])
    kind, eta, charge = np.abs(particles["id"]), particles["eta"], particles["charge"]
    electron, muon = kind == 11, kind == 13
    electromagnetic, forward = electron | (kind == 22), np.abs(eta) > ENDCAP

    found = rng.random(size) < np.where(muon, 0.98, 0.95)
    track = found & (charge != 0) & (np.abs(eta) < TRACKER) & (particles["pt"] > 0.4)
    curls_up = (charge != 0) & ~forward & (particles["pt"] < 1.0)
    deposit = ~track & ~muon & ~is_neutrino(kind) & ~curls_up & (np.abs(eta) < 5.0)

    curvature = track_resolution(particles["pt"], eta)
    calorimeter = calorimeter_resolution(particles["e"], eta, electromagnetic)
    resolution = np.where(track, curvature, calorimeter)
    measured = np.maximum(1 + resolution * rng.standard_normal(size), np.where(track, 0.2, 0.0))
    threshold = np.where(forward, 2.5, np.where(electromagnetic, 0.35, 1.2))  # GeV
    deposit &= particles["e"] * measured > threshold
    cell = np.where(forward, 0.06, np.where(electromagnetic, 0.004, 0.025))
    eta = eta + np.where(track, 0.0006, cell) * rng.standard_normal(size)
    phi = wrap(particles["phi"] + np.where(track, 0.0006, cell) * rng.standard_normal(size))
    pt = np.where(track, particles["pt"], particles["e"] / np.cosh(eta)) * measured

    charged = np.where(kind < 20, particles["id"], 211 * np.sign(charge))
    neutral = np.where(forward, 1 + electromagnetic, np.where(electromagnetic, 22, 130))
    mass = np.select([electron, muon], [MASS[11], MASS[13]], MASS[211])
    displaced = np.hypot(particles["vx"], particles["vy"]) > 0.05  # mm
    candidates = {
        "event": particles["event"],
        "pt": pt,
        "eta": eta,
        "phi": phi,
        "mass": np.where(track, mass, 0.0),
        "pdgId": np.where(track, charged, neutral).astype(int),
        "charge": np.where(track, charge, 0).astype(int),
        "vertex": np.where(track, displaced, -1),
        "ptErr": pt * resolution,
    }
    lifetime = impact_parameters(particles, rng)
    candidates |= {name: np.where(track, column, 0.0) for name, column in lifetime.items()}
    return take(candidates, (track | deposit) & (pt > 0.25))


def minimum_bias(seed: int) -> Table:
    """Candidates of soft collisions, to be drawn from as pile-up."""
    truth, _ = generate(make_pythia(["SoftQCD:inelastic = on"], seed), POOL)
    return detect(stable(truth), np.random.default_rng(seed))


def pile_up(pool: Table, collisions: Array, vertex_z: Array, rng: Generator) -> Table:
    """Candidates of so many further collisions per event, turned in phi and moved along the beam.

    Tracks that point away from the main vertex are dropped (charged-hadron subtraction).
    """
    event = np.repeat(np.arange(len(collisions)), collisions)
    lengths = counts(pool["event"], POOL)
    drawn = rng.integers(0, POOL, len(event))
    lengths, first = lengths[drawn], starts(lengths)[drawn]
    candidates = take(pool, ranges(first, lengths))
    turn = rng.uniform(-np.pi, np.pi, len(event))
    shift = rng.normal(BEAM_SPOT[0, 2], BEAM_SPOT[1, 2], len(event)) - vertex_z[event]
    track = candidates["vertex"] >= 0
    candidates["event"] = np.repeat(event, lengths)
    candidates["phi"] = wrap(candidates["phi"] + np.repeat(turn, lengths))
    candidates["dz"] = np.where(track, candidates["dz"] + np.repeat(shift, lengths), 0.0)
    candidates["vertex"] = np.where(track, 2, -1)
    return take(candidates, ~track | (np.abs(candidates["dz"]) < 0.1))


# --- jets -----------------------------------------------------------------------------------------


def energy_density(candidates: Table, events: int) -> Array:
    """Median pt per unit area over a grid of 16 x 10 cells in |eta| < 4.8, in GeV: rho."""
    inside = take(candidates, np.abs(candidates["eta"]) < 4.8)
    row = np.floor((inside["eta"] + 4.8) / 0.6).astype(int)
    column = np.floor((inside["phi"] + np.pi) / (2 * np.pi) * 10).astype(int) % 10
    cells = total(inside["pt"], inside["event"] * 160 + row * 10 + column, events * 160)
    return np.median(cells.reshape(events, 160), axis=1) / (0.6 * 2 * np.pi / 10)


def area_ghosts(events: int, rng: Generator) -> tuple[Table, float]:
    """Particles too soft to change a jet, evenly strewn to measure its area; the area of each."""
    eta = np.arange(-4.725, 4.8, 0.15)
    phi = np.linspace(-np.pi, np.pi, 42, endpoint=False)
    grid_eta, grid_phi = (np.tile(axis.ravel(), events) for axis in np.meshgrid(eta, phi))
    size = len(grid_eta)
    ghosts = {
        "event": np.repeat(np.arange(events), len(eta) * len(phi)),
        "pt": 1e-30 * (1 + rng.random(size)),
        "eta": grid_eta + rng.uniform(-0.07, 0.07, size),
        "phi": grid_phi + rng.uniform(-0.07, 0.07, size),
        "mass": np.zeros(size),
    }
    return ghosts, 0.15 * 2 * np.pi / len(phi)


def flavour_ghosts(truth: Table) -> Table:
    """Heavy hadrons at the end of their chain and partons of the hard process, made too soft."""
    heavy, mother = truth["flavour"] > 0, truth["mother"]
    decays_on = np.zeros(len(heavy), bool)
    decays_on[mother[heavy & (truth["flavour"][mother] == truth["flavour"])]] = True
    hadron = heavy & ~decays_on
    kind = np.abs(truth["id"])
    parton = (np.abs(truth["status"]) == 23) & ((kind <= 5) | (kind == 21))
    chosen = take(truth, (hadron | parton) & (truth["pt"] > 3.0))
    size = len(chosen["pt"])
    ghosts = {name: chosen[name] for name in ("event", "eta", "phi", "flavour", "id")}
    return ghosts | {"pt": np.full(size, 1e-18), "mass": np.zeros(size), "hard": chosen["pt"]}


def cluster(particles: Table, events: int, pt_min: float) -> tuple[Table, Array, Array]:
    """Anti-kt jets with R = 0.4, and the jet and the particle of each of their constituents.

    M. Cacciari, G. P. Salam, G. Soyez 2008, https://arxiv.org/abs/0802.1189. Particles must be
    in order of event; jets come so, but not in order of pt.
    """
    pt, eta, phi = particles["pt"], particles["eta"], particles["phi"]
    momentum = {"px": pt * np.cos(phi), "py": pt * np.sin(phi), "pz": pt * np.sinh(eta)}
    energy = np.hypot(pt * np.cosh(eta), particles["mass"])
    lengths = counts(particles["event"], events)
    records = ak.zip(momentum | {"E": energy}, with_name="Momentum4D")
    sequence = fastjet.ClusterSequence(
        ak.unflatten(records, lengths), fastjet.JetDefinition(fastjet.antikt_algorithm, 0.4)
    )
    found = sequence.inclusive_jets(min_pt=pt_min)
    members = sequence.constituent_index(min_pt=pt_min)
    event = np.repeat(np.arange(events), ak.to_numpy(ak.num(found)))
    px, py, pz, energy = (ak.to_numpy(ak.flatten(found[name])) for name in ("px", "py", "pz", "E"))
    jets = dict(zip(("pt", "eta", "phi"), polar(px, py, pz), strict=True)) | {"event": event}
    jets["mass"] = np.sqrt(np.maximum(energy**2 - px**2 - py**2 - pz**2, 0.0))
    jet = np.repeat(np.arange(len(event)), ak.to_numpy(ak.flatten(ak.num(members, axis=2))))
    within = ak.to_numpy(ak.flatten(members, axis=None))
    return jets, jet, starts(lengths)[event[jet]] + within


def composition(members: Table, jet: Array, size: int) -> Table:
    """Which part of a jet's energy each kind of candidate carries, and how it is spread."""
    energy, pt, kind = members["pt"] * np.cosh(members["eta"]), members["pt"], members["pdgId"]
    names = {"chHEF": 211, "neHEF": 130, "chEmEF": 11, "neEmEF": 22, "muEF": 13}
    names |= {"hfHEF": 1, "hfEmEF": 2}
    whole = np.maximum(total(energy, jet, size), 1e-9)
    table = {n: total(energy * (np.abs(kind) == k), jet, size) / whole for n, k in names.items()}
    scalar = np.maximum(total(pt, jet, size), 1e-9)
    root = np.sqrt(pt) * (members["charge"] != 0)
    table["width"] = total(pt * members["distance"], jet, size) / scalar
    table["ptD"] = np.sqrt(total(pt**2, jet, size)) / scalar
    weight = np.maximum(total(root, jet, size), 1e-9)
    table["charge"] = total(root * members["charge"], jet, size) / weight
    track = members["vertex"] >= 0
    table["leadTrackPt"] = largest(pt[track], jet[track], size, 1)[:, 0]
    table["nConstituents"] = counts(jet, size)
    table["nCharged"] = counts(jet[track], size)
    return table


def b_tag(members: Table, jet: Array, jet_phi: Array, rng: Generator) -> Array:
    """A discriminant in (0, 1) from the three most displaced tracks; -1 without tracks."""
    size = len(jet_phi)
    ahead = np.sign(members["d0"] * np.sin(jet_phi[jet] - members["phi"]))
    significance = ahead * np.abs(members["d0"]) / np.maximum(members["d0Err"], 1e-6)
    useful = (members["vertex"] >= 0) & (members["vertex"] != 2) & (members["pt"] > 1.0)
    useful &= significance > 0
    top = np.log1p(largest(significance[useful], jet[useful], size, 3))
    score = 0.9 * top @ np.array([1.0, 1.4, 1.0]) - 5.5 + 0.35 * rng.standard_normal(size)
    tracks = counts(jet[members["vertex"] >= 0], size)
    return np.where(tracks > 0, 1 / (1 + np.exp(-score)), -1.0)


def flavours(ghosts: Table, jet: Array, size: int) -> Table:
    """Heaviest hadron and hardest parton of each jet, from the ghosts that ended up in it."""
    hadron, parton = np.zeros(size, int), np.zeros(size, int)
    np.maximum.at(hadron, jet, ghosts["flavour"])
    partons = np.flatnonzero(ghosts["flavour"] == 0)
    partons = partons[np.argsort(ghosts["hard"][partons], kind="stable")]
    parton[jet[partons]] = ghosts["id"][partons]  # the last one written is the hardest
    return {"hadronFlavour": hadron, "partonFlavour": parton}


def nearest(jets: Table, truth: Table, events: int) -> Array:
    """Number within the event of the closest generated jet in a distance of 0.25, or else -1."""
    left, right = pairs(jets["event"], truth["event"], events)
    apart = distance(take(jets, left), take(truth, right))
    left, right, apart = left[apart < 0.25], right[apart < 0.25], apart[apart < 0.25]
    order = np.argsort(-apart, kind="stable")
    match = np.full(len(jets["pt"]), -1)
    first = starts(counts(truth["event"], events))
    match[left[order]] = (right - first[truth["event"][right]])[order]
    return match


def generated_jets(truth: Table, events: int) -> Table:
    """Jets of all stable particles but neutrinos, pt > 15 GeV, hardest first."""
    visible = stable(truth)
    jets, _, _ = cluster(take(visible, ~is_neutrino(visible["id"])), events, 15.0)
    return take(jets, np.lexsort((-jets["pt"], jets["event"])))


def measured_jets(candidates: Table, truth: Table, rho: Array, rng: Generator) -> Table:
    """Corrected jets with pt > 20 GeV, hardest first; ``candidates`` learn the jet they are in."""
    events = len(rho)
    area, ghost_area = area_ghosts(events, rng)
    flavour = flavour_ghosts(truth)
    inputs = [candidates, flavour, area]
    kinematics = ("event", "pt", "eta", "phi", "mass")
    tagged = [
        {name: table[name] for name in kinematics}
        | {"source": np.full(len(table["pt"]), i), "row": np.arange(len(table["pt"]))}
        for i, table in enumerate(inputs)
    ]
    particles = join(tagged)
    jets, jet, member = cluster(particles, events, 10.0)
    size = len(jets["pt"])
    source, row = particles["source"][member], particles["row"][member]
    real = source == 0
    members = take(candidates, row[real])
    members["distance"] = distance(members, take(jets, jet[real]))
    jets |= composition(members, jet[real], size)
    jets["btag"] = b_tag(members, jet[real], jets["phi"], rng)
    jets |= flavours(take(flavour, row[source == 1]), jet[source == 1], size)
    jets["area"] = counts(jet[source == 2], size) * ghost_area

    raw = jets["pt"]
    response = 0.995 + 0.05 * np.exp(-raw / 60.0) + 0.004 * np.abs(jets["eta"])
    scale = np.maximum(raw - rho[jets["event"]] * jets["area"], 1.0) * response / raw
    jets |= {"pt": raw * scale, "mass": jets["mass"] * scale, "rawFactor": 1 - 1 / scale}
    jets["rawPt"] = raw
    clean = (jets["neHEF"] < 0.9) & (jets["neEmEF"] < 0.9) & (jets["nConstituents"] > 1)
    jets["jetId"] = 2 * clean + 4 * (clean & (jets["muEF"] < 0.8))

    order = np.lexsort((-jets["pt"], jets["event"]))
    keep = (jets["pt"] > 20.0) & (np.abs(jets["eta"]) < 4.8) & (jets["nConstituents"] > 0)
    order = order[keep[order]]
    number = np.full(size, -1)
    number[order] = ranges(np.zeros(events, int), counts(jets["event"][order], events))
    candidates["jetIdx"] = np.full(len(candidates["pt"]), -1)
    candidates["jetIdx"][row[real]] = number[jet[real]]
    return take(jets, order)


# --- leptons, photons, missing energy -------------------------------------------------------------


def isolated(candidates: Table, rho: Array, kind: int, pt_min: float, eta_max: float) -> Table:
    """Candidates of one kind, with the pt around them relative to their own."""
    near = (np.abs(candidates["pdgId"]) == kind) & (np.abs(candidates["eta"]) < eta_max)
    rows = np.flatnonzero(near & (candidates["pt"] > pt_min))
    chosen = take(candidates, rows)
    left, right = pairs(chosen["event"], candidates["event"], len(rho))
    other = take(candidates, right)
    apart = np.where(rows[left] == right, np.inf, distance(take(chosen, left), other))
    charged = np.isin(other["vertex"], (0, 1))
    density = 0.5 * rho[chosen["event"]]  # tracks of pile-up are gone already

    def around(radius: float, select: Array) -> Array:
        return total(other["pt"] * select * (apart < radius), left, len(rows))

    chosen["pfRelIso03_chg"] = around(0.3, charged) / chosen["pt"]
    for name, radius in (("pfRelIso03_all", 0.3), ("pfRelIso04_all", 0.4)):
        cone = around(radius, np.ones(len(left), bool)) - density * np.pi * radius**2
        chosen[name] = np.maximum(cone, 0.0) / chosen["pt"]
    return chosen


def leptons(table: Table, rng: Generator) -> Table:
    """Impact parameters under their names in NanoAOD, and what the track was made of."""
    table |= {"dxy": table["d0"], "dxyErr": table["d0Err"]}
    table["ip3d"] = np.hypot(table["d0"], table["dz"])
    table["sip3d"] = table["ip3d"] / np.hypot(table["d0Err"], table["dzErr"])
    size = len(table["pt"])
    table["nTrackerLayers"] = np.clip(np.rint(rng.normal(13.5, 1.6, size)), 5, 18)
    table["nStations"] = np.clip(np.rint(rng.normal(3.6, 0.7, size)), 0, 4)
    table["tightId"] = (rng.random(size) < 0.93) & (np.abs(table["d0"]) < 0.2)
    return table


def showers(table: Table, rng: Generator) -> Table:
    """Width, compactness and hadronic leakage of an electromagnetic shower."""
    width, leak, tail = rng.standard_normal((3, len(table["pt"])))
    barrel = np.abs(table["eta"]) < 1.48
    table["sieie"] = np.where(barrel, 0.0095, 0.026) * np.exp(0.06 * width)
    table["r9"] = np.clip(0.96 - 0.05 * np.abs(tail), 0.0, 1.0)
    table["hoe"] = np.maximum(0.02 * leak, 0.0)
    return table


def missing_energy(candidates: Table, jets: Table, events: int) -> Table:
    """What the transverse momenta lack to zero, jets corrected, with covariance (GeV^2)."""
    event, pt, phi = candidates["event"], candidates["pt"], candidates["phi"]
    correction = jets["pt"] - jets["rawPt"]
    x = -total(pt * np.cos(phi), event, events)
    y = -total(pt * np.sin(phi), event, events)
    x -= total(correction * np.cos(jets["phi"]), jets["event"], events)
    y -= total(correction * np.sin(jets["phi"]), jets["event"], events)
    variance = candidates["ptErr"] ** 2
    unclustered = 60.0  # GeV^2, from what is too soft to be seen
    xx = unclustered + total(variance * np.cos(phi) ** 2, event, events)
    yy = unclustered + total(variance * np.sin(phi) ** 2, event, events)
    xy = total(variance * np.cos(phi) * np.sin(phi), event, events)
    significance = (x**2 * yy - 2 * x * y * xy + y**2 * xx) / (xx * yy - xy**2)
    return {
        "MET_pt": np.hypot(x, y),
        "MET_phi": np.arctan2(y, x),
        "MET_sumEt": total(pt, event, events),
        "MET_covXX": xx,
        "MET_covXY": xy,
        "MET_covYY": yy,
        "MET_significance": significance,
    }


def triggers(objects: dict[str, Table], event: Table, events: int, rng: Generator) -> Table:
    """Decisions of a few triggers: a soft threshold in GeV, 99 % efficient above it."""

    def leading(name: str) -> Array:
        return largest(objects[name]["pt"], objects[name]["event"], events, 1)[:, 0]

    central = take(objects["Jet"], np.abs(objects["Jet"]["eta"]) < 2.4)
    ht = total(central["pt"] * (central["pt"] > 30.0), central["event"], events)
    turn_on = {
        "PFJet140": (leading("Jet"), 140.0, 6.0),
        "PFJet320": (leading("Jet"), 320.0, 8.0),
        "PFHT780": (ht, 780.0, 20.0),
        "PFMET120": (event["MET_pt"], 120.0, 10.0),
        "IsoMu24": (leading("Muon"), 24.0, 0.5),
        "Ele27_WPTight": (leading("Electron"), 27.0, 0.7),
    }
    return {
        f"HLT_{name}": rng.random(events) < 0.99 * (1 + np.tanh((value - edge) / (2 * width))) / 2
        for name, (value, edge, width) in turn_on.items()
    }


# --- one batch ------------------------------------------------------------------------------------


def hard_process(truth: Table, events: int) -> Table:
    """Particles of the hard process, with the number of their mother among them or else -1.

    Partons along the beam, which have no pt, have an eta of +-25000.
    """
    status = np.abs(truth["status"])
    chosen = (status >= 21) & (status <= 29)
    number = np.full(len(chosen), -1)
    number[chosen] = ranges(np.zeros(events, int), counts(truth["event"][chosen], events))
    table = take(truth, chosen)
    mother = number[table["mother"]]
    table["eta"] = np.where(table["pt"] > 1e-6, table["eta"], np.sign(table["pz"]) * 2.5e4)
    return table | {"pdgId": table["id"], "status": status[chosen], "genPartIdxMother": mother}


def simulate(
    pythia: pythia8mc.Pythia, events: int, pool: Table, pileup: float, rng: Generator
) -> tuple[Table, dict[str, Table]]:
    """New events, seen by the detector: values per event, and the collections by name."""
    truth, beam = generate(pythia, events)
    vertex = rng.normal(BEAM_SPOT[0], BEAM_SPOT[1], (events, 3))
    true_pileup = np.maximum(rng.normal(pileup, 0.25 * pileup, events), 0.0)
    collisions = rng.poisson(true_pileup)
    candidates = join([detect(stable(truth), rng), pile_up(pool, collisions, vertex[:, 2], rng)])
    candidates = take(candidates, np.lexsort((-candidates["pt"], candidates["event"])))
    rho = energy_density(candidates, events)

    objects = {"Jet": measured_jets(candidates, truth, rho, rng)}
    objects["GenJet"] = generated_jets(truth, events)
    objects["Jet"]["genJetIdx"] = nearest(objects["Jet"], objects["GenJet"], events)
    objects["Electron"] = showers(leptons(isolated(candidates, rho, 11, 5.0, 2.5), rng), rng)
    objects["Muon"] = leptons(isolated(candidates, rho, 13, 3.0, 2.4), rng)
    objects["Photon"] = showers(isolated(candidates, rho, 22, 10.0, 2.5), rng)
    objects["GenPart"] = hard_process(truth, events)
    objects["PF"] = take(candidates, candidates["jetIdx"] >= 0)
    objects["PF"]["vtxIdx"] = objects["PF"]["vertex"]

    unseen = take(truth, (truth["status"] > 0) & is_neutrino(truth["id"]))
    gen_x, gen_y = (total(unseen[axis], unseen["event"], events) for axis in ("px", "py"))
    fitted = vertex + rng.normal(0.0, [0.0012, 0.0012, 0.0025], (events, 3))
    event = {
        "genWeight": ak.to_numpy(beam.weights[:, 0]),
        "Generator_x1": ak.to_numpy(beam.x1),
        "Generator_x2": ak.to_numpy(beam.x2),
        "Generator_id1": ak.to_numpy(beam.id1),
        "Generator_id2": ak.to_numpy(beam.id2),
        "Generator_scalePDF": np.sqrt(ak.to_numpy(beam.Q2Fac)),
        "Generator_binvar": np.sqrt(ak.to_numpy(beam.pT2Hat)),
        "Pileup_nPU": collisions,
        "Pileup_nTrueInt": true_pileup,
        "PV_npvs": 1 + rng.binomial(collisions, 0.7),
        "PV_x": fitted[:, 0],
        "PV_y": fitted[:, 1],
        "PV_z": fitted[:, 2],
        "PV_chi2": rng.chisquare(60, events) / 60,
        "fixedGridRhoFastjetAll": rho,
        "GenMET_pt": np.hypot(gen_x, gen_y),
        "GenMET_phi": np.arctan2(gen_y, gen_x),
    }
    event |= missing_energy(candidates, objects["Jet"], events)
    return event | triggers(objects, event, events, rng), objects


# --- the file -------------------------------------------------------------------------------------

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


def collect(event: Table, objects: dict[str, Table]) -> dict[str, ak.Array]:
    """One batch as it will be stored: a flat array per scalar, a jagged record per collection."""
    arrays = {name: ak.Array(stored("", name, column)) for name, column in event.items()}
    size = len(event["genWeight"])
    for collection, names in COLLECTIONS.items():
        table = objects[collection]
        records = ak.zip({name: stored(collection, name, table[name]) for name in names})
        arrays[collection] = ak.unflatten(records, counts(table["event"], size))
    return arrays


def mixture(processes: list[str], events: int, pileup: float, seed: int) -> dict[str, ak.Array]:
    """Events of several processes, in equal shares and random order."""
    seeds = np.random.default_rng(seed).integers(1, 900_000_000, len(PROCESSES) + 2)
    numbers = {name: number for number, name in enumerate(PROCESSES)}
    pool = minimum_bias(int(seeds[-1]))
    batches, runs, weights = [], [], []
    for i, name in enumerate(processes):
        share = len(range(i, events, len(processes)))
        own_seed = int(seeds[numbers[name]])
        pythia, rng = make_pythia(PROCESSES[name], own_seed), np.random.default_rng(own_seed)
        own = [
            collect(*simulate(pythia, min(BATCH, share - done), pool, pileup, rng))
            for done in range(0, share, BATCH)
        ]
        weight = np.concatenate([np.asarray(batch["genWeight"], float) for batch in own])
        cross_section = pythia.infoPython().sigmaGen() * 1e9  # Pythia counts in mb, CMS in pb
        weights.append(weight * cross_section / weight.sum())
        runs.append(np.full(share, numbers[name] + 1))
        batches += own
    order = np.random.default_rng(int(seeds[-2])).permutation(events)
    number = np.arange(1, events + 1)
    head = {"run": np.concatenate(runs)[order], "luminosityBlock": (number - 1) // 100 + 1}
    head |= {"event": number, "genWeight": np.concatenate(weights)[order]}
    arrays = {name: ak.Array(stored("", name, column)) for name, column in head.items()}
    for name in batches[0]:
        if name not in arrays:
            arrays[name] = ak.to_packed(ak.concatenate([batch[name] for batch in batches])[order])
    return arrays


def write(path: Path, arrays: dict[str, ak.Array]) -> None:
    """Write the tree ``Events``: one counter per collection, ZSTD at level 5."""
    events = len(arrays["event"])
    with uproot.recreate(path, compression=uproot.ZSTD(5)) as file:
        tree = file.mktree(
            "Events",
            {name: array.type.content for name, array in arrays.items()},
            counter_name=lambda collection: f"n{collection}",
            field_name=lambda collection, field: f"{collection}_{field}",
        )
        for start in range(0, events, STEP):
            part = {name: array[start : start + STEP] for name, array in arrays.items()}
            tree.extend({name: ak.to_packed(array) for name, array in part.items()})


@click.command()
@click.argument("output", type=click.Path(dir_okay=False, writable=True, path_type=Path))
@click.option(
    "-p",
    "--process",
    "processes",
    multiple=True,
    default=["qcd"],
    show_default=True,
    type=click.Choice(list(PROCESSES)),
    help="Repeat it to mix processes evenly.",
)
@click.option(
    "-n",
    "--events",
    default=1000,
    show_default=True,
    type=click.IntRange(min=1),
    help="Events in all.",
)
@click.option(
    "--pileup",
    default=20.0,
    show_default=True,
    type=click.FloatRange(0, 80),
    help="Mean number of further collisions per event.",
)
@click.option(
    "--seed",
    default=1,
    show_default=True,
    type=click.IntRange(min=0),
    help="All randomness comes from this number.",
)
def main(output: Path, processes: tuple[str, ...], events: int, pileup: float, seed: int) -> None:
    """Simulate proton collisions at 13 TeV and write them to OUTPUT, a ROOT file.

    The tree is called Events, its branches are named as in CMS NanoAOD.
    """
    chosen = [name for name in PROCESSES if name in processes]
    write(output, mixture(chosen[:events], events, pileup, seed))


if __name__ == "__main__":
    main()
