"""Training of learned models with PyTorch; nothing that reads or writes files imports this."""

from baler.training.train import Figures, Step, Training, train

__all__ = ["Figures", "Step", "Training", "train"]
