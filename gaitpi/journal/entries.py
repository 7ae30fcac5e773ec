"""What a journal holds: pain, strength, pairs of shoes, which was run in, notes.

A day is the runner's own calendar day, as text (``2026-05-03``): it does not move when he travels.
What was not said is "" or None, and never a zero. A day without an entry is not known.
"""

from datetime import date, datetime, timedelta, timezone
from typing import Final, Literal, TypeVar

from msgspec import Struct

Moment = Literal["", "before", "during", "after", "morning"]
"""Of a pain: before, during or after a run, on waking; "" = not said."""

MOMENTS: Final = ("before", "during", "after", "morning")
LEVEL_MAX: Final = 10
SITE_MAX: Final = 40
"""Signs of the longest site of a pain, or of what was strengthened."""
NAME_MAX: Final = 40
"""Signs of the longest name of a pair."""
TEXT_MAX: Final = 500
"""Signs of the longest note."""
MINUTES_MAX: Final = 1440.0
SETS_MAX: Final = 999
KM_MAX: Final = 100_000.0
DAYS: Final = ("1970-01-01", "2199-12-31")
_WALL_MAX: Final = 7.3e9
_OFFSET_MAX: Final = 86_400.0


class Entry(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind"):
    """What all have: the local day, and when it was entered.

    ``entered_s`` since 1970 by the machine's clock, ``offset_s`` by which local time was ahead of
    UTC then. ``sure`` False: the day was taken from a clock that was wrong.
    """

    day: str
    entered_s: float
    offset_s: float = 0.0
    sure: bool = True

    @property
    def date(self) -> date:
        """The day. Raises ValueError when it is none."""
        return date.fromisoformat(self.day)

    @property
    def entered(self) -> datetime:
        """Local time at which it was entered."""
        zone = timezone(timedelta(seconds=self.offset_s))
        return datetime.fromtimestamp(self.entered_s, zone)

    @property
    def sane(self) -> bool:
        """Whether it can be meant."""
        return (
            is_day(self.day)
            and _is_time(self.entered_s)
            and abs(self.offset_s) < _OFFSET_MAX
            and self.offset_s == int(self.offset_s)
        )


class Pain(Entry, frozen=True, kw_only=True, tag="pain"):
    """Pain from 0 (none) to 10: ``site`` in words joined by hyphens ("lower-left", "" = not said).

    ``run`` id of the run it belongs to, "" where none was named.
    """

    level: int
    site: str = ""
    moment: Moment = ""
    run: str = ""

    @property
    def sane(self) -> bool:
        """Whether it can be meant."""
        return (
            super().sane
            and 0 <= self.level <= LEVEL_MAX
            and (not self.site or is_word(self.site))
            and (not self.run or is_run(self.run))
        )


class Strength(Entry, frozen=True, kw_only=True, tag="strength"):
    """A strength session: ``what`` ("legs", "core", "back" ...), its length or its sets."""

    what: str
    minutes: float | None = None
    sets: int | None = None

    @property
    def sane(self) -> bool:
        """Whether it can be meant."""
        return (
            super().sane
            and is_word(self.what)
            and (self.minutes is None or 0.0 < self.minutes <= MINUTES_MAX)
            and (self.sets is None or 1 <= self.sets <= SETS_MAX)
        )


class Shoe(Entry, frozen=True, kw_only=True, tag="shoe"):
    """A pair: ``km`` it had run before (None = not said).

    ``retired`` the day from which it is not worn ("" = is).
    """

    name: str
    km: float | None = None
    retired: str = ""

    @property
    def sane(self) -> bool:
        """Whether it can be meant."""
        return (
            super().sane
            and is_text(self.name, NAME_MAX)
            and (self.km is None or 0.0 <= self.km <= KM_MAX)
            and (not self.retired or is_day(self.retired))
        )


class Use(Entry, frozen=True, kw_only=True, tag="use"):
    """From ``from_s`` (since 1970) on the pair ``shoe`` is run in; "" = none that is known."""

    shoe: str
    from_s: float

    @property
    def sane(self) -> bool:
        """Whether it can be meant."""
        return super().sane and is_name(self.shoe or "x") and _is_time(self.from_s)


class Worn(Entry, frozen=True, kw_only=True, tag="worn"):
    """That ``run`` was run in the pair ``shoe``, whatever was in use; "" = not known in which."""

    run: str
    shoe: str

    @property
    def sane(self) -> bool:
        """Whether it can be meant."""
        return super().sane and is_run(self.run) and is_name(self.shoe or "x")


class Note(Entry, frozen=True, kw_only=True, tag="note"):
    """Words on a day. Those on a run are kept beside it (:mod:`gaitpi.editfile`)."""

    text: str

    @property
    def sane(self) -> bool:
        """Whether it can be meant."""
        return super().sane and is_text(self.text, TEXT_MAX)


AnyEntry = Pain | Strength | Shoe | Use | Worn | Note
Kind = TypeVar("Kind", Pain, Strength, Shoe, Use, Worn, Note)
KINDS: Final = (Pain, Strength, Shoe, Use, Worn, Note)


def _is_time(wall_s: float) -> bool:
    """Whether it is a time since 1970, in whole milliseconds: a table gives it back the same."""
    return 0.0 <= wall_s <= _WALL_MAX and round(wall_s, 3) == wall_s


def is_day(text: str) -> bool:
    """Whether it is a day as kept, of the years that can be meant."""
    try:
        return date.fromisoformat(text).isoformat() == text and DAYS[0] <= text <= DAYS[1]
    except ValueError:
        return False


def is_word(text: str) -> bool:
    """Whether it is words of letters and digits joined by single hyphens, in small letters."""
    parts = text.split("-")
    return (
        len(text) <= SITE_MAX
        and text == text.lower()
        and all(part.isalnum() and part.isprintable() for part in parts)
    )


def is_text(text: str, most: int) -> bool:
    """Whether it is one line of text without spaces at its ends, as kept."""
    return 0 < len(text) <= most and " ".join(text.split()) == text and _storable(text)


def is_run(text: str) -> bool:
    """Whether it can be the id of a run: shown, and never made a path."""
    return 0 < len(text) <= 100 and text.isprintable() and "/" not in text and _storable(text)


def is_name(text: str) -> bool:
    """Whether it can be the name of an entry."""
    return 0 < len(text) <= 40 and text.isascii() and text.replace("-", "").isalnum()


def _storable(text: str) -> bool:
    return not any("\ud800" <= sign <= "\udfff" for sign in text)
