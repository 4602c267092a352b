"""Columns to payloads and back: `encode`, `decode` and `describe`."""

from baler.codecs.base import Context
from baler.codecs.column import decode, describe, encode

__all__ = ["Context", "decode", "describe", "encode"]
