"""A physiotherapist's prescription: a small TOML or JSON file that the runner can only stay under.

What it names is the most: cadence target, minutes with cues, cues an hour, the narrowest band.
The text is kept as it came, with its SHA-256, so that both can compare what was prescribed.
"""

import hashlib
import json
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import msgspec

from gaitpi.coach.programme import SHARES, Focus, Plan, Session, Test, faded
from gaitpi.coach.targets import CAP, round_down
from gaitpi.config import Config, build
from gaitpi.errors import ConfigError, GaitpiError, InputFileError, UsageError
from gaitpi.programmefile import Journal, Prescribed
from gaitpi.targetfile import CLOCK_SET_S

SIZE_LIMIT: Final = 64 * 1024
YEAR: Final = timedelta(days=366)
"""No prescription is good for longer: it ends by itself."""
SESSIONS_MAX: Final = 40
TESTS_MAX: Final = 4
TEXT_MAX: Final = 200

TEMPLATE: Final = f"""# Prescription for gaitpi, by a physiotherapist. Hand it over as a
# file; the runner reads it in with 'gaitpi program prescribe FILE'. What stands
# here is the most: the runner may lower it but not raise it. 'gaitpi program
# status' shows its checksum (SHA-256), by which both can see that it is the
# same file. Lines that begin with # do nothing.

date = 2026-11-24        # of the prescription
expires = 2027-02-24     # its last day; not more than a year later

# name = "R. Runner"     # of the runner; optional, it stays on the belt
# by = "M. Physio"       # who prescribes; optional
# note = "easy runs"     # optional

focus = "cadence"        # or "lean": the one thing that is cued

# The cadence target, one of the two (steps per minute of both feet):
percent = 5.0            # above the runner's own cadence
# target_spm = 172.0

# What "own cadence" is. Without it: what the belt heard in runs without target.
# baseline_spm = 164.0

# More than {CAP - 1:.0%} above the own cadence is taken only with the reason:
# above_cap = "why"

band_percent = 3.0       # low is this far below the target; wider may be chosen
max_per_hour = 20        # cues in an hour, 0 to 20

# The sessions in order: minutes of running after the warm-up, and how many
# percent of them are with cues. Without any, gaitpi's own programme of
# {len(SHARES)} sessions may be run.
[[session]]
minutes = 15
share = 100

[[session]]
minutes = 20
share = 50

[[session]]
minutes = 25
share = 25

# Silent runs afterwards, which show what is kept: days after the last session,
# and minutes.
[[test]]
after_days = 1
minutes = 15

[[test]]
after_days = 28
minutes = 15
"""


class PrescriptionError(InputFileError):
    """A file is no prescription, or one that cannot be followed."""


@dataclass(frozen=True, slots=True)
class Prescription:
    """What is prescribed. None = nothing said about it.

    ``target_spm`` absolute, or ``percent`` above the baseline; ``band_low`` the narrowest band
    (fraction); ``plan`` the sessions, None where the file names none.
    """

    sha256: str
    day: date
    expires: date
    focus: Focus
    name: str = ""
    by: str = ""
    note: str = ""
    target_spm: float | None = None
    percent: float | None = None
    baseline_spm: float | None = None
    above_cap: str = ""
    band_low: float | None = None
    max_per_hour: int | None = None
    plan: Plan | None = None
    baseline_from: str = ""

    @property
    def id(self) -> str:
        """The id of its programme: the same however often it is stopped and started."""
        return f"rx-{self.sha256[:12]}"

    @property
    def ceiling_spm(self) -> float | None:
        """The highest cadence target, spm; None when it does not say."""
        if self.target_spm is not None:
            return self.target_spm
        if self.percent is None or self.baseline_spm is None:
            return None
        return round_down(self.baseline_spm * (1.0 + self.percent / 100.0))

    @property
    def checksum(self) -> str:
        """The first half of the SHA-256 in groups, to be read to each other."""
        return " ".join(self.sha256[k : k + 4] for k in range(0, 32, 4))

    def expired(self, now_s: float) -> bool:
        """Whether its last day is over; a clock that was never set ends nothing."""
        return now_s >= CLOCK_SET_S and _day(now_s) > self.expires


def _day(wall_s: float) -> date:
    try:
        return datetime.fromtimestamp(wall_s).astimezone().date()
    except (OverflowError, ValueError, OSError):
        return date.min


# Reading a file.

