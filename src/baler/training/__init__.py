"""Training of learned models with PyTorch; nothing that reads or writes files imports this.

PyTorch itself is imported when a training begins.
"""

from baler.training.automatic import ForThisFile
from baler.training.families.files import Autoencoder, train_autoencoder
from baler.training.results import Figures, Step, Training
from baler.training.settings import Settings
from baler.training.train import need_torch, train

__all__ = [
    "Autoencoder",
    "Figures",
    "ForThisFile",
    "Settings",
    "Step",
    "Training",
    "need_torch",
    "train",
    "train_autoencoder",
]
