"""The ceiling of a run, said once when it is reached, where the runner asked for that.

What the ceiling is was laid into the configuration when the run began (``coach.ceiling_*``,
:mod:`gaitpi.review.load`), so that a replay says it at the same moment.
"""

import math
from dataclasses import dataclass
from typing import Final

from gaitpi.config import CoachConfig

RULE: Final = "load.ceiling"
LACKING_MOST: Final = 0.05
"""Share of the moving time without a speed beyond which the distance is not known."""


@dataclass(slots=True)
class Reach:
    """How far the run has come.

    Running ``steps`` and time; ``metres`` by a foot pod's speed, ``moved_s`` walking or running,
    ``lacking_s`` of it without a speed; ``told_s`` when the sound was given.
    """

    steps: int = 0
    running_s: float = 0.0
    metres: float = 0.0
    moved_s: float = 0.0
    lacking_s: float = 0.0
    told_s: float | None = None

    def moves(self, dt_s: float, speed_ms: float, *, running: bool) -> None:
        """Take in some walking or running; ``speed_ms`` NaN = not known."""
        self.moved_s += dt_s
        self.running_s += dt_s if running else 0.0
        if math.isfinite(speed_ms):
            self.metres += speed_ms * dt_s
        else:
            self.lacking_s += dt_s

    def words(self, config: CoachConfig) -> str:
        """By what the ceiling is reached, in words; "" while it is not, or none was laid down.

        By distance where there is a ceiling of it and it is known; else by steps or time, whichever
        comes first.
        """
        if not config.ceiling_sound or self.told_s is not None:
            return ""
        if config.ceiling_m is not None and self.lacking_s <= LACKING_MOST * self.moved_s:
            if self.metres < config.ceiling_m:
                return ""
            far, most = self.metres / 1000.0, config.ceiling_m / 1000.0
            return f"{far:.2f} km by the foot pod, the ceiling is {most:.2f}"
        if config.ceiling_steps is not None and self.steps >= config.ceiling_steps:
            return f"{self.steps:,} running steps, the ceiling is {config.ceiling_steps:,.0f}"
        if config.ceiling_s is not None and self.running_s >= config.ceiling_s:
            return f"{self.running_s / 60.0:.0f} min of running, that is the ceiling"
        return ""
