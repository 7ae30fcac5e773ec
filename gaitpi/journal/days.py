"""Days as people say them, and whether this machine's clock can be believed about them.

Only calendar dates are counted with: "yesterday" on the day after a change to summer time, or on
New Year's Day, is what it is on any other. The time zone is this machine's.
"""

import re
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Final, NamedTuple

from gaitpi.errors import UsageError
from gaitpi.journal.entries import is_day
from gaitpi.journal.store import Journal, Stamp
from gaitpi.targetfile import CLOCK_SET_S

WEEKDAYS: Final = (*("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"),)
FORM: Final = "Say today, yesterday, monday, 3 days ago, 2026-05-03, or last for the last run."
WORDS: Final = ("today", "yesterday", "tonight", "ago", "days", "weeks", *WEEKDAYS)
"""Words of a day, for who looks for the nearest."""
EARLY_S: Final = 60.0
"""A clock behind what it said before by more than this is wrong, s."""
_COUNTED: Final = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_NUMBERS: Final = {"a": 1, **{word: number for number, word in enumerate(_COUNTED, 1)}}
_DATE: Final = re.compile(r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})")
_OTHER: Final = re.compile(r"[0-9]{1,2}([./])[0-9]{1,2}(\1([0-9]{2}|[0-9]{4})?)?")
_AGO: Final = re.compile(r"([0-9]{1,4})([dw])")
_UNITS: Final = {"day": 1, "days": 1, "d": 1, "week": 7, "weeks": 7, "w": 7}
_PARTS: Final = ("morning", "afternoon", "evening", "noon", "night")


class Said(NamedTuple):
    """A day found among words: ``day`` None = none was said; ``rest`` the other words, in order.

    ``named`` the day stands there as a date, so no clock is needed for it; ``morning`` it was said
    of the morning.
    """

    day: date | None
    rest: list[str]
    named: bool = False
    morning: bool = False


def find(words: Sequence[str], today: date) -> Said:
    """Take the day out of ``words``, wherever it stands. Raises UsageError.

    A weekday is the last one of that name, today included; with "last" before it, the last one
    before today. Two days, or one that is still to come, are refused.
    """
    rest = list(words)
    day: date | None = None
    named = morning = False
    k = 0
    while k < len(rest):
        found = _at([word.lower() for word in rest[k:]], today)
        if found is None:
            k += 1
            continue
        one, length, is_date, early = found
        if day is not None and one != day:
            raise UsageError(f"Two days are said, {day} and {one}.", FORM)
        day, named, morning = one, named or is_date, morning or early
        del rest[k : k + length]
        if k and rest[k - 1].lower() in ("on", "since"):
            del rest[k - 1]
            k -= 1
    if day is not None and day > today and not named:
        raise UsageError(f"{day} is still to come.", FORM)
    return Said(day, rest, named, morning)


def leading(words: Sequence[str], today: date) -> tuple[list[str], list[str]]:
    """The words of a day at the very beginning, and those behind it: a note may have any words."""
    found = _at([word.lower() for word in words], today) if words else None
    length = found[1] if found is not None else 0
    return list(words[:length]), list(words[length:])


def _at(words: list[str], today: date) -> tuple[date, int, bool, bool] | None:
    """The day that ``words`` begin with: it, how many words, whether a date, whether its morning.

    Raises UsageError for one that is none.
    """
    first, then = words[0], [*words[1:], "", "", ""]
    if first in ("today", "tonight", "yesterday", "tomorrow"):
        if first == "tomorrow":
            raise UsageError("Tomorrow is still to come.", FORM)
        part = then[0] in _PARTS
        day = today - timedelta(days=first == "yesterday")
        return day, 1 + part, False, then[0] == "morning"
    if first == "this" and then[0] in _PARTS:
        return today, 2, False, then[0] == "morning"
    if first == "last" and then[0] in ("night", "evening"):
        return today - timedelta(days=1), 2, False, False
    if first == "last" and then[0] in ("week", "month", "year"):
        raise UsageError(f"'last {then[0]}' is no day.", FORM)
    if first == "last" and (weekday := _weekday(then[0])) is not None:
        part = then[1] in _PARTS
        back = (today.weekday() - weekday) % 7 or 7
        return today - timedelta(days=back), 2 + part, False, then[1] == "morning"
    if (weekday := _weekday(first)) is not None:
        part = then[0] in _PARTS
        back = (today.weekday() - weekday) % 7
        return today - timedelta(days=back), 1 + part, False, then[0] == "morning"
    return _counted(first, then, today) or _dated(first, then)


