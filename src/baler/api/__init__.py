"""What users call: compress, decompress, open, verify, inspect."""

from baler.api.compress import Compression, compress
from baler.api.decompress import Decompression, decompress
from baler.api.file import CompressedField, CompressedFile, open_file
from baler.api.inspect import Inspection, inspect
from baler.api.verify import Verification, verify

__all__ = [
    "CompressedField",
    "CompressedFile",
    "Compression",
    "Decompression",
    "Inspection",
    "Verification",
    "compress",
    "decompress",
    "inspect",
    "open_file",
    "verify",
]
