"""Columns to payloads and back: `encode`, `decode` and `describe`."""

from baler.codecs.base import Context
from baler.codecs.column import decode, describe, encode
from baler.codecs.learned import (
    LearnedPart,
    accounted,
    decode_learned,
    encode_learned,
    is_learned,
)
from baler.codecs.predicted import CLASSES, encode_predicted, is_predicted

__all__ = [
    "CLASSES",
    "Context",
    "LearnedPart",
    "accounted",
    "decode",
    "decode_learned",
    "describe",
    "encode",
    "encode_learned",
    "encode_predicted",
    "is_learned",
    "is_predicted",
]
