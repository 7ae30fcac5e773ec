"""``gaitpi back``: weeks of load, strength, shoes, pain and form in one table."""

import argparse
import textwrap
from datetime import timedelta
from typing import Final

from gaitpi.cli import complain, load_config, print_json
from gaitpi.config import runs_directory
from gaitpi.device.status import recorded_run
from gaitpi.errors import EXIT_OK, UsageError
from gaitpi.journal import texts
from gaitpi.plaintext import plain
from gaitpi.review import back, diary, load

HELP: Final = (
    "A line a week: what was run and how near its ceiling, strength sessions, pairs of shoes, pain"
    " before, during and on the morning after, drift of form, cues. What was not noted is a dash,"
    " never a zero; counts and ranges, no causes."
)
EPILOG: Final = """examples:
  gaitpi back
  gaitpi back --weeks 12
  gaitpi back --json"""

WEEKS: Final = 6
_WIDTH = 80


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare how many weeks, and ``--json``."""
    parser.add_argument(
        "--weeks",
        type=int,
        default=WEEKS,
        metavar="N",
        help="weeks up to this one (default: %(default)d)",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """Print the table. Raises UsageError for a number of weeks that is none."""
    if not 1 <= args.weeks <= back.WEEKS_MOST:
        raise UsageError(
            f"--weeks {args.weeks} is no table.", f"Give a number from 1 to {back.WEEKS_MOST}."
        )
    directory = runs_directory(load_config(args))
    today, clock_set = load.today()
    recording = recorded_run()
    if not clock_set:
        days = [s.day for s in load.gather(directory, but=recording).sessions if s.dated]
        today = max(days, default=today)
    since = back.monday(today) - timedelta(weeks=args.weeks - 1)
    found = diary.gather(directory, since, but=recording, said=complain)
    made = back.weeks(found.runs, found.found.sessions, found.journal.strength, today, args.weeks)
    about = back.mornings(found.runs, found.found.sessions)
    apart = diary.apart(found.found.sessions, found.journal.pains, since, today)
    unsure = diary.unsure(found.found.sessions, found.journal, since, today)
    if args.json:
        print_json(
            {
                "weeks": [week.as_json() for week in made],
                "mornings_after_runs_beyond_ceiling": about.beyond.as_json(),
                "mornings_after_other_runs": about.other.as_json(),
                "pain_of_no_run": back.span(apart).as_json(),
                "entries_of_unsure_day": unsure,
                "simulated": found.found.simulated,
                "damaged_journal_rows": found.journal.damaged,
                "problems": list(found.problems),
            }
        )
        return EXIT_OK
    for problem in found.problems:
        complain(problem)
    if found.journal.damaged:
        complain(f"{found.journal.damaged} damaged rows of the journal are left out.")
    first = min((s.day for s in found.found.sessions if s.dated), default=None)
    words = back.table(made)
    words += back.said(made, about, back.letters(made), first, apart, unsure)
    if found.found.simulated:
        words.append(texts.LOAD_SIMULATED)
    if not clock_set:
        words.append("The clock has not been set: the weeks up to the newest run.")
    for line in words:
        for part in textwrap.wrap(plain(line), _WIDTH) if len(line) > _WIDTH else [plain(line)]:
            print(part)
    return EXIT_OK
