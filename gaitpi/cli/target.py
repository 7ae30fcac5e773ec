"""``gaitpi target``: the runner's own cadence, and the targets made of it."""

import argparse
import math
import textwrap
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import msgspec

from gaitpi import config as settings
from gaitpi import prescription, programmefile, targetfile
from gaitpi.cli import actions_of, common_options, complain, fixed_keys, load_config, print_json
from gaitpi.coach.targets import LEAN_RUNS, LISTEN_S
from gaitpi.config import Config, runs_directory
from gaitpi.errors import EXIT_OK, EXIT_PROBLEM, ConfigError, UsageError
from gaitpi.hostclock import SystemClock
from gaitpi.plaintext import plain
from gaitpi.review import pace
from gaitpi.review import targets as review
from gaitpi.review.listening import ORIGINS, Evidence, Heard, listen
from gaitpi.runs.reader import clock

HELP: Final = (
    "Your own cadence and usual lean, from runs without a target, and the targets made of them:"
    " 5 % above your own cadence, at most 10 %, and at most 2 % more for a week of running. What"
    " the configuration fixes (coach.target_spm) wins. Without an action: show."
)
EPILOG: Final = """examples:
  gaitpi target show
  gaitpi target propose
  gaitpi target accept
  gaitpi target line
  gaitpi target set 168 --reason "my physiotherapist, 3 May\""""

