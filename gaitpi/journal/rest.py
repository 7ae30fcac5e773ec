"""Whether cues rest because of a pain that was entered.

From ``STOP_LEVEL`` on they rest in the next runs, until a lower pain of the same place (or of
none) is entered for then or later, for ``REST_DAYS`` at most. What is not known does not end it: a
day without an entry is no day without pain, and a clock that was never set lets no days pass. Nor
do days pass for a pain whose day is not sure: the clock may be set a minute later, and be weeks on.
"""

from collections.abc import Sequence
from datetime import date
from typing import Final, NamedTuple

from gaitpi.journal.entries import MOMENTS, Pain
from gaitpi.journal.store import Journal
from gaitpi.journal.texts import REST_DAYS, STOP_LEVEL

_ORDER: Final = {"": None, "morning": 0, "before": 1, "during": 2, "after": 3}
assert set(_ORDER) == {"", *MOMENTS}
_WEEK_S: Final = REST_DAYS * 86_400.0


class Rest(NamedTuple):
    """The pain that has cues rest; not ``sure``: of a day that was taken from a wrong clock."""

    level: int
    site: str
    day: str
    sure: bool = True


def resting(journal: Journal, today: date) -> Rest | None:
    """The worst pain that has cues rest on that day; None when none does."""
    return worst(severe(journal), today)


def worst(rests: Sequence[Rest], today: date) -> Rest | None:
    """The worst that is not over on that day, the newest of these; None when there is none."""
    young = [
        one
        for one in rests
        if not one.sure or (today - date.fromisoformat(one.day)).days < REST_DAYS
    ]
    return max(young, key=lambda one: (one.level, one.day), default=None)


def severe(journal: Journal) -> list[Rest]:
    """All that no later entry has ended, however old."""
    entered: dict[str, int] = {}
    for change in journal.changes:
        entered[change.name] = change.number
    pains = [(entered[name], pain) for name, pain in journal.named(Pain)]
    return [
        Rest(pain.level, pain.site, pain.day, pain.sure)
        for number, pain in pains
        if pain.level >= STOP_LEVEL and not any(_ends(*other, number, pain) for other in pains)
    ]


def _ends(number: int, lower: Pain, severe_number: int, severe: Pain) -> bool:
    """Whether the entry ``lower`` says that ``severe`` is over."""
    if lower.level >= STOP_LEVEL or (lower.site and severe.site and lower.site != severe.site):
        return False
    if not (lower.sure and severe.sure):
        # of two days of which one is not known that which was entered later is later, but not one
        # that is said by its date to be before
        return number > severe_number and (not lower.sure or lower.day >= severe.day)
    if lower.day != severe.day:
        return lower.day > severe.day
    first, then = _ORDER[severe.moment], _ORDER[lower.moment]
    if first is None or then is None or first == then:
        return number > severe_number
    return then > first


def unknown(journal: Journal, wall_s: float) -> bool:
    """Whether a damaged row may be a pain of the last days, so that it is not known."""
    after = 0.0
    lost = False
    for row in journal.rows:
        if row is None:
            lost = True
        else:
            after = row.stamp.wall_s
            lost = lost and abs(wall_s - after) < _WEEK_S
    return lost
