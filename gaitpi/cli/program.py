"""``gaitpi program``: sessions whose cues fade, what became of them, and a prescription."""

import argparse
import dataclasses
import math
import secrets
import textwrap
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import msgspec

from gaitpi import prescription, programmefile, targetfile
from gaitpi.cli import actions_of, common_options, complain, fixed_keys, load_config, print_json
from gaitpi.coach.programme import MINUTE_S, WEEKLY, Focus, percent, whole
from gaitpi.coach.targets import LISTEN_S, Own
from gaitpi.config import Config, runs_directory
from gaitpi.errors import EXIT_OK, GaitpiError
from gaitpi.hostclock import SystemClock
from gaitpi.plaintext import plain
from gaitpi.prescription import Prescription
from gaitpi.programmefile import Done, Journal, Prescribed, Record, Skipped, Started, Stopped
from gaitpi.review import programme as review
from gaitpi.review.listening import listen

HELP: Final = (
    "A programme of 8 sessions whose cues fade (100 % of the minutes at first, 10 % at last), a"
    " silent test after it and one four weeks later. A run belongs to the next session by itself."
    " A physiotherapist's prescription can be read in; you may stay under it. Without an action:"
    " status."
)
EPILOG: Final = """examples:
  gaitpi program start cadence
  gaitpi program status
  gaitpi program verdict
  gaitpi program template > mine.toml
  gaitpi program prescribe mine.toml"""

_INDENT: Final = " " * 12


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the actions."""
    parser.set_defaults(action=_status, json=False, simulated=False)
    common = common_options(argparse.SUPPRESS)
    for one in (parser, common):  # before the action or after it
        one.add_argument(
            "--json", action="store_true", default=argparse.SUPPRESS, help="print JSON"
        )
        one.add_argument(
            "--simulated",
            action="store_true",
            default=argparse.SUPPRESS,
            help="for trying it out: the programme and runs of the simulated runner only",
        )
    action = actions_of(parser, common)
    start = action("start", _start, "begin a programme with the next run", "start cadence")
    start.add_argument(
        "focus",
        nargs="?",
        choices=("cadence", "lean"),
        help="what is cued (default: what is prescribed, else coach.focus)",
    )
    action("status", _status, "where it stands, and what the next run is", "status")
    skip = action("skip", _skip, "leave the next session or test out", 'skip --reason "ill"')
    stop = action("stop", _stop, "end the programme", 'stop --reason "holiday"')
    for one in (skip, stop):
        one.add_argument("--reason", default="", metavar="TEXT", help="why; it is kept")
    action("verdict", _verdict, "what came of it, and what is kept without cues", "verdict")
    prescribe = action(
        "prescribe",
        _prescribe,
        "read in a prescription: from then on it is the most",
        "prescribe F",
    )
    prescribe.add_argument("file", type=Path, metavar="FILE", help="TOML, or JSON (.json)")
    action("template", _template, "print an example of a prescription", "template > mine.toml")


def run(args: argparse.Namespace) -> int:
    """Do the action. Raises GaitpiError for what cannot be done, and says why."""
    code: int = args.action(args)
    return code


@dataclass(frozen=True, slots=True)
class _Now:
    """Everything an action needs."""

    config: Config
    directory: Path
    path: Path
    journal: Journal
    runs: tuple[Done, ...]
    unreadable: tuple[str, ...]
    standing: review.Standing | None
    prescribed: Prescription | None
    now_s: float
    simulated: bool
    problems: tuple[str, ...]

    def laid(self) -> review.Laid:
        """What a run started now would be given."""
        return review.lay(self.config, self.standing, self.prescribed, self.now_s)


def _gather(args: argparse.Namespace, *, bound: bool = True) -> _Now:
    """``bound`` False: a damaged prescription is no obstacle."""
    given = load_config(args)
    directory = runs_directory(given)
    targets = targetfile.load(targetfile.path_in(directory, simulated=args.simulated))
    force = targetfile.lay_under(given, fixed_keys(args), targets)
    path = programmefile.path_in(directory, simulated=args.simulated)
    journal, now_s = programmefile.load(path), SystemClock().wall()
    runs, unreadable = review.collect(directory, journal, simulated=args.simulated)
    return _Now(
        config=force.config,
        directory=directory,
        path=path,
        journal=journal,
        runs=runs,
        unreadable=unreadable,
        standing=review.standing(journal, runs),
        prescribed=prescription.in_force(journal, now_s) if bound else None,
        now_s=now_s,
        simulated=args.simulated,
        problems=(*journal.problems, *force.problems),
    )


def _own(now: _Now) -> Any:
    """The runner's own cadence by the listening runs; None when it is not known."""
    session = now.config.coach.session
    return listen(now.directory, session, simulated=now.simulated).own(session)


