"""``gaitpi pain``: how much, where and when, in one line."""

import argparse
from datetime import timedelta
from typing import Any, Final

from gaitpi.cli import complain, print_json
from gaitpi.cli.journaling import Desk, as_json, ending, open_desk, rested, row, say, since, told
from gaitpi.errors import UsageError
from gaitpi.journal import days, store, tell, texts, words
from gaitpi.journal.entries import Moment, Pain
from gaitpi.journal.marks import Mark, begun_on, marks
from gaitpi.journal.rest import Rest, resting, severe, worst
from gaitpi.journal.store import Put
from gaitpi.journal.when import When

HELP: Final = (
    "Note pain, from 0 (none) to 10, or list what was noted. Words stand in any order: how much,"
    " where (lower-left, knee-right), when (before, during or after a run, morning), and the day"
    " (today without one). 'last' is the last run. The same place and time again corrects it. A day"
    " without an entry is not known; only an entry of 0 says there was none."
)
EPILOG: Final = """examples:
  gaitpi pain 3 lower-left morning
  gaitpi pain 0 morning
  gaitpi pain 4 knee-right during last
  gaitpi pain 2 after yesterday
  gaitpi pain --since 4w

'gaitpi journal --undo' takes the last entry back."""

JUST_S: Final = 6 * 3600.0
"""A run that ended no longer ago is the one that is meant past midnight, s."""
WEEKS: Final = 4
"""Weeks that are listed without ``--since``."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the words, ``--site``, ``--since`` and ``--json``."""
    parser.add_argument("words", nargs="*", metavar="WORDS", help="e.g. 3 lower-left morning")
    parser.add_argument("--site", metavar="WORDS", help="where, in words of your own")
    parser.add_argument(
        "--since", metavar="WHEN", help=f"list from a day on: 2026-11-01, 4w, all ({WEEKS}w)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """Enter a pain, or list them. Raises UsageError or JournalError."""
    if not args.words and args.site is None:
        return _list(args)
    if args.since is not None:
        raise UsageError("An entry and --since are two things.", words.PAIN_FORM)
    desk = open_desk(args)
    when = desk.when(args.words)
    said = words.pain(when.rest, days.WORDS)
    if said.level is None:
        raise UsageError("How much it is was not said, from 0 (none) to 10.", words.PAIN_FORM)
    site = words.site(args.site) if args.site is not None else said.site
    moment = said.moment or _moment(when)
    if moment == "morning" and when.run and not when.by_day:
        raise UsageError(
            "The morning of a run may be the one before it or the one after.",
            "Say the day: gaitpi pain 3 yesterday morning",
        )
    run_id = when.run or _only_run(desk, when, moment)
    entry = Pain(**desk.base(when), level=said.level, site=site, moment=moment, run=run_id)
    done = store.change(desk.path, lambda journal: [Put(entry, _again(journal, entry))], desk.now)
    change = done.rows[0]
    mine = Rest(entry.level, entry.site, entry.day, entry.sure)
    rests = mine in severe(done.journal) and worst([mine], desk.today) is not None
    more = texts.pain(entry.level, rests=rests, sure=entry.sure)
    if args.json:
        print_json(
            {
                "entry": as_json(change.name, change.after),
                "before": as_json(change.name, change.before),
                "doubt": when.doubt,
                "said": more,
            }
        )
    else:
        over = rested(desk.journal, done.journal, desk.today)
        say(told(change, done.journal), when.doubt, *more, over if over == texts.RESTED else "")
    return ending(done.journal, desk.path)


def _moment(when: When) -> Moment:
    """What a pain without one was: of this morning, or after a run that was named."""
    if when.morning:
        return "morning"
    return "after" if when.run else ""


def _only_run(desk: Desk, when: When, moment: Moment) -> str:
    """The run of a pain during or after one: that of the day, if there was one alone.

    Who enters it past midnight without a day may mean the run of last evening.
    """
    if moment not in ("during", "after") or not when.sure:
        return ""
    ran = begun_on(desk.directory, when.date)
    if not ran and not when.by_day:
        before = when.date - timedelta(days=1)
        ran = begun_on(desk.directory, before, until_s=desk.now.wall_s - JUST_S)
    return ran[0] if len(ran) == 1 else ""


def _again(journal: store.Journal, new: Pain) -> str:
    """The entry that ``new`` corrects: of the same place and moment. "" where it is another."""
    if not new.moment:
        return ""
    key = (new.day, new.site, new.moment, new.run)
    for name, pain in journal.named(Pain):
        if (pain.day, pain.site, pain.moment, pain.run) == key:
            return name
    return ""


def _list(args: argparse.Namespace) -> int:
    desk = open_desk(args)
    first = since(args.since, desk.today, WEEKS)
    pains = [(name, one) for name, one in desk.journal.named(Pain) if one.date >= first]
    pressed = marks(desk.directory, first, complain)
    if args.json:
        print_json(
            {
                "since": first.isoformat(),
                "pain": [as_json(name, one) for name, one in pains],
                "marks": [mark_json(mark) for mark in pressed],
            }
        )
        return ending(desk.journal, desk.path)
    if not pains and not pressed:
        say(f"Nothing noted since {first}, so nothing is known. {words.PAIN_FORM}")
        return ending(desk.journal, desk.path)
    print(f"{'day':<16}{'when':<9}{'pain':>5}  where")
    lines: list[tuple[Any, list[str]]] = []
    for number, (_, one) in enumerate(pains):
        begin = f"{tell.day(one):<16}{one.moment or '-':<9}{one.level:>5}  "
        where = (one.site or "-") + (f" ({one.run})" if one.run else "")
        lines.append(((one.day, number), row(begin, where)))
    for number, mark in enumerate(pressed):
        begin = f"{mark.when:%a %Y-%m-%d}  {mark.when:%H:%M}       *  "
        lines.append(((f"{mark.when:%Y-%m-%d}", 10_000 + number), row(begin, pressed_words(mark))))
    for _, line in sorted(lines, key=lambda item: item[0]):
        print("\n".join(line))
    say("Days without a line are not known.")
    if rested := resting(desk.journal, desk.today):
        say(texts.resting(*rested), texts.RULE, texts.SEE)
    return ending(desk.journal, desk.path)


def pressed_words(mark: Mark) -> str:
    """A mark of the button in words."""
    minutes, seconds = divmod(int(mark.time_s), 60)
    return f"felt it here at {minutes}:{seconds:02d} of {mark.run}"


def mark_json(mark: Mark) -> dict[str, Any]:
    """A mark of the button."""
    return {
        "run": mark.run,
        "time_s": mark.time_s,
        "when": mark.when.isoformat(timespec="seconds"),
    }
