"""What users call: compress, decompress, open, verify, inspect."""

from baler.api.compression import Compression, compress
from baler.api.decompression import Decompression, decompress
from baler.api.file import CompressedField, CompressedFile, open_file
from baler.api.inspection import Inspection, inspect
from baler.api.models import GivenModel, ModelMaker
from baler.api.verification import Verification, verify

__all__ = [
    "CompressedField",
    "CompressedFile",
    "Compression",
    "Decompression",
    "GivenModel",
    "Inspection",
    "ModelMaker",
    "Verification",
    "compress",
    "decompress",
    "inspect",
    "open_file",
    "verify",
]