def _own_before(now: _Now) -> Any:
    """What a programme is measured against: by the listening runs, or as the prescription says."""
    own, found = _own(now), now.prescribed
    if own is not None or found is None or found.baseline_spm is None:
        return own
    # measured elsewhere: taken for as sure as the shortest listening of our own
    return Own(found.baseline_spm, 0.0, 0.0, LISTEN_S)


# Beginning and ending.


def _start(args: argparse.Namespace) -> int:
    now = _gather(args)
    found = now.prescribed
    focus: Focus = args.focus or (found.focus if found else now.config.coach.focus)
    plan = prescription.plan_of(found, focus)
    ordered = found is not None and found.plan is not None
    _refuse_second(now, found.id if found is not None and ordered else None)
    config = prescription.clamp(now.config, found)[0]
    if not review.has_target(config.coach, focus):
        todo = "'gaitpi target propose' shows how to get one."
        raise GaitpiError(f"there is no {focus} target yet to run a programme with.", todo)
    name = found.id if found is not None and ordered else f"own-{secrets.token_hex(4)}"
    before = next((r for r in now.journal.records if isinstance(r, Started) and r.id == name), None)
    own = _own_before(now) if before is None else None
    coach = config.coach
    started = Started(
        wall_s=now.now_s,
        id=name,
        plan=plan,
        target=coach.target_spm if focus == "cadence" else coach.usual_lean_deg,
        # taken up again: what it is measured against stays
        own=before.own if before else (own.cadence_spm if own else None),
        own_sd=before.own_sd if before else (review.own_sd(own) if own else None),
    )
    _keep(now, started)
    if args.json:
        print_json(msgspec.structs.asdict(started))
        return EXIT_OK
    rows = [("programme", _plan_words(started)), ("target", _target_words(started))]
    if focus == "cadence" and started.own is None:
        rows.append(("but", "your own cadence is not known: what is kept cannot be told later"))
    after = review.standing(Journal((*now.journal.records, started)), now.runs)
    assert after is not None
    rows.append(("next", f"your next run is {review.due(after, now.now_s).why}"))
    print_rows(rows)
    return EXIT_OK


def _refuse_second(now: _Now, prescribed_id: str | None) -> None:
    """Raise GaitpiError while another programme is running, unless this one is prescribed."""
    at = now.standing
    if at is None or not at.running or review.upcoming(at) is None:
        return
    if prescribed_id is None or at.started.id == prescribed_id:
        done = f"{len(at.sessions)} of {len(at.plan.sessions)} sessions are done"
        raise GaitpiError(
            f"a programme is running already: {done}.", "'gaitpi program stop' ends it."
        )


def _running(now: _Now) -> review.Standing:
    if now.standing is None or not now.standing.running:
        raise GaitpiError("no programme is running.", "'gaitpi program start' begins one.")
    return now.standing


def _skip(args: argparse.Namespace) -> int:
    now = _gather(args)
    at = _running(now)
    coming = review.upcoming(at)
    if coming is None:
        raise GaitpiError("nothing is left to skip.", "'gaitpi program verdict' shows the end.")
    record = Skipped(
        wall_s=now.now_s, id=at.started.id, part=coming[0], number=coming[1], reason=args.reason
    )
    return _done(args, now, record, f"{_part(*coming)} is left out")


