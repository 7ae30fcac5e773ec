"""The journal as one CSV table, out and in again: what goes out comes back the same.

A line an entry; columns that do not belong to its kind are empty. A name (``id``) makes a line the
same entry wherever it is read, so reading a table twice changes nothing. A line written by hand
needs no name: it gets one of what it says. Bad lines are named, and then nothing is written.
"""

import csv
import hashlib
import io
import math
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any, Final, cast

import msgspec

from gaitpi.errors import UsageError
from gaitpi.journal import days
from gaitpi.journal.entries import (
    LEVEL_MAX,
    MINUTES_MAX,
    MOMENTS,
    NAME_MAX,
    TEXT_MAX,
    AnyEntry,
    Moment,
    Note,
    Pain,
    Shoe,
    Strength,
    Use,
    Worn,
    is_day,
    is_name,
    is_run,
    is_text,
    is_word,
)
from gaitpi.journal.store import Journal, Put, Stamp
from gaitpi.plaintext import FORMULA

BYTES_MAX: Final = 4 * 1024 * 1024
LINES_MAX: Final = 20_000
FIELD_MAX: Final = 1000
SHOWN: Final = 5
"""Bad lines that are told of; of the others how many."""

COLUMNS: Final = (
    *("kind", "day", "level", "site", "moment", "run", "what", "minutes", "sets", "shoe", "km"),
    *("retired", "from", "text", "sure", "entered", "id", "pair"),
)
"""``shoe`` is the name of a pair, ``pair`` the ``id`` of its line."""
_KINDS: Final = ("pain", "strength", "shoe", "use", "worn", "note")
_GUARDED: Final = FORMULA | {"'"}

Line = Mapping[str, str]


# ---------------------------------------------------------------------- out


