"""Columns to payloads and back: `encode`, `decode` and `describe`."""

from baler.codecs.column import Context, decode, describe, encode

__all__ = ["Context", "decode", "describe", "encode"]
