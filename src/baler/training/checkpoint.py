"""The state of an unfinished training, in a file beside the model to be."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import torch

from baler.core.replacing import replacing
from baler.training.loop import Progress

_FIELDS = {field.name for field in fields(Progress)}


class Checkpoint:
    """Progress of networks by the names of their counts; a file of other arguments is ignored."""

    def __init__(self, path: Path, key: Mapping[str, Any]) -> None:
        """Read what there is. ``key`` is all that the training depends on, as plain JSON.

        ``notes`` say what was found, if anybody should know.
        """
        self._path = path
        self._key = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()
        self._known: dict[str, dict[str, Any]] = {}
        self.notes: tuple[str, ...] = ()
        if path.exists():
            self._read()

    def _read(self) -> None:
        try:
            content = torch.load(self._path, weights_only=True, map_location="cpu")
            key, known = content["key"], content["progress"]
            fields_known = [set(progress) for progress in known.values()]
        except Exception:  # whatever a damaged file leads PyTorch to
            self.notes = (f"{self._path} is damaged; the training began anew",)
            return
        if key != self._key or any(found != _FIELDS for found in fields_known):
            self.notes = (f"{self._path} is of another training; this one began anew",)
            return
        self._known = known
        self.notes = (f"went on with the training in {self._path}",)

    def load(self, name: str) -> Progress | None:
        """Return how far a network is; None if it was not begun."""
        return Progress(**self._known[name]) if name in self._known else None

    def save(self, name: str, progress: Progress) -> None:
        """Write how far a network is."""
        self._known[name] = asdict(progress)
        with replacing(self._path, overwrite=True) as path:
            torch.save({"key": self._key, "progress": self._known}, path)

    def remove(self) -> None:
        """Forget everything."""
        self._path.unlink(missing_ok=True)