def text(journal: Journal) -> str:
    """All entries that hold, oldest first, as CSV."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for name, entry in journal.entries.items():
        cells = {"id": name, **_cells(entry, journal)}
        writer.writerow([_guarded(cells.get(column, "")) for column in COLUMNS])
    return out.getvalue()


def _cells(entry: AnyEntry, journal: Journal) -> dict[str, str]:
    cells = {
        "kind": str(entry.__struct_config__.tag),
        "day": entry.day,
        "sure": "" if entry.sure else "no",
        "entered": _time(entry.entered_s, entry.offset_s),
    }
    match entry:
        case Pain():
            cells |= {"level": str(entry.level), "site": entry.site, "moment": entry.moment}
            cells["run"] = entry.run
        case Strength():
            cells |= {"what": entry.what, "minutes": _number(entry.minutes)}
            cells["sets"] = "" if entry.sets is None else str(entry.sets)
        case Shoe():
            cells |= {"shoe": entry.name, "km": _number(entry.km), "retired": entry.retired}
        case Use():
            cells |= {"from": _time(entry.from_s, entry.offset_s), **_pair(entry.shoe, journal)}
        case Worn():
            cells |= {"run": entry.run, **_pair(entry.shoe, journal)}
        case Note():
            cells["text"] = entry.text
    return cells


def _pair(name: str, journal: Journal) -> dict[str, str]:
    shoe = journal.shoes.get(name)
    return {"pair": name, "shoe": shoe.name if shoe is not None else ""}


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return str(int(value)) if value == int(value) else repr(value)


def _time(wall_s: float, offset_s: float) -> str:
    """ISO 8601 to the millisecond, local, with the offset."""
    zone = timezone(timedelta(seconds=offset_s))
    return (_EPOCH + timedelta(seconds=wall_s)).astimezone(zone).isoformat(timespec="milliseconds")


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def _guarded(cell: str) -> str:
    """Text that a spreadsheet would reckon, and one that begins as a guarded one, gets a quote."""
    return f"'{cell}" if cell[:1] in _GUARDED else cell


def _unguarded(cell: str) -> str:
    return cell[1:] if cell[:1] == "'" and cell[1:2] in _GUARDED else cell


# ---------------------------------------------------------------------- in


def puts(raw: bytes, journal: Journal, now: Stamp) -> list[Put]:
    """What a table adds to ``journal`` or changes in it. Raises UsageError with the bad lines."""
    lines = _lines(raw)
    clock = not days.doubt(now, journal)
    bad: list[str] = []
    names: dict[str, list[str]] = {}
    for shoe_name, shoe in journal.shoes.items():
        names.setdefault(shoe.name.lower(), []).append(shoe_name)
    found: dict[str, tuple[int, AnyEntry]] = {}
    times: dict[str, int] = {}
    # pairs first: other lines name them
    for number, line in sorted(lines, key=lambda item: _kind(item[1]) != "shoe"):
        try:
            entry = _entry(line, now, names, journal, found)
            if clock and not line.get("entered") and entry.sure and entry.date > days.today(now):
                raise ValueError(f"{entry.day} is still to come")
            name = line.get("id", "") or _name_of(entry, times)
            if not is_name(name):
                raise ValueError(f"id {name[:20]!r} is no name of an entry")
            if name in found:
                raise ValueError(f"it has the id of line {found[name][0]}")
            there = journal.entries.get(name)
            if there is not None and type(there) is not type(entry):
                was = there.__struct_config__.tag
                raise ValueError(f"id {name[:20]!r} is that of a {was} in the journal")
        except ValueError as error:
            bad.append(f"line {number}: {error}")
            continue
        found[name] = number, entry
        if isinstance(entry, Shoe):
            names.setdefault(entry.name.lower(), []).append(name)
    if bad:
        bad.sort(key=lambda said: int(said.split()[1].rstrip(":")))
        more = f"; and {len(bad) - SHOWN} more" if len(bad) > SHOWN else ""
        raise UsageError(
            f"{len(bad)} bad line{'s' * (len(bad) != 1)}: {'; '.join(bad[:SHOWN])}{more}.",
            "Nothing was imported; put them right and do it again.",
        )
    entered = _has_time(lines, found)
    return [
        Put(entry, name)
        for name, (_, entry) in sorted(found.items(), key=lambda item: item[1][0])
        if not _same(journal.entries.get(name), entry, entered[name])
    ]


def _has_time(
    lines: Iterable[tuple[int, Line]], found: Mapping[str, tuple[int, AnyEntry]]
) -> dict[str, bool]:
    """Whether the line of an entry says when it was entered."""
    said = {number: bool(line.get("entered")) for number, line in lines}
    return {name: said[number] for name, (number, _) in found.items()}


def _same(there: AnyEntry | None, new: AnyEntry, said: bool) -> bool:
    """Whether nothing changes; when it was entered counts only where the line says it."""
    if there is None or said:
        return there == new
    when = {"entered_s": there.entered_s, "offset_s": there.offset_s}
    return there == msgspec.structs.replace(new, **when)


def _lines(raw: bytes) -> list[tuple[int, Line]]:
    """The lines with their numbers, by column. Raises UsageError."""
    if len(raw) > BYTES_MAX:
        raise UsageError(f"The table has more than {BYTES_MAX // 1024**2} MiB.", "Split it.")
    try:
        content = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError("The table is no UTF-8 text.", "Save it as CSV UTF-8.") from error
    head = content.split("\n", 1)[0]
    delimiter = ";" if head.count(";") > head.count(",") else ","
    reader = csv.reader(io.StringIO(content, newline=""), delimiter=delimiter, strict=True)
    rows: list[tuple[int, list[str]]] = []
    try:
        for row in reader:
            if any(cell.strip() for cell in row):
                rows.append((reader.line_num, [_unguarded(cell.strip()) for cell in row]))
            if len(rows) > LINES_MAX:
                raise UsageError(f"The table has more than {LINES_MAX} lines.", "Split it.")
    except csv.Error as error:
        raise UsageError(
            f"line {reader.line_num}: {error}.", "Nothing was imported; is it a CSV file?"
        ) from error
    if not rows:
        raise UsageError("The table is empty.", _FORM)
    names = [name.lower() for name in rows[0][1]]
    unknown = [name for name in names if name not in COLUMNS]
    if unknown or "kind" not in names or len(set(names)) != len(names):
        what = f"{unknown[0][:30]!r} is none" if unknown else "each once, and kind among them"
        raise UsageError(f"The first line names the columns: {what}.", _FORM)
    lines: list[tuple[int, Line]] = []
    for number, row in rows[1:]:
        if len(row) > len(names) or any(len(cell) > FIELD_MAX for cell in row):
            raise UsageError(f"line {number}: it has too many cells, or too long ones.", _FORM)
        lines.append((number, dict(zip(names, row, strict=False))))
    return lines


_FORM: Final = "'gaitpi journal --export FILE.csv' writes one to look at."


def _kind(line: Line) -> str:
    return line.get("kind", "").lower()


def _entry(
    line: Line,
    now: Stamp,
    names: Mapping[str, list[str]],
    journal: Journal,
    found: Mapping[str, tuple[int, AnyEntry]],
) -> AnyEntry:
    """The entry of a line. Raises ValueError in words."""
    kind = _kind(line)
    if kind not in _KINDS:
        raise ValueError(f"kind {kind[:20]!r} is not one of {', '.join(_KINDS)}")
    used = {"kind", "day", "sure", "entered", "id", *_USED[kind]}
    for column, cell in line.items():
        if cell and column not in used:
            raise ValueError(f"{kind} has no {column}")
    base: dict[str, Any] = {"day": _day(line.get("day", ""), "day"), **_entered(line, now)}
    base["sure"] = _sure(line.get("sure", ""))
    entry: AnyEntry
    if kind == "pain":
        level = int(_value(line, "level", 0, LEVEL_MAX, whole=True))
        moment = line.get("moment", "").lower()
        if moment and moment not in MOMENTS:
            raise ValueError(f"moment {moment[:20]!r} is not one of {', '.join(MOMENTS)}")
        entry = Pain(
            **base,
            level=level,
            site=line.get("site", "").lower(),
            moment=cast("Moment", moment),
            run=line.get("run", ""),
        )
    elif kind == "strength":
        sets = line.get("sets") and int(_value(line, "sets", 1, 999, whole=True))
        minutes = _value(line, "minutes", 0, MINUTES_MAX) if line.get("minutes") else None
        if minutes == 0:
            raise ValueError("minutes 0 is no session; where it is not known the cell is empty")
        what = line.get("what", "").lower()
        entry = Strength(**base, what=what, minutes=minutes, sets=sets or None)
    elif kind == "shoe":
        km = _value(line, "km", 0, 100_000) if line.get("km") else None
        retired = _day(line["retired"], "retired") if line.get("retired") else ""
        entry = Shoe(**base, name=line.get("shoe", ""), km=km, retired=retired)
    elif kind == "note":
        entry = Note(**base, text=line.get("text", ""))
    else:
        pair = _which(line, names, journal, found)
        if kind == "use":
            from_s, _ = _instant(line.get("from", ""), "from")
            entry = Use(**base, shoe=pair, from_s=from_s)
        else:
            entry = Worn(**base, run=line.get("run", ""), shoe=pair)
    if not entry.sane:
        raise ValueError(_first_wrong(line, kind))
    return entry


_USED: Final = {
    "pain": ("level", "site", "moment", "run"),
    "strength": ("what", "minutes", "sets"),
    "shoe": ("shoe", "km", "retired"),
    "use": ("from", "shoe", "pair"),
    "worn": ("run", "shoe", "pair"),
    "note": ("text",),
}


def _first_wrong(line: Line, kind: str) -> str:
    """What of the line is most likely wrong."""
    for column in _USED[kind]:
        cell = line.get(column, "")
        if column in ("what", "site") and not is_word(cell.lower()) and (cell or kind != "pain"):
            return f"{column} {cell[:20]!r} is not words joined by hyphens, as lower-left"
        if column == "run" and not is_run(cell) and (cell or kind != "pain"):
            return f"run {cell[:20]!r} is no id of a run"
        if (column == "shoe" and kind == "shoe" and not is_text(cell, NAME_MAX)) or (
            column == "text" and not is_text(cell, TEXT_MAX)
        ):
            most = NAME_MAX if column == "shoe" else TEXT_MAX
            return f"{column} {cell[:20]!r} is not one line of 1 to {most} signs"
    return "a value is out of range"


def _which(
    line: Line,
    names: Mapping[str, list[str]],
    journal: Journal,
    found: Mapping[str, tuple[int, AnyEntry]],
) -> str:
    """The entry of the pair a line names; "" for none. Raises ValueError."""
    pair, shoe = line.get("pair", ""), line.get("shoe", "")
    if pair:
        there = found.get(pair)
        known = pair in journal.shoes or (there is not None and isinstance(there[1], Shoe))
        if not known and shoe:  # without a name it is of a pair that was taken away
            raise ValueError(f"no pair has the id {pair[:20]!r}")
        return pair
    if not shoe:
        return ""
    fitting = names.get(shoe.lower(), [])
    if len(set(fitting)) != 1:
        raise ValueError(f"{'no' if not fitting else 'more than one'} pair is called {shoe[:40]!r}")
    return fitting[0]


def _value(line: Line, column: str, low: float, high: float, *, whole: bool = False) -> float:
    cell = line.get(column, "")
    try:
        value = float(cell.replace(",", "."))
    except ValueError:
        value = math.nan
    if not low <= value <= high or (whole and value != int(value)):
        kind = "whole number" if whole else "number"
        raise ValueError(f"{column} {cell[:20]!r} is no {kind} from {low:g} to {high:g}")
    return value


def _day(cell: str, column: str) -> str:
    if not is_day(cell):
        raise ValueError(f"{column} {cell[:20]!r} is no day as 2026-05-03")
    return date.fromisoformat(cell).isoformat()


def _sure(cell: str) -> bool:
    said = {"": True, "yes": True, "true": True, "no": False, "false": False}.get(cell.lower())
    if said is None:
        raise ValueError(f"sure {cell[:20]!r} is neither yes nor no")
    return said


def _entered(line: Line, now: Stamp) -> dict[str, float]:
    if not line.get("entered"):
        return {"entered_s": now.wall_s, "offset_s": now.offset_s}
    wall_s, offset_s = _instant(line["entered"], "entered")
    return {"entered_s": wall_s, "offset_s": offset_s}


def _instant(cell: str, column: str) -> tuple[float, float]:
    """Seconds since 1970, and the offset it was written with."""
    try:
        when = datetime.fromisoformat(cell)
        if when.tzinfo is None:
            when = when.astimezone()
        offset = when.utcoffset() or timedelta()
        return round((when - _EPOCH).total_seconds(), 3), float(int(offset.total_seconds()))
    except (ValueError, OverflowError, OSError) as error:
        raise ValueError(f"{column} {cell[:30]!r} is no time as 2026-05-03T07:12+02:00") from error


def _name_of(entry: AnyEntry, times: dict[str, int]) -> str:
    """A name made of what the entry says, and of how often it stood above."""
    still = msgspec.structs.replace(entry, entered_s=0.0, offset_s=0.0)
    says = msgspec.json.encode(still)
    times[says.hex()] = times.get(says.hex(), 0) + 1
    digest = hashlib.sha256(b"%d:%s" % (times[says.hex()], says))
    return f"csv-{digest.hexdigest()[:12]}"
