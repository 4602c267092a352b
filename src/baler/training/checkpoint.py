"""The state of an unfinished training, in a file beside the model to be."""

from __future__ import annotations

import hashlib
import json
import pickle
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from baler.core.replacing import replacing
from baler.training.loop import Progress


class Checkpoint:
    """Progress of networks by the names of their counts; a file of other arguments is ignored."""

    def __init__(self, path: Path, key: Mapping[str, Any]) -> None:
        """Read what there is. ``key`` is all that the training depends on."""
        self._path = path
        self._key = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()
        self._known: dict[str, dict[str, Any]] = {}
        try:
            content = torch.load(path, weights_only=True)
        except (OSError, RuntimeError, EOFError, pickle.UnpicklingError):
            return
        if isinstance(content, dict) and content.get("key") == self._key:
            self._known = content["progress"]

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
