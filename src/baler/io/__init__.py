"""Foreign files: ROOT, Parquet and NumPy, as sources of chunks and sinks for them."""

from baler.io.base import Sink, Source, create_sink, open_source

__all__ = ["Sink", "Source", "create_sink", "open_source"]
