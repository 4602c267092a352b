"""The packages that only simulation needs."""

from __future__ import annotations

import importlib.util

from baler.errors import UsageError


def need_generator() -> None:
    """Raise UsageError if Pythia 8 or FastJet is not installed."""
    packages = {"pythia8mc": "Pythia 8", "fastjet": "FastJet"}
    missing = [name for module, name in packages.items() if not importlib.util.find_spec(module)]
    if missing:
        raise UsageError(
            f"simulating events needs {' and '.join(missing)}, under the GNU GPL; "
            "pip install 'baler[physics]'"
        )