_INDENT: Final = " " * 11


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the actions."""
    parser.set_defaults(action=_show, json=False, session=None, simulated=False)
    common = common_options(argparse.SUPPRESS)
    for one in (parser, common):  # before the action or after it
        one.add_argument(
            "--json", action="store_true", default=argparse.SUPPRESS, help="print JSON"
        )
        one.add_argument(
            "--session",
            metavar="NAME",
            default=argparse.SUPPRESS,
            help="type of session (default: coach.session)",
        )
        one.add_argument(
            "--simulated",
            action="store_true",
            default=argparse.SUPPRESS,
            help="for trying it out: runs and targets of the simulated runner only",
        )
    action = actions_of(parser, common)
    action("show", _show, "what is in force, and where it comes from", "show")
    action("propose", _propose, "what your runs would give, and from which", "propose")
    action("accept", _accept, "put the proposal in force", "accept")
    change = action("set", _set, "put another cadence in force", "set 168")
    change.add_argument("spm", metavar="SPM", help="steps per minute, both feet")
    change.add_argument(
        "--reason", default="", metavar="TEXT", help="why a limit is passed; it is recorded"
    )
    line = action(
        "line",
        _line,
        "your own cadence over speed, along which a foot pod moves the target",
        "line accept",
    )
    line.add_argument(
        "what",
        nargs="?",
        default="show",
        choices=("show", "accept", "off"),
        help="accept: the target follows the speed from now on; off: it is fixed again",
    )


def run(args: argparse.Namespace) -> int:
    """Do the action. Raises UsageError when a limit forbids it, TargetFileError, ConfigError."""
    code: int = args.action(args)
    return code


@dataclass(frozen=True, slots=True)
class _Now:
    """Everything an action needs."""

    config: Config
    fixed: frozenset[str]
    path: Path
    targets: targetfile.Targets
    evidence: Evidence
    cadence: review.Cadence
    lean: review.Lean
    prescribed: prescription.Prescription | None
    now_s: float


def _gather(args: argparse.Namespace) -> _Now:
    config = load_config(args)
    session = config.coach.session if args.session is None else args.session
    config = _with(config, f"coach.session={session}")
    directory = runs_directory(config)
    path = targetfile.path_in(directory, simulated=args.simulated)
    targets, now_s = targetfile.load(path), SystemClock().wall()
    evidence = listen(directory, session, simulated=args.simulated)
    mount = config.mount
    programme = programmefile.load(programmefile.path_in(directory, simulated=args.simulated))
    return _Now(
        config=config,
        fixed=fixed_keys(args),
        path=path,
        targets=targets,
        evidence=evidence,
        cadence=review.cadence(evidence, targets, session, now_s),
        lean=review.lean(evidence, targets, mount.segment, mount.axes),
        prescribed=prescription.in_force(programme, now_s),
        now_s=now_s,
    )


def _with(config: Config, assignment: str) -> Config:
    """``config`` with a setting that an argument of the command stands for."""
    try:
        return settings.apply(config, [assignment])
    except ConfigError as error:
        raise UsageError(error.found.removeprefix("--set: ")) from None


# What is in force.


def _show(args: argparse.Namespace) -> int:
    now = _gather(args)
    force = targetfile.lay_under(now.config, now.fixed, now.targets)
    for problem in force.problems:
        complain(problem)
    if args.json:
        print_json(_force_json(now, force))
        return EXIT_OK
    coach = force.config.coach
    rows = [
        ("cadence", _cadence_words(now, force)),
        ("lean", _lean_words(now, force)),
    ]
    if now.targets.last("line") is not None:
        rows.append(("speed", _follow_words(now, force)))
    if now.cadence.session:
        rows.insert(0, ("session", now.cadence.session))
    rows.append(("focus", f"{coach.focus}: only this one speaks (coach.focus)"))
    rows += [("prescribed", words) for words in prescription.clamp(force.config, now.prescribed)[1]]
    rows += [("doubt", doubt) for doubt in now.cadence.doubts]
    rows.append(("next", _next(now)))
    _print(rows)
    return EXIT_OK


def _force_json(now: _Now, force: targetfile.InForce) -> dict[str, Any]:
    coach = force.config.coach
    return {
        "session": now.cadence.session,
        "focus": coach.focus,
        "target_spm": coach.target_spm,
        "target_from": force.cadence_from,
        "target_record": now.cadence.last,
        "usual_lean_deg": coach.usual_lean_deg,
        "usual_lean_from": force.lean_from,
        "usual_lean_record": now.lean.last,
        "problems": force.problems,
        "prescribed": prescription.clamp(force.config, now.prescribed)[1],
        "doubts": now.cadence.doubts,
        "file": str(now.path),
    }


def _cadence_words(now: _Now, force: targetfile.InForce) -> str:
    spm = force.config.coach.target_spm
    last = now.cadence.last
    if force.cadence_from == "config":
        words = "only listening" if spm is None else f"{spm:.1f} spm"
        words += ", by the configuration (coach.target_spm)"
        return words + (f"; it hides the accepted {last.value:.1f}" if last else "")
    if spm is None or last is None:
        return "no target: only listening"
    return f"{spm:.1f} spm, {_record_words(last)}"


def _record_words(record: targetfile.Accepted) -> str:
    done = "accepted" if record.how == "accept" else "set"
    when = _day(record.wall_s) if record.dated else "at an unknown time (clock not set)"
    words = f"{done} {when}"
    if record.own is not None:
        unit = "deg" if record.metric == "lean" else "spm"
        words += f" on your own {record.own:.1f} {unit} of {len(record.runs)} run"
        words += "s" * (len(record.runs) != 1)
    return words + (f"; reason: {record.reason}" if record.reason else "")


def _lean_words(now: _Now, force: targetfile.InForce) -> str:
    usual, last = force.config.coach.usual_lean_deg, now.lean.last
    if force.lean_from == "config":
        words = "only listening" if usual is None else f"usual {usual:+.1f} deg"
        return words + ", by the configuration (coach.usual_lean_deg)"
    if usual is None or last is None:
        return "no usual: only listening"
    origin = ORIGINS.get(last.lean_from, "an unknown origin")
    return f"usual {usual:+.1f} deg from {origin} ({last.segment}), {_record_words(last)}"


def _next(now: _Now) -> str:
    proposal = now.cadence.proposal
    if proposal is None and now.cadence.last is not None:
        return "nothing: no newer run without a target"
    if proposal is None:
        return f"run easily without a target: {review.missing(now.cadence)}"
    if proposal.spm is not None or now.lean.proposal is not None:
        return "gaitpi target propose"
    return f"nothing: {proposal.reason}"


# What could be.


def _propose(args: argparse.Namespace) -> int:
    now = _gather(args)
    if args.json:
        print_json(_proposal_json(now))
        return EXIT_OK
    _print([*_cadence_rows(now), *_lean_rows(now), *_left_out(now, args.simulated)])
    return EXIT_OK


def _cadence_rows(now: _Now) -> list[tuple[str, str]]:
    c = now.cadence
    kind = f" ({c.session})" if c.session else ""
    if c.own is None or c.proposal is None or c.limit is None:
        return [(f"cadence{kind}", f"not known yet: {review.missing(c)}"), *_run_rows(c.runs)]
    own = c.own
    rows = [
        (
            f"cadence{kind}",
            f"your own {own.cadence_spm:.1f} ±{own.error_spm:.1f} spm (spread {own.spread_spm:.1f} "
            f"between half-minutes; {clock(own.steady_s)} min steady)",
        ),
        *_run_rows(c.runs),
    ]
    if c.proposal.spm is None:
        rows.append(("propose", f"nothing new: {c.proposal.reason}"))
    else:
        rows.append(("propose", f"{c.proposal.spm:.1f} spm = {c.proposal.reason}"))
    rows.append(("at most", f"{c.limit.spm:.1f} spm ({c.limit.reason})"))
    rows += [("doubt", doubt) for doubt in c.doubts]
    if c.proposal.spm is not None:
        rows.append(("next", "gaitpi target accept"))
    return rows


def _run_rows(runs: tuple[Heard, ...]) -> list[tuple[str, str]]:
    return [("  from", f"{r.run_id}  {clock(r.steady_s)} min steady") for r in runs]


def _lean_rows(now: _Now) -> list[tuple[str, str]]:
    where = now.lean
    count = len(where.runs)
    if where.usual is None:
        what = f"too few: {count} of {LEAN_RUNS} runs know it for {LISTEN_S / 60:.0f} steady min"
        return [("lean", f"{what} (stand still after the start tone, then run)")]
    usual = where.usual
    words = (
        f"usual {usual.lean_deg:+.1f} deg from {ORIGINS[where.origin]} ({where.segment}), spread "
        f"{usual.spread_deg:.1f} between {usual.runs} runs"
    )
    news = "" if where.proposal is not None else "; in force already"
    return [
        ("lean", words + news),
        *(("  from", f"{r.run_id}  {r.leans[where.origin]:+.1f} deg") for r in where.runs),
    ]


def _left_out(now: _Now, simulated: bool) -> list[tuple[str, str]]:
    rows = []
    others = now.evidence.others
    if others and not simulated:
        runs = f"{others} simulated run{'s' * (others > 1)}"
        rows.append(("left out", f"{runs} (--simulated: those alone, to try it out)"))
    if now.evidence.unreadable:
        rows.append(("left out", f"damaged: {', '.join(now.evidence.unreadable)}"))
    return rows


def _proposal_json(now: _Now) -> dict[str, Any]:
    c, lean = now.cadence, now.lean
    return {
        "session": c.session,
        "cadence": {
            "own": c.own,
            "proposal_spm": c.proposal.spm if c.proposal else None,
            "reason": c.proposal.reason if c.proposal else review.missing(c),
            "limit": c.limit,
            "runs": [{"id": r.run_id, "steady_s": r.steady_s} for r in c.runs],
            "last": c.last,
            "doubts": c.doubts,
        },
        "lean": {
            "usual": lean.usual,
            "proposal_deg": lean.proposal,
            "lean_from": lean.origin,
            "segment": lean.segment,
            "runs": [{"id": r.run_id, "lean_deg": r.leans[lean.origin]} for r in lean.runs],
            "runs_needed": LEAN_RUNS,
            "last": lean.last,
        },
        "unreadable": now.evidence.unreadable,
    }


# What is to be.


def _accept(args: argparse.Namespace) -> int:
    now = _gather(args)
    wall_s = review.date(now.targets, now.evidence, now.now_s)
    lean = review.accept_lean(now.lean, wall_s)
    if lean is not None and (now.cadence.proposal is None or now.cadence.proposal.spm is None):
        return _keep(args, now, [lean])
    accepted = review.accept_cadence(now.cadence, wall_s)
    return _keep(args, now, [accepted, *([lean] if lean else [])])


def _set(args: argparse.Namespace) -> int:
    try:
        spm = float(args.spm)
    except ValueError:
        spm = math.nan
    if not math.isfinite(spm):
        raise UsageError(f"{args.spm!r} is not a cadence.", "Give steps per minute.")
    now = _gather(args)
    wall_s = review.date(now.targets, now.evidence, now.now_s, reason=args.reason)
    _with(now.config, f"coach.target_spm={spm!r}")  # its range, and what must fit
    prescription.check_target(now.prescribed, spm)
    reason = args.reason.strip() or prescription.reason_for(now.prescribed)
    record = review.set_cadence(now.cadence, spm, reason, wall_s)
    return _keep(args, now, [record])


def _line(args: argparse.Namespace) -> int:
    """Show the line, put it in force, or have the target fixed again."""
    now = _gather(args)
    found = pace.find(runs_directory(now.config), simulated=args.simulated)
    if args.what == "show":
        force = targetfile.lay_under(now.config, now.fixed, now.targets)
        if args.json:
            coach = force.config.coach
            print_json({"follows": _follows(coach), "last": now.targets.last("line"), "own": found})
        else:
            _print([*_found_rows(found), ("in force", _follow_words(now, force))])
        return EXIT_OK
    wall_s = review.date(now.targets, now.evidence, now.now_s)
    record = pace.accept(found, wall_s) if args.what == "accept" else pace.off(wall_s)
    return _keep(args, now, [record])


def _found_rows(found: pace.Found) -> list[tuple[str, str]]:
    line = found.fit
    if line is None:
        return [("your line", f"not known yet: {found.missing}")]
    words = f"{line.slope:.1f} ±{line.slope_sd:.1f} steps/min per m/s, {line.own_spm:.1f} at"
    words += f" {line.at_ms:.2f} m/s; known from {line.low_ms:.2f} to {line.high_ms:.2f} m/s"
    where = f"{line.windows} steady half-minutes of {len(line.runs)} runs without a target"
    return [("your line", words), ("  from", f"{where}; scatter {line.scatter_spm:.1f} spm")]


def _follows(coach: settings.CoachConfig) -> bool:
    """Whether the target moves with the speed."""
    return coach.follow_speed and coach.follow_slope is not None and coach.target_spm is not None


def _follow_words(now: _Now, force: targetfile.InForce) -> str:
    coach = force.config.coach
    line = now.targets.last("line")
    if _follows(coach):
        where = f"{coach.target_spm:.1f} spm at {coach.follow_at_ms:.2f} m/s"
        words = f"the target follows a foot pod's speed: {where}, {coach.follow_slope:+.1f} per m/s"
        return f"{words}, at most {coach.follow_most_spm:.1f}; without a fresh speed it is fixed"
    if line is not None and not line.off and "coach.follow_speed" in now.fixed:
        return "the target is fixed, by the configuration (coach.follow_speed)"
    if line is not None and not line.off:
        return "the target is fixed: a line is accepted, but there is no cadence target"
    return "the target is fixed; 'gaitpi target line accept' lets it follow the speed"


def _keep(args: argparse.Namespace, now: _Now, records: list[targetfile.Accepted]) -> int:
    """Write the records, unless a prescription or the rest of the configuration forbids them."""
    for record in records:
        if record.metric == "cadence":
            prescription.check_target(now.prescribed, record.value)
    after = targetfile.Targets((*now.targets.records, *records))
    force = targetfile.lay_under(now.config, (), after)
    if force.problems:
        complain(force.problems[0])
        return EXIT_PROBLEM
    targetfile.add(now.path, records)
    if args.json:
        print_json([msgspec.structs.asdict(record) for record in records])
        return EXIT_OK
    hidden = {
        "cadence": "coach.target_spm",
        "lean": "coach.usual_lean_deg",
        "line": "coach.follow_speed",
    }
    rows: list[tuple[str, str]] = []
    for record in records:
        number = f"{record.value:.1f} spm"
        if record.metric == "lean":
            number = f"usual {record.value:+.1f} deg"
        elif record.metric == "line":
            number = "off" if record.off else f"{record.value:+.1f} steps/min per m/s"
        rows.append((record.metric, f"{number}, {_record_words(record)}"))
        if hidden[record.metric] in now.fixed:
            rows.append(("but", f"the configuration fixes {hidden[record.metric]}, and that wins"))
    rows += [("doubt", doubt) for doubt in now.cadence.doubts]
    rows.append(("next", "a running daemon uses it after its next start"))
    _print(rows)
    return EXIT_OK


def _day(wall_s: float) -> str:
    try:
        return f"{datetime.fromtimestamp(wall_s).astimezone():%Y-%m-%d}"
    except (OverflowError, ValueError, OSError):
        return "at an impossible time"


def _print(rows: list[tuple[str, str]]) -> None:
    """Rows of a name and words, wrapped at 80 columns."""
    for name, words in rows:
        begin = f"{name:<10} "
        print(
            textwrap.fill(
                plain(words),
                80,
                initial_indent=begin,
                subsequent_indent=_INDENT,
                break_on_hyphens=False,
            )
        )
