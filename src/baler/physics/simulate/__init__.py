"""Simulated proton collisions: Pythia 8, a Gaussian detector, pile-up, FastJet.

Units are GeV, cm and radians, but mm where Pythia speaks. The simulation is honest about shapes and
correlations, and is no model of any real detector.
"""

from baler.physics.simulate.request import PROCESSES, Request
from baler.physics.simulate.run import Progress, Simulation, partial, simulate

__all__ = ["PROCESSES", "Progress", "Request", "Simulation", "partial", "simulate"]
