"""Laws of networks of integers; what they compute, number by number."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from baler.core.bytes import varint
from baler.errors import BalerError, Corrupt
from baler.latent import nodes
from baler.latent.arithmetic import LIMIT
from baler.latent.network import Network
from baler.latent.rows import Layout, Level
from baler.latent.stored import pack_encoding, pack_network, unpack_encoding
from tests import reference_latent
from tests.reference_decoder import Cursor

from . import networks


def inputs_of(network: Any, layout: Any, random: Any, width: Any) -> Any:
    return [
        random.integers(-width, width + 1, (layout.size(form.level), *form.shape)).astype(float)
        for form in network.inputs
    ]


@settings(max_examples=30, deadline=None)
@given(
    st.sampled_from(sorted(networks.ALL)),
    st.lists(st.integers(0, 5), max_size=6),
    st.sampled_from([100, 1 << 14, LIMIT, 1 << 30]),
    st.integers(0, 2**32),
)
def test_a_network_equals_its_evaluation_in_python_integers(
    name: str, counts: Any, width: Any, seed: int
) -> None:
    random = np.random.default_rng(seed)
    network = networks.ALL[name](random)
    counts = np.array(counts, np.int64)
    layout = Layout.of(counts) if name == "events" else Layout.table(len(counts))
    inputs = inputs_of(network, layout, random, width)
    (found,) = network.run(inputs, layout)
    page = reference_latent.read_network(Cursor(pack_network(network)))
    (expected,) = reference_latent.run(page, inputs, layout.counts)
    assert found.shape == expected.shape
    assert (found == expected.astype(float)).all()
    assert (np.abs(found) <= LIMIT).all()


def test_events_do_not_depend_on_those_computed_with_them() -> None:
    random = np.random.default_rng(1)
    network = networks.events(random)
    counts = random.integers(0, 9, 3000)
    counts[7] = 40
    layout = Layout.of(counts)
    inputs = inputs_of(network, layout, random, 1 << 15)
    (together,) = network.run(inputs, layout)
    for event in (0, 7, 2999):
        first, size = layout.starts[event], counts[event]
        objects, own = inputs[0][first : first + size], inputs[1][event : event + 1]
        (alone,) = network.run([objects, own], Layout.of(counts[event : event + 1]))
        assert (together[first : first + size] == alone).all()


def test_objects_may_come_in_any_order() -> None:
    random = np.random.default_rng(2)
    network = networks.events(random)
    objects, event = inputs_of(network, Layout.of(np.array([7])), random, 1 << 15)
    layout, order = Layout.of(np.array([7])), random.permutation(7)
    (first,) = network.run([objects, event], layout)
    (second,) = network.run([objects[order], event], layout)
    assert (first[order] == second).all()


@pytest.mark.parametrize("name", sorted(networks.ALL))
def test_a_network_comes_back_from_its_bytes(name: str) -> None:
    network = networks.ALL[name](np.random.default_rng(3))
    back = unpack_encoding(pack_encoding(network))
    assert pack_network(back) == pack_network(network)
    assert back.forms == network.forms


@pytest.mark.parametrize("name", sorted(networks.ALL))
def test_damaged_networks_end_in_errors_of_ours(name: str) -> None:
    data = pack_encoding(networks.ALL[name](np.random.default_rng(3)))
    for end in range(len(data)):
        with pytest.raises(BalerError):
            unpack_encoding(data[:end])
    random = np.random.default_rng(4)
    for at in random.integers(5, len(data), 300):
        bad = bytearray(data)
        bad[at] ^= 1 << int(random.integers(8))
        with pytest.raises(BalerError):
            unpack_encoding(bytes(bad))


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(sorted(networks.ALL)), st.integers(0, 2**32), st.integers(0, 255))
def test_networks_with_a_right_checksum_and_wrong_bytes_are_networks_or_errors(
    name: str, seed: int, value: Any
) -> None:
    import zlib

    data = pack_encoding(networks.ALL[name](np.random.default_rng(3)))
    body = bytearray(data[4:])
    body[seed % len(body)] = value
    data = zlib.crc32(body).to_bytes(4, "little") + body
    try:
        network = unpack_encoding(bytes(data))
    except BalerError:
        return
    assert network.forms


def dense(weights: Any, shift: Any = 12) -> Any:
    weights = np.array(weights, np.int16)
    return nodes.Dense((0,), weights, np.zeros(len(weights), np.int64), shift)


ROWS = nodes.Input((), Level.OBJECT, (2,))
BAD = {
    "sums that stay exact": (
        nodes.Input((), Level.OBJECT, (4096,)), dense(np.full((1, 4096), 32767), 0),
        nodes.Affine((1,), np.array([1], np.int16), np.array([1 << 60]), 0),
    ),
    "weights for 2 channels": (ROWS, dense([[1, 2, 3]])),
    "a shift of 0 to 30": (ROWS, dense([[1, 2]], 31)),
    "looks at nodes": (ROWS, replace(dense([[1, 2]]), inputs=(1,))),
    "two inputs of one form": (ROWS, dense([[1, 2]]), nodes.Add((0, 1))),
    "a known activation": (ROWS, nodes.Activation((0,), "sine")),
    "heads that divide": (ROWS, nodes.Attention((0, 0, 0), 3)),
    "as many numbers": (ROWS, nodes.Reshape((0,), (3,))),
    "rows of shape": (nodes.Input((), Level.OBJECT, (1 << 12, 1 << 12)),),
    "channels": (nodes.Input((), Level.OBJECT, (1 << 17,)),),
    "needs events": (ROWS, nodes.Spread((0,))),
    "a root that is real": (
        ROWS,
        nodes.Divisive((0,), -np.ones((2, 2), np.int16), np.ones(2, np.int64), 0, False),
    ),
    "a block that holds": (ROWS, nodes.Crop((0,), (3,))),
    "a kernel": (
        ROWS,
        nodes.Conv((0,), np.ones((1, 3, 2), np.int16), np.zeros(1, np.int64), 0, 1, False),
    ),
}  # fmt: skip


@pytest.mark.parametrize("fault", BAD)
def test_networks_that_cannot_be_exact_cannot_be_made(fault: Any) -> None:
    with pytest.raises(Corrupt, match=fault):
        Network(BAD[fault], (len(BAD[fault]) - 1,))


def test_a_model_cannot_ask_for_more_memory_than_it_has_numbers() -> None:
    weights = np.zeros((1 << 12, 1 << 12), np.int16)
    many = [ROWS, nodes.Dense((0,), weights[:, :2], np.zeros(1 << 12, np.int64), 0)]
    many += [nodes.Dense((1,), weights, np.zeros(1 << 12, np.int64), 0)] * 2
    with pytest.raises(Corrupt, match="more than 16777216 numbers"):
        unpack_encoding(pack_encoding(Network(tuple(many), (3,))))


def test_events_with_too_many_objects_are_refused() -> None:
    random = np.random.default_rng(0)
    network = networks.events(random)
    layout = Layout.of(np.array([5000]))
    with pytest.raises(Corrupt, match="5000 objects"):
        network.run(inputs_of(network, layout, random, 10), layout)


def test_a_network_without_outputs_is_none() -> None:
    with pytest.raises(Corrupt, match="outputs"):
        Network((ROWS,), ())
    assert varint(0) == b"\0"
