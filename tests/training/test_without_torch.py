"""PyTorch is imported by training, and by nothing else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np

PROGRAM = """
import sys
import baler
import baler.training
from baler import *
source, packed, back = sys.argv[1:]
baler.compress(source, packed, bounds={"x": "abs 0.1"})
baler.decompress(packed, back)
assert baler.verify(source, packed).ok
assert callable(baler.train) and baler.train is baler.training.train
assert "train" in dir(baler)
loaded = sorted(name for name in sys.modules if name.split(".")[0] == "torch")
assert not loaded, loaded
"""


def test_nothing_but_a_training_imports_torch(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=np.random.default_rng(0).normal(size=300))
    files = [str(tmp_path / name) for name in ("a.npz", "a.baler", "b.npz")]
    subprocess.run([sys.executable, "-c", PROGRAM, *files], check=True, timeout=120)