def _stop(args: argparse.Namespace) -> int:
    now = _gather(args)
    record = Stopped(wall_s=now.now_s, id=_running(now).started.id, reason=args.reason)
    words = "ended; 'gaitpi program verdict' shows what came of it"
    if now.prescribed is not None and now.prescribed.plan is not None:
        words += ". Without the prescribed sessions there are no cues"
    return _done(args, now, record, words)


def _done(args: argparse.Namespace, now: _Now, record: Record, words: str) -> int:
    _keep(now, record)
    if args.json:
        print_json(msgspec.structs.asdict(record))
    else:
        print_rows([("programme", words)])
    return EXIT_OK


def _keep(now: _Now, record: Record) -> None:
    programmefile.add(now.path, [record])


# The prescription.


def _template(args: argparse.Namespace) -> int:  # noqa: ARG001 (an action like the others)
    print(prescription.TEMPLATE, end="")
    return EXIT_OK


def _prescribe(args: argparse.Namespace) -> int:
    now = _gather(args, bound=False)
    found, text, kind = prescription.read(args.file)
    own = _own(now)
    try:
        prescription.check_new(now.journal, found, now.now_s)
        found = prescription.measured(found, None if own is None else own.cadence_spm)
    except prescription.PrescriptionError as error:
        raise prescription.PrescriptionError(f"{args.file}: {error.found}", error.todo) from None
    record = Prescribed(
        wall_s=now.now_s,
        sha256=found.sha256,
        text=text,
        kind=kind,
        baseline_spm=found.baseline_spm,
        baseline_from=found.baseline_from,
    )
    _keep(now, record)
    if args.json:
        print_json(_prescription_json(found))
        return EXIT_OK
    rows = _prescription_rows(found)
    rows += [("lowered", words) for words in prescription.clamp(now.config, found)[1]]
    ceiling, target = found.ceiling_spm, now.config.coach.target_spm
    if ceiling is not None and target is None:
        rows.append(("next", f"gaitpi target set {ceiling:g}   (or less)"))
    if found.plan is not None:
        rows.append(("then" if target is None else "next", f"gaitpi program start {found.focus}"))
    print_rows(rows)
    return EXIT_OK


def _prescription_rows(found: Prescription) -> list[tuple[str, str]]:
    who = f" by {found.by}" if found.by else ""
    who += f" for {found.name}" if found.name else ""
    rows = [("prescribed", f"{found.focus}{who}, {found.day} until {found.expires}")]
    limits = []
    if found.ceiling_spm is not None:
        limits.append(f"target {found.ceiling_spm:g} spm{_against(found)}")
    if found.max_per_hour is not None:
        limits.append(f"{found.max_per_hour} cues an hour")
    if limits:
        rows.append(("at most", ", ".join(limits)))
    if found.band_low is not None:
        rows.append(("at least", f"a band of {percent(found.band_low)} below the target"))
    if found.above_cap:
        rows.append(("above 10 %", f"because: {found.above_cap}"))
    if found.note:
        rows.append(("note", found.note))
    rows.append(("checksum", f"{found.checksum} (SHA-256, first half)"))
    return rows


def _against(found: Prescription) -> str:
    if found.baseline_spm is None:
        return ""
    origin = "by the file" if found.baseline_from == "file" else "by your runs"
    return f" (own cadence {found.baseline_spm:.1f} {origin})"


def _prescription_json(found: Prescription | None) -> dict[str, Any] | None:
    if found is None:
        return None
    data = {name: getattr(found, name) for name in found.__slots__}
    return data | {"ceiling_spm": found.ceiling_spm, "id": found.id}


# How it stands.


