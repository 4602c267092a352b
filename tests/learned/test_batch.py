"""Outputs of many objects at once; that they equal the reference's is in test_reference.py."""

from __future__ import annotations

import numpy as np
import pytest

from baler.learned.batch import forward
from baler.learned.part import part_of
from tests.learned.models import CHILDREN, EVENTS, PARENTS, random_model, random_task


@pytest.mark.parametrize("which", [EVENTS, PARENTS, CHILDREN])
def test_an_event_does_not_know_where_it_is(which: int) -> None:
    rng = np.random.default_rng(which)
    model = random_model(rng)
    net = model.collections[which]
    task = random_task(rng, model, net, events=15)
    outputs = forward(model, net, task)
    ends = np.cumsum(task.counts)
    for e in range(task.events):
        alone = forward(model, net, part_of(task, e, e + 1))
        here = slice(int(ends[e] - task.counts[e]), int(ends[e]))
        for found, expected in zip(alone, outputs, strict=True):
            assert np.array_equal(found, expected[here])
