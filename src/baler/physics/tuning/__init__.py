"""Tuning: the cheapest bounds at which given requirements on the physics hold."""

from baler.physics.tuning.request import Request, Settings
from baler.physics.tuning.requirements import Requirement, parse_all
from baler.physics.tuning.tune import Tuned, tune

__all__ = ["Request", "Requirement", "Settings", "Tuned", "parse_all", "tune"]