_NUMBER: Final = {
    "target_spm": (120.0, 240.0),
    "percent": (0.5, 30.0),
    "baseline_spm": (100.0, 220.0),
    "band_percent": (0.5, 20.0),
    "max_per_hour": (0, 20),
}
_TEXT: Final = ("name", "by", "note", "above_cap")
_DAYS: Final = ("date", "expires")
_TABLES: Final[dict[str, dict[str, tuple[float, float]]]] = {
    "session": {"minutes": (5, 120), "share": (0, 100)},
    "test": {"after_days": (1, 366), "minutes": (5, 120)},
}
_WHOLE: Final = frozenset({"max_per_hour", "after_days", "minutes"})


def read(path: Path) -> tuple[Prescription, str, str]:
    """The prescription in ``path``, the file's text and its kind ("toml", "json").

    Raises PrescriptionError with line or key of everything that is wrong.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(SIZE_LIMIT + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise PrescriptionError(f"{path} cannot be read: {reason}.", "Check the path.") from error
    if len(raw) > SIZE_LIMIT:
        raise PrescriptionError(f"{path} is larger than {SIZE_LIMIT // 1024} KiB.", _REMEDY)
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise PrescriptionError(f"{path}, line {line}: not UTF-8 text.", "Save it as UTF-8.") from (
            error
        )
    kind = "json" if path.suffix.lower() == ".json" else "toml"
    return parse(text, kind, str(path)), text, kind


_REMEDY: Final = "'gaitpi program template' prints one that fits."


def parse(text: str, kind: str, where: str = "the prescription") -> Prescription:
    """The prescription written in ``text``. Raises PrescriptionError."""
    try:
        data = json.loads(text) if kind == "json" else tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        words = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise PrescriptionError(
            f"{where} is not valid {kind.upper()}: {words}.", _REMEDY
        ) from error
    if not isinstance(data, dict):
        raise PrescriptionError(f"{where} holds no keys.", _REMEDY)
    if kind == "json":
        data = {key: _json_day(key, value) for key, value in data.items()}
    lines = text.split("\n") if kind == "toml" else []
    problems = [f"{_place(where, lines, key)}: {words}" for key, words in _problems(data)]
    if problems:
        raise PrescriptionError("\n".join(problems), _REMEDY)
    return _made(data, hashlib.sha256(text.encode()).hexdigest())


def _json_day(key: str, value: Any) -> Any:
    """JSON has no dates: one in a text is read as one."""
    if key in _DAYS and isinstance(value, str):
        try:
            return date.fromisoformat(value)
        except ValueError:
            return value
    return value


def _problems(data: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """(key, what is wrong with it); a key of a table is "session 2.share"."""
    known = {"focus", *_NUMBER, *_TEXT, *_DAYS, *_TABLES}
    for key, value in data.items():
        if key not in known:
            yield key, f"there is no key {key!r}."
        elif key in _TABLES:
            yield from _table_problems(key, value)
        elif key in _NUMBER:
            yield from _number_problems(key, key, value, *_NUMBER[key])
        elif key in _TEXT:
            if not (isinstance(value, str) and value.isprintable() and len(value) <= TEXT_MAX):
                yield key, f"{key} must be one line of text, at most {TEXT_MAX} signs."
        elif key in _DAYS:
            if not isinstance(value, date) or isinstance(value, datetime):
                yield key, f"{key} must be a date such as 2026-11-24."
        elif value not in ("cadence", "lean"):
            yield key, 'focus must be "cadence" or "lean".'
    yield from _missing(data)


def _missing(data: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for key in ("date", "expires", "focus"):
        if key not in data:
            yield key, f"{key} is missing."
    day, expires = data.get("date"), data.get("expires")
    if type(day) is date and type(expires) is date and not day <= expires <= day + YEAR:
        yield "expires", "expires must lie in the year after date."
    if "target_spm" in data and "percent" in data:
        yield "percent", "give target_spm or percent, not both."
    asks = "target_spm" in data or "percent" in data
    if data.get("focus") == "cadence" and not asks:
        yield "focus", "focus cadence needs target_spm or percent."
    if data.get("focus") == "lean" and asks:
        yield "focus", "focus lean has no cadence target: take target_spm or percent out."
    if data.get("focus") == "lean" and "band_percent" in data:
        yield "band_percent", "band_percent is a band of cadence: take it out for lean."
    if "above_cap" in data and not str(data["above_cap"]).strip():
        yield "above_cap", "above_cap must say why."
    if data.get("test") and not data.get("session"):
        yield "test", "a test needs sessions before it."


def _table_problems(table: str, rows: Any) -> Iterator[tuple[str, str]]:
    most = SESSIONS_MAX if table == "session" else TESTS_MAX
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        yield table, f"{table} must be a list of tables [[{table}]]."
        return
    if not 0 < len(rows) <= most:
        yield table, f"there are {len(rows)} [[{table}]], 1 to {most} can be."
    for k, row in enumerate(rows):
        for key in (*_TABLES[table], *row):
            name = f"{table} {k + 1}.{key}"
            if key not in _TABLES[table]:
                yield name, f"there is no key {key!r} in [[{table}]]."
            elif key not in row:
                yield name, f"{key} is missing in [[{table}]] number {k + 1}."
        for key, value in row.items():
            if key in _TABLES[table]:
                yield from _number_problems(
                    f"{table} {k + 1}.{key}", key, value, *_TABLES[table][key]
                )
    days = [row.get("after_days") for row in rows]
    if table == "test" and all(isinstance(day, int) for day in days) and days != sorted(days):
        yield table, "the tests must be in the order of their after_days."


def _number_problems(
    name: str, key: str, value: Any, low: float, high: float
) -> Iterator[tuple[str, str]]:
    whole = key in _WHOLE
    right = isinstance(value, int if whole else int | float) and not isinstance(value, bool)
    if not right or not low <= value <= high:
        kind = "a whole number" if whole else "a number"
        yield name, f"{key} must be {kind} from {low:g} to {high:g}."


def _place(where: str, lines: list[str], name: str) -> str:
    """File and, where it can be told, line of a key."""
    table, dot, key = name.partition(".")
    kind, _, number = table.partition(" ")
    inside, count, begins = "", 0, None
    for index, line in enumerate(lines):
        if header := re.match(r"\s*\[\[?\s*([a-z_]+)\s*\]", line):
            inside = header[1]
            count += inside == kind
            if inside == kind and (not number or count == int(number)) and begins is None:
                begins = index
        elif found := re.match(r"\s*[\"']?([\w-]+)[\"']?\s*=", line):
            here = inside == kind and count == int(number or 0) if dot else not inside
            if here and found[1] == (key or name):
                return f"{where}, line {index + 1}"
    if begins is not None:
        return f"{where}, line {begins + 1}"
    return where if not dot else f"{where}, {table}"


def _made(data: dict[str, Any], sha256: str) -> Prescription:
    focus: Focus = data["focus"]
    plan = None
    if "session" in data:
        plan = Plan(
            name="prescribed",
            focus=focus,
            sessions=tuple(
                Session(share=row["share"] / 100.0, minutes=float(row["minutes"]))
                for row in data["session"]
            ),
            tests=tuple(
                Test(after_days=row["after_days"], minutes=float(row["minutes"]))
                for row in data.get("test", ())
            ),
        )
    band = data.get("band_percent")
    return Prescription(
        sha256=sha256,
        day=data["date"],
        expires=data["expires"],
        focus=focus,
        name=data.get("name", ""),
        by=data.get("by", ""),
        note=data.get("note", ""),
        target_spm=data.get("target_spm"),
        percent=data.get("percent"),
        baseline_spm=data.get("baseline_spm"),
        above_cap=data.get("above_cap", "").strip(),
        band_low=None if band is None else band / 100.0,
        max_per_hour=data.get("max_per_hour"),
        plan=plan,
        baseline_from="file" if "baseline_spm" in data else "",
    )


# Taking it over, and what it then forbids.


def measured(found: Prescription, own_spm: float | None) -> Prescription:
    """The prescription with its baseline: the file's own, or the cadence the runs show.

    Raises PrescriptionError when there is neither, or when the target lies above the cap and the
    file does not say ``above_cap``.
    """
    if found.focus != "cadence":
        return found
    if found.baseline_spm is None and own_spm is not None:
        found = replace(found, baseline_spm=own_spm, baseline_from="runs")
    if found.baseline_spm is None:
        raise PrescriptionError(
            "the runner's own cadence is not known, so the prescribed target cannot be judged.",
            "Run five easy minutes without a target first, or put baseline_spm into the file.",
        )
    ceiling, cap = found.ceiling_spm, CAP * found.baseline_spm
    if ceiling is not None and ceiling > cap and not found.above_cap:
        raise PrescriptionError(
            f"{ceiling:g} spm is more than {CAP - 1:.0%} above the own cadence "
            f"{found.baseline_spm:.1f}: at most {cap:.1f}.",
            'If it must be, the file says so itself: above_cap = "why".',
        )
    return found


def of(record: Prescribed) -> Prescription | None:
    """The prescription of a record; None when it does not fit its checksum or this version."""
    if hashlib.sha256(record.text.encode()).hexdigest() != record.sha256:
        return None
    try:
        found = parse(record.text, record.kind)
    except PrescriptionError:
        return None
    return replace(found, baseline_spm=record.baseline_spm, baseline_from=record.baseline_from)


def latest(journal: Journal) -> Prescription | None:
    """The last prescription, expired or not; an older one does not come back to life.

    Raises PrescriptionError when it is damaged: what it forbids is not known then.
    """
    records = [record for record in journal.records if isinstance(record, Prescribed)]
    found = of(records[-1]) if records else None
    if journal.prescription_lost or (records and found is None):
        raise PrescriptionError(
            "the prescription kept in the file of the programme is damaged: no cues without it.",
            "Read its file in again: 'gaitpi program prescribe FILE'.",
        )
    return found


def in_force(journal: Journal, now_s: float) -> Prescription | None:
    """The prescription that binds the runner now; None without one. Raises as :func:`latest`."""
    found = latest(journal)
    return None if found is None or found.expired(now_s) else found


def check_new(journal: Journal, found: Prescription, now_s: float) -> None:
    """Raise PrescriptionError unless ``found`` may come into force now.

    An older one never replaces a newer one: with that, the runner could raise what was lowered.
    """
    if found.expired(now_s):
        raise PrescriptionError(f"it ended on {found.expires}.", "Ask for a new one.")
    if now_s >= CLOCK_SET_S and found.day > _day(now_s):
        raise PrescriptionError(f"it is dated {found.day}, which is later than today.", "")
    try:
        before = latest(journal)
    except PrescriptionError:
        return  # the damaged one is being replaced
    if before is None:
        return
    if before.sha256 == found.sha256:
        raise PrescriptionError(
            "this very file is in force already.", "'gaitpi program status' shows it."
        )
    if found.day <= before.day:
        raise PrescriptionError(
            f"it is dated {found.day}, and the one of {before.day} is there already.",
            "Only one of a later date replaces it.",
        )


def check_target(found: Prescription | None, spm: float) -> None:
    """Raise UsageError when a cadence target is above what is prescribed: no reason lifts that."""
    ceiling = None if found is None else found.ceiling_spm
    if found is None or ceiling is None or spm <= ceiling:
        return
    raise UsageError(
        f"{spm:g} spm is above what is prescribed: at most {ceiling:g} until {found.expires}.",
        f"You may choose less; more takes a new prescription ({found.checksum[:9]} is in force).",
    )


def reason_for(found: Prescription | None) -> str:
    """The reason a prescribed target needs no other: it may be beyond cap and ramp."""
    if found is None or found.ceiling_spm is None:
        return ""
    return f"prescribed {found.day}, {found.checksum[:9]}"


def plan_of(found: Prescription | None, focus: Focus) -> Plan:
    """The sessions that may be run: the prescribed ones, else gaitpi's own.

    Raises GaitpiError when another focus is prescribed.
    """
    if found is None:
        return faded(focus)
    if focus != found.focus:
        raise GaitpiError(
            f"{found.focus} is prescribed, not {focus}.",
            f"'gaitpi program start {found.focus}' runs it.",
        )
    return found.plan or faded(focus)


def clamp(config: Config, found: Prescription | None) -> tuple[Config, tuple[str, ...]]:
    """``config`` with nothing in it beyond the prescription, and what was brought down, in words.

    Where the two cannot be brought together, cues are switched off, and that is said.
    """
    if found is None:
        return config, ()
    coach, changes, said = config.coach, dict[str, Any](), []
    if coach.focus != found.focus:
        changes["focus"] = found.focus
        said.append(f"coach.focus {coach.focus} -> {found.focus} (prescribed)")
    ceiling = found.ceiling_spm
    if ceiling is not None and coach.target_spm is not None and coach.target_spm > ceiling:
        changes["target_spm"] = ceiling
        said.append(f"coach.target_spm {coach.target_spm:g} -> {ceiling:g} (the most prescribed)")
    if ceiling is not None and (coach.follow_most_spm or 0.0) > ceiling:
        changes["follow_most_spm"] = ceiling
        said.append(f"coach.follow_most_spm {coach.follow_most_spm:g} -> {ceiling:g} (the most)")
    if found.band_low is not None and coach.band_low < found.band_low:
        changes["band_low"] = found.band_low
        said.append(f"coach.band_low {coach.band_low:g} -> {found.band_low:g} (the narrowest)")
    most = found.max_per_hour
    if most is not None and coach.max_per_hour > most:
        changes["max_per_hour"] = most
        said.append(f"coach.max_per_hour {coach.max_per_hour} -> {most} (the most prescribed)")
    if not changes:
        return config, ()
    data = msgspec.to_builtins(config)
    data["coach"].update(changes)
    try:
        return build(data, "the prescription"), tuple(said)
    except ConfigError as error:
        data = msgspec.to_builtins(config)
        data["coach"]["enabled"] = False
        return build(data, "the prescription"), (f"no cues: {error.found}",)
