"""When an entry is of: a day, and perhaps a run, found among the words of a command.

A day that is said by its date, or by a run, needs no clock. Any other is taken from this machine's
clock, and where that cannot be believed the entry is kept all the same, with its day marked as
not sure.
"""

import re
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Final, NamedTuple

from gaitpi.errors import UsageError
from gaitpi.journal import days
from gaitpi.journal.store import Journal, Stamp
from gaitpi.runs.reader import newest, resolve
from gaitpi.runs.view import opened
from gaitpi.targetfile import CLOCK_SET_S

_RUN: Final = re.compile(r"last(-[0-9]{1,4})?|[0-9]{8}-[0-9]{6}[0-9a-z-]*(\.gaitpi)?")
"""A run by its name; the beginning of an id has at least its date and time."""


class When(NamedTuple):
    """``day`` as kept, ``sure`` of it, of the run ``run`` ("" = none), which began at ``began_s``.

    ``said`` a day or a run was named; ``morning``: of it; ``doubt`` why the day is not sure, in a
    sentence ("" = it is); ``rest`` the words left over; ``by_day`` a day was named, with a run or
    without.
    """

    day: str
    sure: bool
    run: str
    began_s: float | None
    said: bool
    morning: bool
    doubt: str
    rest: list[str]
    by_day: bool = False

    @property
    def date(self) -> date:
        """The day."""
        return date.fromisoformat(self.day)


def find(words: Sequence[str], directory: Path, journal: Journal, now: Stamp) -> When:
    """The day and the run among ``words``; today where none is said. Raises UsageError."""
    today = days.today(now)
    found = days.find([part for text in words for part in text.split()], today)
    names = [word for word in found.rest if _RUN.fullmatch(word.lower())]
    rest = [word for word in found.rest if word not in names]
    if len(set(names)) > 1:
        raise UsageError(f"Two runs are said, {names[0]} and {names[1]}.", days.FORM)
    run, began_s, ran = _run(directory, names[0].lower()) if names else ("", None, None)
    if ran is not None and found.day is None:
        return When(ran.isoformat(), True, run, began_s, True, False, "", rest)
    day = found.day or today
    # a run may go on past midnight, and a morning is that of the day after
    if ran is not None and (began_s or 0.0) >= CLOCK_SET_S and not 0 <= (day - ran).days <= 1:
        raise UsageError(
            f"The run {names[0]} is of {ran}, and {day} is said.", "Leave out the one or the other."
        )
    doubt = "" if found.named else _doubt(directory, journal, now)
    if found.named and day > today and not _doubt(directory, journal, now):
        raise UsageError(f"{day} is still to come.", days.FORM)
    said = found.day is not None
    return When(day.isoformat(), not doubt, run, began_s, said, found.morning, doubt, rest, said)


def _doubt(directory: Path, journal: Journal, now: Stamp) -> str:
    runs = newest(directory, 1)
    began = runs[0].started if runs else None
    why = days.doubt(now, journal, None if began is None else began.timestamp())
    if not why:
        return ""
    return (
        f"The day is not sure: {why}. Say it by its date (2026-05-03) or by the run (last), or set"
        " the clock."
    )


def _run(directory: Path, name: str) -> tuple[str, float, date]:
    """Its id, when it began, and on which local day."""
    with opened(resolve(directory, name.removesuffix(".gaitpi"))) as run:
        began = run.began
        return run.run_id, began.timestamp(), began.date()
