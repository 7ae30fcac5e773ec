"""The faded programme: which sessions it has, and which minutes of one are with cues.

Feedback in every minute at first and in fewer and fewer later, because what was learned with
feedback that fades lasted longest, and what was learned under continual feedback least (review
of 10 gait retraining studies, PMC7083994: 8 to 18 sessions in 2 to 6 weeks, 3 to 4 a week, 15 up
to 30 min, 177 to 196 min in all). The shares of the single sessions are ours.

Pure: no clock, no files. Minutes are minutes of *coached running*: of running after the warm-up,
wherever walking and stops lie between.
"""

import math
from typing import Final, Literal

from msgspec import Struct

from gaitpi.config import CoachConfig

MINUTE_S: Final = 60.0
ENOUGH: Final = 0.6
"""A run of at least this share of the planned minutes counts as the session."""
WEEKLY: Final = (3, 4)
"""Sessions a week in the studies."""

Focus = Literal["cadence", "lean"]
Part = Literal["session", "test", "rest"]


class Session(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One session: the ``share`` (0..1) of its ``minutes`` of coached running that is cued."""

    share: float
    minutes: float


class Test(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A silent run, due ``after_days`` days from the last session on, of ``minutes``."""

    __test__ = False  # no test of pytest's

    after_days: int
    minutes: float


class Plan(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A whole programme. ``per_day`` sessions a day at most."""

    name: str
    focus: Focus
    sessions: tuple[Session, ...]
    tests: tuple[Test, ...] = ()
    per_day: int = 1

    @property
    def cued_minutes(self) -> int:
        """Minutes with cues, when every session is run to its end."""
        return sum(cued_count(int(s.minutes), s.share) for s in self.sessions)


SHARES: Final = (1.0, 1.0, 1.0, 1.0, 0.75, 0.5, 0.25, 0.1)
MINUTES: Final = (15.0, 17.0, 19.0, 21.0, 24.0, 26.0, 28.0, 30.0)
"""From 15 to 30 min in a straight line: 180 min in all."""
TEST_MINUTES: Final = 15.0
TESTS: Final = (
    Test(after_days=1, minutes=TEST_MINUTES),
    Test(after_days=28, minutes=TEST_MINUTES),
)


def faded(focus: Focus) -> Plan:
    """The programme that is started when nobody prescribed another."""
    sessions = tuple(
        Session(share=share, minutes=minutes)
        for share, minutes in zip(SHARES, MINUTES, strict=True)
    )
    return Plan(name="faded", focus=focus, sessions=sessions, tests=TESTS)


def cued_count(minutes: int, share: float) -> int:
    """How many of the first ``minutes`` are with cues: never more than the share asks for."""
    # whole hundredths of a percent: 0.29 * 100 is 28.999…, and that would lose a minute
    wanted = math.floor(min(max(share, 0.0), 1.0) * 10_000 + 1e-6)
    return minutes * wanted // 10_000


def cued(minute: int, share: float) -> bool:
    """Whether that minute (0, 1, …) is with cues: spread evenly, the remainder carried on."""
    return cued_count(minute + 1, share) > cued_count(minute, share)


def quiet(config: CoachConfig, coached_s: float) -> str | None:
    """Why no correction may come after ``coached_s`` of coached running; None when one may.

    ``back`` is the second half of a cue that came in a cued minute, and is not asked.
    """
    c = config
    if c.programme_part == "test":
        return f"silent test {c.programme_number}: the whole run is without cues"
    if c.programme_part == "rest":
        return "no session of the programme is due: this run is without cues"
    where = "by your setting (coach.programme_share)"
    if c.programme_part == "session":
        where = f"in session {c.programme_number} of {c.programme_of}"
        if coached_s >= c.programme_minutes * MINUTE_S:
            over = f"session {c.programme_number} of {c.programme_of} is over"
            return f"{over} after {c.programme_minutes:.0f} min: the rest is without cues"
    if cued(int(coached_s // MINUTE_S), c.programme_share):
        return None
    return f"this minute is without cues: {percent(c.programme_share)} of minutes are cued {where}"


def percent(share: float) -> str:
    """A share in words: "75 %"."""
    return f"{100.0 * share:.4g} %"


def whole(share: float) -> str:
    """A measured share in whole percent: "62 %"."""
    return f"{100.0 * share:.0f} %"


def label(config: CoachConfig) -> str:
    """The programme in a few words, as for a run's head; empty for a run outside of one."""
    c = config
    if c.programme_part == "session":
        share = percent(c.programme_share)
        return f"{c.focus} {c.programme_number}/{c.programme_of} ({share} cued)"
    if c.programme_part == "test":
        return f"{c.focus}, silent test {c.programme_number}"
    return f"{c.focus}, a run between sessions (no cues)" if c.programme_part == "rest" else ""
