"""From a trained float network to the integers that are stored."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from baler.learned.axis import Axis
from baler.learned.network import (
    NODES,
    ODDS,
    SLOTS,
    TOP,
    Array,
    CollectionNet,
    ColumnNet,
    Int16s,
)
from baler.training.dataset import untrained
from baler.training.design import CollectionDesign
from baler.training.net import LINEAR, Net

WEIGHT = 1 << 10
"""Steps of weights and rows in 1."""
TABLE = 16
"""Numbers of tables are multiples of this."""
RARE = 0.002
"""A shape that places a smaller part of a column's numbers is not kept."""
OUTPUT = 1 << 18
"""Steps of outputs in 1."""


def frozen(net: Net, axes: Sequence[Axis], plan: CollectionDesign, used: Array) -> CollectionNet:
    """Return the integer network of a collection.

    ``used`` says how often each shape is, (numeric columns, shapes): what is rarely used gives way
    to its neighbour, which takes no space in the model.
    """
    columns = []
    feature = slot = number = 0
    tables = shape_tables(net)
    tables = np.take_along_axis(tables, instead(used)[..., None], 1)
    for j, part in enumerate(plan.columns):
        axis = axes[part.axis]
        after = feature + net.sizes[j], slot + net.classes[j]
        columns.append(
            ColumnNet(
                axis=part.axis,
                base=part.base,
                base_axis=part.base_axis,
                unit=max(1, round(64 * part.unit)),
                level=round(8 * (math.log2(part.unit / 2) + 4)),
                own=_int16(net.own[feature : after[0]].T),
                own_rows=_int16(net.own_rows[slot : after[1]]),
                prev_rows=_int16(net.prev_rows[slot : after[1]]),
                bias=_int16(net.column_bias[j]),
                heads=_int16(net.heads[j]),
                offsets=np.rint(_array(net.offsets[j]) * OUTPUT).astype(np.int32),
                tables=tables[number] if axis.numeric else np.zeros((0, NODES), np.uint16),
            )
        )
        feature, slot = after
        number += axis.numeric
    return replace(
        untrained(axes, plan),
        rectified=net.hidden - LINEAR,
        columns=tuple(columns),
        object=_int16(net.object.T),
        tally=_int16(net.tally.T),
        slot=_int16(net.slot.T),
        bias=_int16(net.bias),
        event=_int16(net.event.T),
        parent=_int16(net.parent.T),
        previous=_int16(net.previous.T),
        peer=_int16(net.peer.T),
        rank_rows=_int16(net.rank),
        left_rows=_int16(net.left),
        key_rank_rows=_int16(net.key_rank),
        first_row=_int16(net.first),
        orphan_row=_int16(net.orphan),
        lonely_row=_int16(net.lonely),
    )


def instead(used: Array) -> Array:
    """Return which shape each shape is given as: itself, or the nearest that is used enough."""
    shapes = np.arange(used.shape[1])
    rare = used < RARE * np.maximum(used.sum(1, keepdims=True), 1)
    rare[np.arange(len(used)), used.argmax(1)] = False
    apart = np.abs(shapes[:, None] - shapes)[None] + used.shape[1] * rare[:, None, :]
    return np.asarray(apart.argmin(-1))


def odds() -> Array:
    """Return the frequencies of *yes* at each level of a decision: logits in steps of 1/16."""
    logits = (np.arange(ODDS) - ODDS // 2) / 16
    return np.clip(np.rint(SLOTS / (1 + np.exp(-logits))), 1, SLOTS - 1).astype(np.uint16)


def shape_tables(net: Net) -> Array:
    """Return the tables of all numeric columns: (columns, shapes, NODES)."""
    nodes = torch.linspace(-16, 16, NODES - 1)
    with torch.no_grad():
        share = net.shapes.to("cpu").cumulative(nodes).double().numpy()
    low, high = share[..., :1], share[..., -1:]
    table = TABLE * np.rint(TOP / TABLE * np.clip((share - low) / (high - low), 0, 1))
    table = table.astype(np.uint16)
    return np.concatenate([np.maximum.accumulate(table, -1), table[..., -1:]], -1)


def _int16(values: Tensor) -> Int16s:
    return np.ascontiguousarray(np.clip(np.rint(_array(values) * WEIGHT), -32000, 32000), np.int16)


def _array(values: Tensor) -> Array:
    return np.asarray(values.detach().cpu().double().numpy())
