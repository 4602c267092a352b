"""Without the packages that analyses need there is nothing to test here."""

from __future__ import annotations

from importlib.util import find_spec

if not all(map(find_spec, ("hist", "iminuit", "scipy"))):
    collect_ignore_glob = ["test_*.py"]