def _status(args: argparse.Namespace) -> int:
    now = _gather(args)
    laid = now.laid()
    if args.json:
        print_json(_status_json(now, laid))
        return EXIT_OK
    for problem in (*now.problems, *laid.problems):
        complain(problem)
    rows: list[tuple[str, str]] = []
    at = now.standing
    if at is None:
        rows.append(("programme", "none has been started"))
        rows.append(("next", "gaitpi program start"))
    else:
        state = "" if at.running else " (ended)"
        rows += [
            ("programme", _plan_words(at.started) + state),
            ("target", _target_words(at.started)),
            *_adherence_rows(review.adherence(at)),
            ("next run", laid.next.why),
        ]
    if now.prescribed is not None:
        rows += _prescription_rows(now.prescribed)
    rows += [("lowered", words) for words in laid.clamped]
    if now.unreadable:
        rows.append(("left out", f"damaged: {', '.join(now.unreadable)}"))
    print_rows(rows)
    if at is not None:
        _print_lines(table(at))
    return EXIT_OK


def _status_json(now: _Now, laid: review.Laid) -> dict[str, Any]:
    at = now.standing
    return {
        "programme": None if at is None else msgspec.to_builtins(at.started),
        "running": at is not None and at.running,
        "next": dataclasses.asdict(laid.next),
        "adherence": None if at is None else dataclasses.asdict(review.adherence(at)),
        "runs": [] if at is None else [msgspec.to_builtins(d) for d in at.done],
        "too_short": [] if at is None else [d.run_id for d in at.short],
        "repeated": [] if at is None else [d.run_id for d in at.again],
        "skipped": [] if at is None else sorted(at.skipped),
        "prescription": _prescription_json(now.prescribed),
        "lowered": laid.clamped,
        "problems": (*now.problems, *laid.problems),
        "unreadable": now.unreadable,
        "file": str(now.path),
    }


def _plan_words(started: Started) -> str:
    plan = started.plan
    whose = "gaitpi's own" if plan.name == "faded" else plan.name
    when = _day(started.wall_s)
    return f"{plan.focus}, {whose}, {len(plan.sessions)} sessions, started {when}"


def _target_words(started: Started) -> str:
    if started.target is None:
        return "not known"
    if started.plan.focus == "lean":
        return f"usual lean {started.target:+.1f} deg"
    own = "not known" if started.own is None else f"{started.own:.1f} spm"
    return f"{started.target:.1f} spm at the start; your own cadence {own}"


def _adherence_rows(found: review.Adherence) -> list[tuple[str, str]]:
    done = f"{found.sessions} of {found.planned} sessions"
    if found.skipped:
        done += f", {found.skipped} left out"
    if not math.isnan(found.weekly):
        done += f"; {found.weekly:.1f} a week (in studies {WEEKLY[0]} to {WEEKLY[1]})"
    minutes = f"{found.cued_min:.0f} of {found.cued_planned_min:.0f} planned minutes with cues run"
    cues = f"{minutes}; {found.cues} cue{'s' * (found.cues != 1)}"
    if found.judged:
        cues += f", {found.answered} of {found.judged} answered ({whole(found.response)})"
    if not math.isnan(found.recovery_s):
        cues += f", back in band after {found.recovery_s:.0f} s (median)"
    rows = [("done", done), ("cues", cues)]
    shares = (found.in_cued, "in minutes with cues"), (found.in_free, "in those without")
    known = [f"{whole(share)} {where}" for share, where in shares if not math.isnan(share)]
    if known:
        rows.append(("in band", ", ".join(known)))
    return rows


_HEAD: Final = ("run", "date", "cued", "minutes", "cues", "answered", "in band", "cadence")
_WIDTHS: Final = (-11, -10, 6, 8, 5, 9, 11, 14)


