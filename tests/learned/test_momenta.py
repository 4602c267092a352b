"""What is derived in native code has the bits of NumPy's; ranks are those of the document."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baler.learned.derived import Derived, Family, _components

native = pytest.importorskip("baler.learned.native")

EDGES = [0.0, -0.0, np.nan, np.inf, -np.inf, 1.0, -1.0, np.nextafter(1.0, 0), 2.0**20, -(2.0**20)]
FURTHER = [708.0, -708.5, 1e300, 5e-324, np.pi, -np.pi, np.pi / 4, 3 * np.pi / 4, 2.0**20 - 1e-9]


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 1 << 32), st.sampled_from([0, 1, 5, 512, 1200]))
@pytest.mark.parametrize("level", native.LEVELS)
def test_momenta_are_those_of_the_reference(level: str, seed: int, size: int) -> None:
    rng = np.random.default_rng(seed)

    def some(scale: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        usual = rng.normal(size=size) * scale * 10.0 ** rng.integers(-3, 3, size)
        return np.where(rng.random(size) < 0.3, rng.choice(EDGES + FURTHER, size), usual)

    pt, eta, phi = some(30.0), some(3.0), some(3.0)
    with np.errstate(all="ignore"):
        expected = _components(pt, eta, phi)
    found = native.momenta(pt, eta, phi, level=level)
    for here, there in zip(found, expected, strict=True):
        unknown = np.isnan(there)
        assert np.array_equal(np.isnan(here), unknown)
        assert here[~unknown].tobytes() == there[~unknown].tobytes()


@given(st.integers(0, 1 << 32))
def test_children_are_ranked_by_pt(seed: int) -> None:
    rng = np.random.default_rng(seed)
    objects, children = 5, int(rng.integers(0, 30))
    owner = rng.integers(-1, objects, children)
    pt = np.round(rng.exponential(5, children))
    one, two = rng.integers(-1, 2, children), rng.integers(0, 2, children)
    nothing = np.zeros(children)
    family = Family(owner, objects, pt, nothing, nothing, nothing)
    kinds = (Derived.SECOND, Derived.FIRST, Derived.THIRD)
    for selector, constant in ((one, 1), (two, 1), (one, 0), (one, -1), (two, -2)):
        for kind in kinds:
            found = family.derive(kind, selector, constant)
            for k in range(objects):
                chosen = (owner == k) & (
                    True if constant == -2 else selector != 0 if constant == -1
                    else np.abs(selector) == constant
                )  # fmt: skip
                ranked = [*sorted(pt[chosen], reverse=True), 0.0, 0.0, 0.0]
                assert found[k] == ranked[kind - Derived.FIRST]


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 1 << 32), st.sampled_from([0, 1, 5, 200]))
def test_sums_and_ranks_are_those_of_the_reference(seed: int, size: int) -> None:
    rng = np.random.default_rng(seed)
    owner, nothing = rng.integers(-1, 7, size), np.zeros(size)
    pt = np.where(rng.random(size) < 0.5, rng.choice(EDGES, size), rng.normal(size=size))
    selector = rng.integers(-1, 3, size)
    found = []
    for name in ("", "reference"):
        with pytest.MonkeyPatch.context() as patch, np.errstate(all="ignore"):
            patch.setenv("BALER_KERNEL", name)
            family = Family(owner, 7, pt, nothing, nothing, nothing)
            ranked = [family.largest(selector, constant) for constant in (-2, -1, 0, 1)]
            found.append(np.stack([family.sum(family.pt), *np.concatenate(ranked)]))
    here, there = found
    unknown = np.isnan(there)
    assert np.array_equal(np.isnan(here), unknown)
    assert here[~unknown].tobytes() == there[~unknown].tobytes()


def test_children_of_no_object_are_refused() -> None:
    for owner in (-1, 3):
        with pytest.raises(ValueError, match="belongs to no object"):
            native.sums(np.ones(2), np.array([0, owner]), np.empty(3))
    with pytest.raises(ValueError, match="unexpected shape"):
        native.sums(np.ones(2), np.array([0]), np.empty(3))
    with pytest.raises(ValueError, match="unexpected shape"):
        native.largest(np.ones(2), np.array([0, 1]), np.ones(1, np.bool_), np.empty((3, 3)))