def _counted(first: str, then: list[str], today: date) -> tuple[date, int, bool, bool] | None:
    """So many days or weeks ago, as "3 days ago" or "3d ago"."""
    short = _AGO.fullmatch(first)
    if short and then[0] == "ago":
        number, unit, length = int(short[1]), short[2], 2
    elif then[0] in _UNITS and then[1] == "ago" and (first.isdecimal() or first in _NUMBERS):
        number, unit, length = _NUMBERS.get(first) or int(first[:10]), then[0], 3
    else:
        return None
    words = " ".join([first, *then][:length])
    try:
        day = today - timedelta(days=number * _UNITS[unit])
    except OverflowError as error:
        raise UsageError(f"{words!r} is no day.", FORM) from error
    if not is_day(day.isoformat()):
        raise UsageError(f"{words!r} is too far away.", FORM)
    return day, length, False, False


def _dated(first: str, then: list[str]) -> tuple[date, int, bool, bool] | None:
    """A date in ISO order; another order is refused, since nobody knows which is the month."""
    if _OTHER.fullmatch(first) and not _is_level(first):
        raise UsageError(
            f"{first!r} can be read in two ways.",
            "Write a date as 2026-05-03, and a level or minutes as a whole number.",
        )
    found = _DATE.fullmatch(first)
    if found is None:
        return None
    try:
        day = date(int(found[1]), int(found[2]), int(found[3]))
    except ValueError as error:
        raise UsageError(f"There is no {first}.", "Write a date as 2026-05-03.") from error
    if not is_day(day.isoformat()):
        raise UsageError(f"{first} is too far away.", "Write a date as 2026-05-03.")
    return day, 1 + (then[0] in _PARTS), True, then[0] == "morning"


def _is_level(word: str) -> bool:
    """Whether it is a level of pain, "3/10"."""
    return word.endswith("/10") and word.count("/") == 1


def _weekday(word: str) -> int | None:
    """0 = Monday; None for what is no name of one, nor the first three letters or more."""
    word = word.removesuffix("'s").removesuffix(",")
    for number, name in enumerate(WEEKDAYS):
        if len(word) >= 3 and name.startswith(word):
            return number
    return None


def today(now: Stamp) -> date:
    """The local calendar day of ``now``."""
    return local(now.wall_s, now.offset_s).date()


def local(wall_s: float, offset_s: float) -> datetime:
    """The local time of the clock, without a zone; 1970 for an impossible one."""
    try:
        return datetime(1970, 1, 1) + timedelta(seconds=wall_s + offset_s)
    except (OverflowError, ValueError):
        return datetime(1970, 1, 1)


def begins(day: date) -> float:
    """When a local day begins, s since 1970, in this machine's time zone."""
    try:
        return datetime(day.year, day.month, day.day).timestamp()
    except (OverflowError, ValueError, OSError):
        return float((day - date(1970, 1, 1)).days) * 86_400.0


def doubt(now: Stamp, journal: Journal, newest_run_s: float | None = None) -> str:
    """Why the clock cannot be believed about a day, in words; "" when it can.

    ``newest_run_s`` when the newest run began. A Pi has no clock of its own that lives without
    power: until the network or somebody has set it, it goes on from when it was last switched off,
    or from the year its system was made.
    """
    if now.wall_s < CLOCK_SET_S:
        return f"this machine's clock says {local(now.wall_s, now.offset_s):%Y-%m-%d}"
    before = [row.stamp.wall_s for row in journal.changes if row.stamp.wall_s < _FAR_S]
    latest = max((*before[-1:], *([newest_run_s] if newest_run_s is not None else [])), default=0.0)
    if latest > now.wall_s + EARLY_S:
        was = local(latest, now.offset_s)
        return (
            f"this machine's clock says {local(now.wall_s, now.offset_s):%Y-%m-%d %H:%M}, but it "
            f"was {was:%Y-%m-%d %H:%M} before"
        )
    return ""


_FAR_S: Final = 7.2e9


def words(day: str, today: date) -> str:
    """A day as it is told: "Sun 2026-05-03", with "today" or "yesterday" before it."""
    one = date.fromisoformat(day)
    name = {0: "today, ", 1: "yesterday, "}.get((today - one).days, "")
    return f"{name}{one:%a} {day}"
