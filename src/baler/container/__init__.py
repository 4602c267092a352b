"""Our file: `Writer` and `Reader`; what they write and read is specified in ``docs/format.md``."""

from baler.container.reader import ColumnBytes, Reader
from baler.container.sections import StoredModel
from baler.container.writer import ColumnStatistics, UsedModel, Writer

__all__ = ["ColumnBytes", "ColumnStatistics", "Reader", "StoredModel", "UsedModel", "Writer"]
