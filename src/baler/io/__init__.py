"""Foreign files: ROOT, Parquet and NumPy, as sources of chunks and sinks for them."""

from baler.io.base import Sink, Source, create_sink, open_source
from baler.io.first import file_name, first_entries

__all__ = ["Sink", "Source", "create_sink", "file_name", "first_entries", "open_source"]
