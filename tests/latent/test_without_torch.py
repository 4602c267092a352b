"""Files with latent models are written and read without PyTorch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np

from tests.latent import fitted

PROGRAM = """
import sys
import baler
import baler.training.families
source, model, packed, back = sys.argv[1:]
baler.training.families.families()
baler.compress(source, packed, model=model, ratio=20)
baler.decompress(packed, back)
assert baler.verify(source, packed).ok
loaded = sorted(name for name in sys.modules if name.split(".")[0] == "torch")
assert not loaded, loaded
"""


def test_compressing_and_reading_import_no_torch(tmp_path: Path) -> None:
    columns = fitted.frames(30, 1).columns
    fields = {name: columns[name].reshape(30, 6, 8) for name in "uv"}
    np.savez(tmp_path / "a.npz", **fields)  # type: ignore[arg-type]
    (tmp_path / "m.balermodel").write_bytes(fitted.grid_model().pack_all())
    files = [str(tmp_path / name) for name in ("a.npz", "m.balermodel", "b.baler", "c.npz")]
    subprocess.run([sys.executable, "-c", PROGRAM, *files], check=True, timeout=120)
