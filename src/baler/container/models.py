"""Models of either kind, told apart by how their bytes begin."""

from __future__ import annotations

from baler.latent import stored as latent
from baler.latent.model import LatentModel
from baler.learned.model import Model

AnyModel = Model | LatentModel


def unpack_model(data: bytes | memoryview) -> AnyModel:
    """Return the model in a file or in a ``.baler`` file; raises a FormatError if it is none."""
    if bytes(data[: len(latent.MAGIC)]) == latent.MAGIC:
        return LatentModel.unpack(data)
    return Model.unpack(bytes(data))
