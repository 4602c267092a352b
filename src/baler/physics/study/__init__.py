"""What compression does to an analysis: before and after, by the same events."""

from baler.physics.study.result import Effect, Study
from baler.physics.study.run import Asked, study

__all__ = ["Asked", "Effect", "Study", "study"]
