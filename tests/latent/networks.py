"""Small networks that together have every kind of node."""

from __future__ import annotations

from typing import Any

import numpy as np

from baler.latent import nodes
from baler.latent.arithmetic import FUNCTIONS
from baler.latent.network import Network
from baler.latent.nodes import Input
from baler.latent.rows import Level


def linear(random: Any, *shape: Any, shift: Any = 12) -> Any:
    """Weights of about one over the root of their number, and small biases."""
    most = int(2**shift * 2 / np.sqrt(np.prod(shape[1:]) or 1))
    weights = random.integers(-most, most + 1, shape).astype(np.int16)
    return weights, random.integers(-(1 << 26), 1 << 26, shape[0]), shift


def rows(random: Any) -> Any:
    """Of a table: matrices, activations, sums."""
    made = [Input((), Level.OBJECT, (3,)), nodes.Dense((0,), *linear(random, 6, 3))]
    made += [nodes.Activation((1,), name) for name in FUNCTIONS]
    made += [nodes.Concat(tuple(range(2, 2 + len(FUNCTIONS))))]
    made += [nodes.Norm((len(made) - 1,))]
    channels = 6 * len(FUNCTIONS)
    made += [nodes.Affine((len(made) - 1,), *linear(random, channels))]
    made += [nodes.Add((len(made) - 1, len(made) - 3))]
    made += [nodes.Dense((len(made) - 1,), *linear(random, 4, channels))]
    return Network(tuple(made), (len(made) - 1,))


def events(random: Any) -> Any:
    """Of events: attention, pooling, neighbours."""
    made = [Input((), Level.OBJECT, (4,)), Input((), Level.EVENT, (2,))]
    made += [nodes.Spread((1,)), nodes.Concat((0, 2)), nodes.Dense((3,), *linear(random, 4, 6))]
    made += [nodes.Attention((4, 3 + 1, 0), 2), nodes.Add((4, 5))]
    made += [nodes.Dense((6,), *linear(random, 3, 4)), nodes.Neighbours((6, 7), 3)]
    made += [nodes.Dense((8,), *linear(random, 5, 7)), nodes.Activation((9,), "relu")]
    made += [nodes.Gather((10,)), nodes.Pool((11,)), nodes.Spread((12,)), nodes.Concat((11, 13))]
    made += [nodes.Dense((14,), *linear(random, 4, 10))]
    return Network(tuple(made), (15,))


def grid(random: Any) -> Any:
    """Of blocks: convolutions there and back, divisive normalisation."""
    gamma = random.integers(0, 1 << 10, (3, 3)).astype(np.int16)
    beta = random.integers(1 << 38, 1 << 40, 3)
    made = [
        Input((), Level.OBJECT, (5, 4, 2)),
        nodes.Conv((0,), *linear(random, 3, 3, 3, 2), 2, False),
    ]
    made += [nodes.Divisive((1,), gamma, beta, 12, False), nodes.Reshape((2,), (18,))]
    made += [nodes.Dense((3,), *linear(random, 18, 18)), nodes.Reshape((4,), (3, 2, 3))]
    made += [nodes.Divisive((5,), gamma, beta, 12, True)]
    made += [nodes.Conv((6,), *linear(random, 2, 3, 3, 3), 2, True)]
    made += [nodes.Crop((7,), (5, 4))]
    return Network(tuple(made), (8,))


ALL = {"rows": rows, "events": events, "grid": grid}
