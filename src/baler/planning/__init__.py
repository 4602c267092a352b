"""From what is asked (a policy) to what is done (a recipe), by looking at a sample."""

from baler.planning.latent import freed, latent_group
from baler.planning.learned import learned_groups
from baler.planning.plan import plan
from baler.planning.policy import Policy, matching

__all__ = ["Policy", "freed", "latent_group", "learned_groups", "matching", "plan"]
