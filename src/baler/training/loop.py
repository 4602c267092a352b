"""Training one network: steps, the best state, and where to go on after an interruption."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from baler.training.batches import Batches
from baler.training.interrupts import between_steps
from baler.training.net import Net

BATCH = 1024
PEAK_RATE = 3e-3
WARM_UP = 150
PATIENCE = 0.3
"""Part of a training after which it ends if it is hopeless."""
HOPELESS = 0.998
"""It is, if columns take more than this part of what they take without a model."""
EVALUATED = 16384
"""Held-out objects that a state is judged by while training."""

Report = Callable[[float, float], None]
"""Called with the part of the training that is done and held-out bits per object."""


@dataclass
class Progress:
    """Everything that is needed to go on with a training."""

    step: int = 0
    spent: float = 0.0  # seconds
    next_look: float = 0.0  # part of the training after which it is evaluated again
    ended: bool = False  # it is hopeless
    best_bits: float = math.inf
    best: dict[str, Tensor] = field(default_factory=dict)
    net: dict[str, Tensor] = field(default_factory=dict)
    average: dict[str, Tensor] = field(default_factory=dict)
    optimizer: dict[str, Any] = field(default_factory=dict)


def train_net(
    net: Net,
    data: Batches,
    held: Batches,
    *,
    seconds: float,
    steps: int | None,
    seed: int,
    start: Progress | None,
    report: Report,
    marginal: Tensor,
    price: float,
    keep: Callable[[Progress], None],
) -> Progress:
    """Train for so many steps, or seconds if they are None; the net ends in its best state.

    ``marginal`` are the bits that each column takes without a model, which will be used wherever
    it is better; ``price`` is what a bit of the model costs, in bits of an object.
    ``keep`` is called every half minute, and before KeyboardInterrupt leaves, with what is needed
    to resume.
    """
    now = start or Progress()
    optimizer = torch.optim.Adam(_groups(net), lr=PEAK_RATE)
    if now.net:
        net.load_state_dict(now.net)
    if now.optimizer:
        optimizer.load_state_dict(now.optimizer)
    average = {name: value.detach().clone() for name, value in net.named_parameters()}
    for name, value in now.average.items():
        average[name].copy_(value)
    before, kept = now.spent, time.monotonic()
    begin = time.monotonic()

    def done() -> float:
        return now.step / steps if steps else now.spent / max(seconds, 1e-9)

    def save() -> None:
        now.net, now.optimizer, now.average = net.state_dict(), optimizer.state_dict(), average
        keep(now)

    try:
        with between_steps() as check:
            while (part := done()) < 1 and not now.ended:
                for group in optimizer.param_groups:
                    group["lr"] = group["share"] * PEAK_RATE * _schedule(part, now.step)
                where = _batch(seed, now.step, data.size).to(net.bias.device)
                bits = net(data.pick(where)).sum(1).mean()
                optimizer.zero_grad(set_to_none=True)
                (bits + price * net.model_bits()).backward()
                torch.nn.utils.clip_grad_norm_(net.parameters(), 10.0)
                optimizer.step()
                now.step += 1
                now.spent = before + time.monotonic() - begin
                decay = min(0.998, 1 - 10 / (now.step + 20))
                with torch.no_grad():
                    for name, value in net.named_parameters():
                        average[name].lerp_(value, 1 - decay)
                if done() >= now.next_look or done() >= 1:
                    now.next_look = done() + 0.05
                    own = copy.deepcopy(net.state_dict())
                    net.load_state_dict(average, strict=False)
                    each = bits_of(net, held, EVALUATED).cpu()
                    held_bits = float(torch.minimum(each, marginal).sum())
                    if held_bits < now.best_bits:
                        now.best_bits, now.best = held_bits, copy.deepcopy(average)
                    net.load_state_dict(own)
                    limit = HOPELESS * float(marginal.sum())
                    now.ended = done() > PATIENCE and now.best_bits > limit
                    report(min(1.0, done()), held_bits)
                if time.monotonic() - kept > 30:
                    kept = time.monotonic()
                    save()
                check()
    except KeyboardInterrupt:
        save()
        raise
    if now.best:
        net.load_state_dict(now.best, strict=False)
    now.net, now.optimizer, now.average = net.state_dict(), {}, {}
    return now


def bits_of(net: Net, data: Batches, most: int) -> Tensor:
    """Return the mean bits of each column over (at most so many, evenly spread) objects."""
    where = torch.linspace(0, data.size - 1, min(most, data.size)).long()
    with torch.no_grad():
        parts = [net(data.pick(part.to(net.bias.device))) for part in torch.split(where, 4096)]
    return torch.cat(parts).mean(0)


def shapes_used(net: Net, data: Batches) -> Tensor:
    """Return how many of at most some objects' numbers each shape places."""
    where = torch.linspace(0, data.size - 1, min(EVALUATED, data.size)).long()
    with torch.no_grad():
        batches = (data.pick(part.to(net.bias.device)) for part in torch.split(where, 4096))
        return torch.stack([net.shapes_used(batch) for batch in batches]).sum(0).cpu()


def _schedule(part: float, step: int) -> float:
    """Return the part of the peak rate: a short rise, a level stretch, a fall."""
    rise = min(1.0, (step + 10) / WARM_UP)
    return rise * (
        1.0 if part < 0.3 else max(0.002, 0.5 + 0.5 * math.cos(math.pi * (part - 0.3) / 0.7))
    )


def _batch(seed: int, step: int, size: int) -> Tensor:
    """Return positions of a batch, the same for the same seed and step."""
    draws = np.random.default_rng((seed, step)).integers(0, size, min(BATCH, 4 * size))
    return torch.from_numpy(draws)


def _groups(net: Net) -> list[dict[str, Any]]:
    """Return parameters with their rates: small where many inputs add up."""
    inputs = {"event", "parent", "object", "previous", "peer", "own"}
    groups = []
    for name, value in net.named_parameters():
        share = min(1.0, 16 / max(value.shape[0], 1)) if name in inputs else 1.0
        groups.append({"params": [value], "share": max(share, 0.5) if name == "own" else share})
    return groups
