"""What events of a study go through: every codec of ``baler evaluate``, by every policy."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

from baler.api.models import load
from baler.cli.candidates import LEARNED, Length, all_candidates, columns_for
from baler.core.bounds import Bound, Free, Range
from baler.core.chunk import Chunk
from baler.errors import UsageError, near
from baler.evaluate.candidates import (
    Candidate,
    Coded,
    Coder,
    FamilyCandidate,
    Kind,
    LearnedCandidate,
    Ours,
    PeerCandidate,
    Setting,
    Told,
    Untrained,
    by_bounds,
)
from baler.evaluate.events import Events as Judged
from baler.evaluate.peers import FILES, FilePeer
from baler.learned.model import Model
from baler.physics.events import Events
from baler.physics.treatment import Treated, Treatment
from baler.planning import Policy

USUAL = "baler,mantissa + LZMA-9,SZ3"
"""The codecs that are studied unless others are named."""
DITHERED = "baler + dither"
"""Ours, with dither whatever the policy says."""
LATENTS = (8,)
"""Latents of an object, for families of autoencoders."""


@dataclass(frozen=True, slots=True)
class Learnt:
    """Where models come from: a file, or a training on other events than those of the study."""

    model: str | os.PathLike[str] | None = None  # for "baler + learned model", at all bounds
    events: Events | None = None
    length: Length = field(default_factory=Length)


@dataclass(frozen=True, slots=True)
class FileCandidate:
    """A whole file of another format."""

    peer: FilePeer
    kind: Kind = "peer"
    bounded: bool = True

    @property
    def name(self) -> str:
        """That of the peer, without the comma, which separates names."""
        return self.peer.name.removesuffix(", exact").replace(", ", " ")

    def missing(self) -> str:
        """Name the packages that are not installed."""
        lacking = self.peer.missing()
        return f"not installed: {', '.join(lacking)}" if lacking else ""

    def settings(
        self, events: Judged, scales: Sequence[float], latents: Sequence[int]
    ) -> list[Setting]:
        """Return a setting for each scale; one, if bounds do not matter."""
        return by_bounds(events, scales) if self.peer.kind == "bounded" else [Setting()]

    def coder(self, events: Judged, setting: Setting, told: Told) -> Coder:
        """Return what writes and reads files."""
        bounds = events.at(setting.scale)

        def code(chunk: Chunk) -> Coded:
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "events"
                start = time.process_time()
                self.peer.write(path, events.schema, [chunk], bounds)
                middle = time.process_time()
                columns = dict(self.peer.read(path, events.schema))
                end = time.process_time()
                return Coded(path.stat().st_size, columns, middle - start, end - middle)

        return Untrained(code)


def treatments(
    events: Events,
    codecs: str | None,
    policies: Sequence[tuple[str, Policy]],
    scales: Sequence[float] = (1.0,),
    *,
    latents: Sequence[int] = LATENTS,
    learnt: Learnt | None = None,
) -> list[Treatment]:
    """Return the treatments of samples with the columns of ``events``.

    ``codecs`` has patterns of names, separated by commas. A codec that makes use of bounds is there
    once for each policy, by its name, and each scale, by which all bounds are multiplied; others
    are there once. ``range`` bounds are resolved by ``events``. Nothing is trained before it is
    applied; what is trained is kept for the next sample.

    Raises UsageError for a pattern that matches nothing, and for a codec that has to be trained if
    there is nothing to train it on; UnknownColumn for a policy that does not fit.
    """
    learnt = learnt or Learnt()
    found: dict[tuple[str, str], Treatment] = {}
    for codec in codecs_of(codecs, learnt):
        for name, policy in policies or [("exact", Policy())]:
            judged = _judged(events, policy, learnt)
            for setting in codec.settings(judged, scales, latents):
                one = _treatment(codec, name, policy, judged, setting)
                found.setdefault((one.codec, one.policy), one)
    return list(found.values())


def codecs_of(patterns: str | None, learnt: Learnt) -> list[Candidate]:
    """Return the codecs that match some patterns, in their order; raises UsageError."""
    known = all_candidates(learnt.length)
    place = [codec.name for codec in known].index("baler") + 1
    known[place:place] = [Ours(DITHERED, dither=True)]
    known += [FileCandidate(peer) for peer in FILES if isinstance(peer, FilePeer)]
    names = [codec.name for codec in known]
    wanted = [pattern.strip() for pattern in (patterns or USUAL).split(",")]
    for pattern in wanted:
        if not any(fnmatchcase(name, pattern) for name in names):
            raise UsageError(
                f"no codec matches {pattern!r}{near(pattern, names, limit=len(names))}"
            )
    chosen = {c.name: c for pattern in wanted for c in known if fnmatchcase(c.name, pattern)}
    return [_fitted(codec, learnt) for codec in chosen.values()]


def _fitted(codec: Candidate, learnt: Learnt) -> Candidate:
    """Return a codec that takes the model that is given, if it takes any."""
    if isinstance(codec, LearnedCandidate) and learnt.model is not None:
        model = load(learnt.model)
        if not isinstance(model, Model):
            raise UsageError(f"{os.fspath(learnt.model)!r} is no learned model but one of a family")
        return replace(codec, train=lambda events, bounds, told: model, why_not="")
    if isinstance(codec, LearnedCandidate | FamilyCandidate) and learnt.events is None:
        given = "--train FILE, or --model FILE" if codec.name == LEARNED else "--train FILE"
        raise UsageError(f"{codec.name!r} has to be trained on other events: give {given}")
    return codec


def _judged(events: Events, policy: Policy, learnt: Learnt) -> Judged:
    """Return the bounds of a policy, and what is trained on."""
    asked = zip(events.schema.columns, policy.bounds(events.schema), strict=True)
    bounds = {
        column.name: bound.resolve(events.chunk.columns[column.name])
        if isinstance(bound, Range) else bound
        for column, bound in asked
    }  # fmt: skip
    trained = events if learnt.events is None else learnt.events
    if trained.schema.columns != events.schema.columns:
        raise UsageError(f"{trained.name} does not have the columns of {events.name}")
    return Judged(events.schema, trained.chunk, {}, bounds)


def _treatment(
    codec: Candidate, name: str, policy: Policy, judged: Judged, setting: Setting
) -> Treatment:
    indifferent = isinstance(codec, PeerCandidate | FileCandidate) and codec.peer.kind == "exact"
    if indifferent or not judged.lossy:
        name, bounds = "exact", dict[str, Bound]()
    else:
        bounds = {n: bound for n, bound in judged.at(setting.scale).items() if bound.lossy}
        name += f" x {setting.scale:g}" if setting.scale != 1 else ""
    if not codec.bounded:
        bounds |= {column.name: Free() for column in columns_for(judged)}
    if setting.latent:
        latents = f"{setting.latent} latents"
        name = latents if name == "exact" else f"{name}, {latents}"
    if policy.dither and isinstance(codec, Ours):
        codec = replace(codec, dither=True)
    return Treatment(codec.name, name, bounds, _applied(codec, judged, setting))


def _applied(codec: Candidate, judged: Judged, setting: Setting) -> Callable[[Events], Treated]:
    @cache
    def coder() -> Coder:
        if reason := codec.missing():
            raise UsageError(reason)
        return codec.coder(judged, setting, lambda told: None)

    def apply(events: Events) -> Treated:
        if events.schema.columns != judged.schema.columns:
            raise UsageError(f"{events.name} does not have the columns of the first sample")
        coded = coder().code(events.chunk)
        return Treated(
            events.with_columns(coded.columns),
            coded.size,
            coder().model_bytes,
            coded.compress_seconds,
            coded.decompress_seconds,
        )

    return apply