def table(at: review.Standing) -> list[str]:
    """The runs of a programme, a line each, 80 columns wide."""
    ran = {id(run): "" for run in at.done}
    ran |= {id(run): "too short, does not count" for run in at.short}
    ran |= {id(run): "again, does not count" for run in at.again}
    runs = sorted((*at.done, *at.short, *at.again), key=lambda run: (run.wall_s, run.run_id))
    if not runs and not at.skipped:
        return []
    lines = [_columns(_HEAD)]
    for run in runs:
        lines.append(_columns(_cells(run)))
        if ran[id(run)]:
            lines.append(f"{'':11} {ran[id(run)]}")
    for part, number in sorted(at.skipped):
        lines.append(f"{f'{part} {number}':11} left out")
    lines.append("in band: share of the time in minutes with cues / in those without")
    return lines


def _columns(cells: Iterable[str]) -> str:
    made = (
        f"{cell:<{-width}}" if width < 0 else f"{cell:>{width}}"
        for cell, width in zip(cells, _WIDTHS, strict=True)
    )
    return " ".join(made).rstrip()


def _cells(run: Done) -> tuple[str, ...]:
    inside = (_part_of(run.cued_in, run.cued_known), _part_of(run.free_in, run.free_known))
    cadence = "unknown"
    if run.cadence_spm is not None:
        error = run.cadence_sd_spm
        cadence = f"{run.cadence_spm:.1f}"
        cadence += "" if error is None else f" ±{review.SURE * error:.1f}"
    return (
        f"{run.part} {run.number}",
        _day(run.wall_s),
        percent(run.share),
        f"{run.coached_s / MINUTE_S:.0f}/{run.minutes:.0f}",
        str(run.cues),
        f"{run.answered}/{run.judged}" if run.judged else "-",
        " / ".join(inside),
        cadence,
    )


def _part_of(inside: int, known: int) -> str:
    return whole(inside / known) if known else "-"


def _part(part: str, number: int) -> str:
    return f"{'session' if part == 'session' else 'silent test'} {number}"


# What came of it.


def _verdict(args: argparse.Namespace) -> int:
    now = _gather(args)
    for problem in now.problems:
        complain(problem)
    at = now.standing
    if at is None:
        raise GaitpiError("no programme has been started.", "'gaitpi program start' begins one.")
    numbers = range(1, len(at.plan.tests) + 1)
    tests = {number: review.retention(at, number) for number in numbers}
    if args.json:
        found = [dataclasses.asdict(t) | {"words": review.retention_words(t)}
                 for t in tests.values() if t is not None]  # fmt: skip
        print_json({"adherence": dataclasses.asdict(review.adherence(at)), "tests": found})
        return EXIT_OK
    print_rows(verdict_rows(at, now.now_s))
    return EXIT_OK


def verdict_rows(at: review.Standing, now_s: float) -> list[tuple[str, str]]:
    """Adherence and the silent tests, as rows of a name and words."""
    rows = [("programme", _plan_words(at.started)), *_adherence_rows(review.adherence(at))]
    for number in range(1, len(at.plan.tests) + 1):
        test = review.retention(at, number)
        name = f"test {number}"
        if test is not None:
            rows.append((name, review.retention_words(test)))
        elif ("test", number) in at.skipped:
            rows.append((name, "left out"))
        elif not at.running:
            rows.append((name, "not run"))
        else:
            coming = review.upcoming(at)
            why = review.due(at, now_s).why if coming == ("test", number) else "not run yet"
            rows.append((name, why))
    rows.append(("note", "the interval is of these runs: how days differ is not in it"))
    return rows


def _day(wall_s: float) -> str:
    if wall_s < targetfile.CLOCK_SET_S:
        return "no date"
    try:
        return f"{datetime.fromtimestamp(wall_s).astimezone():%Y-%m-%d}"
    except (OverflowError, ValueError, OSError):
        return "at an impossible time"


def print_rows(rows: Iterable[tuple[str, str]]) -> None:
    """Rows of a name and words, wrapped at 80 columns."""
    for name, words in rows:
        print(
            textwrap.fill(
                plain(words),
                80,
                initial_indent=f"{name:<11} ",
                subsequent_indent=_INDENT,
                break_on_hyphens=False,
            )
        )


def _print_lines(lines: list[str]) -> None:
    if lines:
        print()
        print("\n".join(map(plain, lines)))
