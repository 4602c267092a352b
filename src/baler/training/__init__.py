"""Training of learned models with PyTorch; nothing that reads or writes files imports this.

PyTorch itself is imported when a training begins.
"""

from baler.training.results import Figures, Step, Training
from baler.training.train import train

__all__ = ["Figures", "Step", "Training", "train"]
