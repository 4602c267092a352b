"""Golden payloads decode to the same values for ever; today's encoder makes the bytes it made."""

from __future__ import annotations

import hashlib
import importlib.util
import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from baler.codecs import decode, describe, encode
from baler.codecs.base import codecs
from baler.codecs.formulas import FORMULAS
from baler.core.schema import DTYPES

HERE = Path(__file__).parent
MANIFEST: dict[str, dict[str, Any]] = json.loads((HERE / "payloads/manifest.json").read_text())
ENCODER: dict[str, dict[str, Any]] = json.loads((HERE / "encoder.json").read_text())


@pytest.mark.parametrize("name", MANIFEST)
def test_a_payload_decodes_to_the_values_it_always_had(name: str) -> None:
    entry, payload = MANIFEST[name], (HERE / f"payloads/{name}.bin").read_bytes()
    parents = {
        int(i): np.frombuffer(bytes.fromhex(parent["hex"]), parent["dtype"])
        for i, parent in entry["parents"].items()
    }
    dtype = np.dtype(entry["dtype"])
    values = decode(payload, dtype, entry["size"], parents.__getitem__)
    assert values.dtype == dtype
    assert values.shape == (entry["size"],)
    assert hashlib.sha256(values.tobytes()).hexdigest() == entry["sha256"]
    assert describe(payload, dtype) == entry["description"]


def test_every_payload_is_in_the_manifest() -> None:
    assert sorted(path.stem for path in HERE.glob("payloads/*.bin")) == sorted(MANIFEST)


def test_every_codec_lattice_and_formula_has_a_payload() -> None:
    words = {
        word
        for entry in MANIFEST.values()
        for word in entry["description"].replace("~", ">").replace("+", ">").split(">")
    }
    lattices = {"int", "bits", "decimal", "abs", "sigma", "rel", "dither"}
    names = {codec.name for codec in codecs().values()} - {"grid", "learned", "predicted", "split"}
    assert words == names | lattices | {formula.name for formula in FORMULAS}
    assert {entry["dtype"] for entry in MANIFEST.values()} < set(DTYPES)


def test_the_encoder_makes_the_bytes_it_made() -> None:
    versions = ENCODER["versions"]
    if versions != {name: version(name) for name in versions}:
        pytest.skip(f"the bytes are those of {versions}")
    spec = importlib.util.spec_from_file_location("make_payloads", HERE / "make_payloads.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found: dict[str, Any] = {"versions": versions}
    for name, values, recipe, parents in module.encoder_cases():
        payload = encode(values, recipe, parents.__getitem__, seed=7)
        found[name] = {
            "bytes": len(payload),
            "sha256": hashlib.sha256(payload).hexdigest(),
            "is": describe(payload, values.dtype),
        }
    assert found == ENCODER
