import enum
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from baler.learned.axis import Axis
from baler.learned.network import CollectionNet
from baler.learned.task import Task

class Status(enum.Enum):
    """How coding ended."""

    OK = ...
    TOO_SHORT = ...
    BAD_STATE = ...
    BAD_LENGTH = ...
    BAD_NUMBER = ...
    BAD_CLASS = ...

class Kernel:
    """A network in the memory layout of one level of instructions; any threads may share it."""

    def __init__(
        self, level: str, net: CollectionNet, axes: Sequence[Axis], odds: npt.NDArray[np.uint16]
    ) -> None: ...
    def encode(
        self, task: Task, lanes: int, bits: npt.NDArray[np.float64]
    ) -> tuple[Status, int, list[bytes]]:
        """Return how it ended, in which lane, and the streams; fill in what each column costs."""

    def decode(self, task: Task, streams: list[bytes]) -> tuple[Status, int]:
        """Fill in the task; return how it ended, and in which lane."""

def levels() -> list[str]:
    """Return the levels of instructions that run on this processor, the slowest first."""
