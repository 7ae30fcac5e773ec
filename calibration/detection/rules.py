"""What the coach is compared with: five rules found in other products, and fixed windows.

The rules of the five are as their authors' code or documents describe them; where those leave
something open (the band for cadence, how cadence is smoothed) the reading is stated. Each rule
is given the same steps and moments as the coach and answers with the number of its alerts.
"""

import statistics
from collections import deque
from typing import Final, Protocol

from gaitpi.coach.policy import Coach
from gaitpi.coach.types import Cue, Moment, StepTaken
from gaitpi.config import CoachConfig


class Rule(Protocol):
    """Something that alerts a runner."""

    def step(self, step: StepTaken) -> None:
        """Take in a step."""

    def moment(self, m: Moment) -> int:
        """Alerts given at this moment."""


class _Steps:
    """The steps of the last half minute."""

    def __init__(self, target_spm: float) -> None:
        self.target = target_spm
        self.taken: deque[tuple[float, float]] = deque(maxlen=200)
        self.due = 0.0

    def step(self, step: StepTaken) -> None:
        """Take in a step."""
        self.taken.append((step.known_s, step.step_s))

    def spm(self, n: int) -> float | None:
        """Cadence of the last n steps, None with fewer."""
        if len(self.taken) < n:
            return None
        return 60.0 * n / sum(s for _, s in list(self.taken)[-n:])

    def every(self, period_s: float, t: float) -> bool:
        """Whether the next time of a fixed grid has come."""
        if t < self.due:
            return False
        self.due = t + period_s - 1e-6
        return True


class CadenceCoach(_Steps):
    """mdmedley/cadence-coach: every 5 s the steps of 5 s times 12, strictly within ±3 spm."""

    def moment(self, m: Moment) -> int:
        """Alerts given at this moment."""
        if not self.every(5.0, m.time_s):
            return 0
        spm = 12 * sum(at > m.time_s - 5.0 for at, _ in self.taken)
        return int(spm > 0 and not self.target - 3 < spm < self.target + 3)


class Redback(_Steps):
    """Redback-Operations: once a second against ±5 spm, repeated each 30 s for 180 s.

    Cadence is the watch's; here the mean of four steps.
    """

    BAND = 5.0

    def __init__(self, target_spm: float) -> None:
        super().__init__(target_spm)
        self.side = 0
        self.since = self.last = 0.0

    def moment(self, m: Moment) -> int:
        """Alerts given at this moment."""
        spm = self.spm(4)
        if spm is None or not self.every(1.0, m.time_s):
            return 0
        side = (spm > self.target + self.BAND) - (spm < self.target - self.BAND)
        if side != self.side:
            self.side, self.since, self.last = side, m.time_s, m.time_s
            return int(side != 0)
        due = m.time_s - self.last >= 30.0 and m.time_s - self.since <= 180.0
        if side == 0 or not due:
            return 0
        self.last = m.time_s
        return 1


class RunPowerWorkout(_Steps):
    """tommyvdz/RunPowerWorkout: out of range, at once and each 10 s, at most three, until back.

    Nothing in the first 10 s. The rule is for power; here ±3 % of cadence, mean of eight steps.
    """

    def __init__(self, target_spm: float) -> None:
        super().__init__(target_spm)
        self.given = 0
        self.last = -60.0

    def moment(self, m: Moment) -> int:
        """Alerts given at this moment."""
        spm = self.spm(8)
        if spm is None or not self.every(1.0, m.time_s) or m.time_s < 10.0:
            return 0
        if abs(spm / self.target - 1.0) <= 0.03:
            self.given, self.last = 0, -60.0
            return 0
        if self.given == 3 or m.time_s - self.last < 10.0:
            return 0
        self.given, self.last = self.given + 1, m.time_s
        return 1


class RunnerUp(_Steps):
    """jonasoreland/runnerup: 20 s mean, 5 % trimmed at each end, looked at every 30 s; ±3 %."""

    def moment(self, m: Moment) -> int:
        """Alerts given at this moment."""
        if m.time_s < 30.0 or not self.every(30.0, m.time_s):
            return 0
        times = sorted(s for at, s in self.taken if at > m.time_s - 20.0)
        cut = len(times) // 20
        kept = times[cut : len(times) - cut]
        if not kept:
            return 0
        return int(abs(60.0 / statistics.fmean(kept) / self.target - 1.0) > 0.03)


class RunningCadence(_Steps):
    """aleung/RunningCadence: median of three steps, ±2.5 %, back only at the target itself.

    Again after 30 s when still out, 5 s from ok to out, 10 s from out to ok, praise each 180 s;
    5 s more for the speech. Praise is not counted as an alert, nor is the word that it is right.
    """

    def __init__(self, target_spm: float) -> None:
        super().__init__(target_spm)
        self.side = 0
        self.last = -60.0

    def moment(self, m: Moment) -> int:
        """Alerts given at this moment."""
        if len(self.taken) < 3:
            return 0
        spm = 60.0 / statistics.median(s for _, s in list(self.taken)[-3:])
        off = spm / self.target - 1.0
        side = (off > 0.025) - (off < -0.025)
        if side == 0 and self.side * off > 0.0:
            side = self.side  # not yet at the target
        wait = 10.0 if side == 0 else 30.0 if side == self.side else 5.0
        if m.time_s - self.last < wait + 5.0 or (side == 0 and self.side == 0):
            return 0
        self.side, self.last = side, m.time_s
        return int(side != 0)


class Ours:
    """The coach, default settings but for the target; ``back`` is no alert."""

    def __init__(self, target_spm: float) -> None:
        self.coach = Coach(CoachConfig(target_spm=target_spm))

    def step(self, step: StepTaken) -> None:
        """Take in a step."""
        self.coach.step(step)

    def moment(self, m: Moment) -> int:
        """Alerts given at this moment."""
        return sum(isinstance(c, Cue) and c.cue != "back" for c in self.coach.moment(m))


RULES: Final[dict[str, type[Rule]]] = {
    "cadence-coach": CadenceCoach,
    "Redback": Redback,
    "RunPowerWorkout": RunPowerWorkout,
    "RunnerUp": RunnerUp,
    "RunningCadence 2011": RunningCadence,
    "gaitpi": Ours,
}
