"""Layers of float networks and the nodes that they become."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from baler.latent.arithmetic import ONE
from baler.latent.rows import Layout, Level
from baler.training.families.layers import Divide, Place
from baler.training.families.net import Net


def rows(net: Any) -> Any:
    x = net.given(Level.OBJECT, (3,))
    for name in ("leaky", "relu", "tanh", "sigmoid", "gelu", "silu"):
        x = net.function(net.linear(x, 20), name)
        x = net.norm(x)
    y = net.dropout(net.batch_norm(net.linear(x, 6)), 0.5)
    return net.linear(net.join(y, net.add(y, y)), 4)


def events(net: Any) -> Any:
    x = net.given(Level.OBJECT, (5,))
    event = net.to_objects(net.given(Level.EVENT, (2,)))
    x = net.linear(net.join(x, event), 8)
    x = net.add(x, net.attention(net.norm(x), 2))
    near = net.mean_of_nearest(net.stack(net.nearest(x, net.linear(x, 3), 3), [6], "silu"))
    mean = net.to_objects(net.to_event(near))
    return net.linear(net.join(near, mean), 3)


def blocks(net: Any) -> Any:
    x = net.given(Level.OBJECT, (7, 6, 2))
    x = net.divide(net.conv(x, 4, 5, 2))
    x = net.reshape(net.linear(net.reshape(x, (48,)), 48), (4, 3, 4))
    return net.crop(net.conv(net.divide(x, inverse=True), 2, 3, 2, up=True), (7, 6))


def blocks_of_three_axes(net: Any) -> Any:
    return net.conv(net.conv(net.given(Level.OBJECT, (4, 4, 6, 1)), 3, 3, 2), 1, 3, 2, up=True)


@pytest.mark.parametrize("write", [rows, events, blocks, blocks_of_three_axes])
def test_integers_compute_what_floats_do(write: Any) -> None:
    torch.manual_seed(0)
    net = Net()
    net.outputs = (write(net),)
    random = np.random.default_rng(0)
    layout = Layout.of(random.integers(0, 7, 50)) if write is events else Layout.table(40)
    network = net.frozen(13)
    assert network.forms[network.outputs[0]] == net.forms[net.outputs[0]]
    given = [random.normal(size=(layout.size(f.level), *f.shape)) for f in network.inputs]
    net.train()
    net([torch.from_numpy(x).float() for x in given], Place.of(layout, torch.device("cpu")))
    net.eval()
    network = net.frozen(13)
    with torch.no_grad():
        (floats,) = net(
            [torch.from_numpy(x).float() for x in given], Place.of(layout, torch.device("cpu"))
        )
    (numbers,) = network.run([np.rint(x * ONE) for x in given], layout)
    apart = np.abs(numbers / ONE - floats.numpy())
    # neighbours that are equally far may change places
    assert np.quantile(apart, 0.95) < 4e-3
    assert write is events or apart.max() < 2e-2


def test_divisive_normalisation_is_exact_whatever_it_has_learned() -> None:
    for gamma, beta in ((1.0, 1.0), (0.3, 40.0), (1e-6, 0.0), (0.0, 1.0)):
        net = Net()
        x = net.divide(net.given(Level.OBJECT, (4, 4, 32)))
        net.outputs = (net.divide(x, inverse=True),)
        for layer in net.layers:
            if isinstance(layer, Divide):
                torch.nn.init.constant_(layer.gamma, gamma)
                torch.nn.init.constant_(layer.beta, beta)
        net.frozen()


def test_dropout_leaves_nothing_behind_in_integers() -> None:
    net = Net()
    x = net.given(Level.OBJECT, (3,))
    net.outputs = (net.dropout(net.linear(net.dropout(x, 0.5), 2), 0.5),)
    assert len(net.frozen().nodes) == 2
