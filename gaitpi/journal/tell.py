"""Entries in words, for the terminal: a line each."""

from datetime import date, datetime, timedelta, timezone

from gaitpi.journal.entries import AnyEntry, Note, Pain, Shoe, Strength, Use, Worn
from gaitpi.journal.store import Change, Journal
from gaitpi.plaintext import plain


def entry(one: AnyEntry, journal: Journal) -> str:
    """An entry without its day, fit for a terminal."""
    return plain(_entry(one, journal))


def _entry(one: AnyEntry, journal: Journal) -> str:
    match one:
        case Pain():
            return pain(one)
        case Strength():
            return f"strength {one.what}{amount(one)}"
        case Shoe():
            km = f", {one.km:g} km before" if one.km is not None else ""
            gone = f", retired {one.retired}" if one.retired else ""
            return f"pair {one.name}{km}{gone}"
        case Use():
            name = pair(one.shoe, journal) if one.shoe else "no pair"
            return f"{name} in use from {at(one.from_s, one.offset_s)}"
        case Worn():
            return f"run {one.run} in {pair(one.shoe, journal)}"
        case Note():
            return f"note: {one.text}"


def pain(one: Pain) -> str:
    """A pain in words: "pain 3 lower-left, in the morning"."""
    moment = {"": "", "morning": ", in the morning", "during": ", during a run"}.get(
        one.moment, f", {one.moment} a run"
    )
    run = f" ({one.run})" if one.run else ""
    return f"pain {one.level}{' ' * bool(one.site)}{one.site}{moment}{run}"


def amount(one: Strength) -> str:
    """How much of it, ", 30 min, 3 sets"; "" where that was not said."""
    minutes = f", {one.minutes:g} min" if one.minutes is not None else ""
    sets = f", {one.sets} set{'s' * (one.sets != 1)}" if one.sets is not None else ""
    return minutes + sets


def pair(name: str, journal: Journal) -> str:
    """The name of a pair; of one that was taken back too."""
    if not name:
        return "a pair that is not known"
    shoe = journal.shoes.get(name)
    if shoe is None:
        before = [row.before for row in journal.changes if row.name == name]
        shoe = next((one for one in reversed(before) if isinstance(one, Shoe)), None)
    return shoe.name if shoe is not None else f"a pair that is not there ({name})"


def at(wall_s: float, offset_s: float) -> str:
    """A local time, "2026-05-03 07:12"."""
    try:
        zone = timezone(timedelta(seconds=offset_s))
        return f"{datetime.fromtimestamp(wall_s, zone):%Y-%m-%d %H:%M}"
    except (OverflowError, ValueError, OSError):
        return "an impossible time"


def day(one: AnyEntry) -> str:
    """Its day with a name, and a question mark where it is not sure."""
    return f"{date.fromisoformat(one.day):%a} {one.day}{'' if one.sure else '?'}"


def change(row: Change, journal: Journal) -> str:
    """What a change did, in words, without when and who."""
    does = {"put": "", "import": "imported: ", "undo": "undone: ", "redo": "done again: "}[row.act]
    if row.after is None:
        return f"{does}no longer {_full(row.before, journal)}"
    if row.before is None:
        return f"{does}{_full(row.after, journal)}"
    return f"{does}{_full(row.after, journal)}; before: {_full(row.before, journal)}"


def _full(one: AnyEntry | None, journal: Journal) -> str:
    return "an entry that is not known" if one is None else f"{day(one)} {entry(one, journal)}"
