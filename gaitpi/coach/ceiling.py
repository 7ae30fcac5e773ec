"""The ceiling of a run, said once when it is reached, where the runner asked for that.

What the ceiling is was laid into the configuration when the run began (``coach.ceiling_*``,
:mod:`gaitpi.review.load`), so that a replay says it at the same moment.
"""

from dataclasses import dataclass

from gaitpi.config import CoachConfig

RULE = "load.ceiling"


@dataclass(slots=True)
class Reach:
    """How far the run has come: running steps and time, and when the sound was given."""

    steps: int = 0
    running_s: float = 0.0
    told_s: float | None = None

    def words(self, config: CoachConfig) -> str:
        """By what the ceiling is reached, in words; "" while it is not, or none was laid down."""
        if not config.ceiling_sound or self.told_s is not None:
            return ""
        if config.ceiling_steps is not None and self.steps >= config.ceiling_steps:
            return f"{self.steps:,} running steps, the ceiling is {config.ceiling_steps:,.0f}"
        if config.ceiling_s is not None and self.running_s >= config.ceiling_s:
            return f"{self.running_s / 60.0:.0f} min of running, that is the ceiling"
        return ""
