"""``gaitpi shoe``: the pairs, which one is in use, and which a run was run in."""

import argparse
import secrets
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from gaitpi.cli import print_json
from gaitpi.cli.journaling import Desk, as_json, ending, open_desk, row, say, told
from gaitpi.errors import UsageError
from gaitpi.journal import days, store, tell
from gaitpi.journal.entries import KM_MAX, NAME_MAX, Shoe, Use, Worn, is_text
from gaitpi.journal.store import Journal, Put
from gaitpi.journal.words import nearest
from gaitpi.runs.reader import RunEntry, list_runs
from gaitpi.runs.view import as_edited

HELP: Final = (
    "Keep pairs of shoes: add one, say which is in use from now on (or from a day), retire one, say"
    " which pair a run was run in. A run counts for the pair that was in use when it began, unless"
    " something else was said of it; before the first pair was in use, none is known."
)
EPILOG: Final = """examples:
  gaitpi shoe add "Ghost 15" --km 120
  gaitpi shoe use ghost
  gaitpi shoe use ghost monday
  gaitpi shoe run last ghost
  gaitpi shoe run last unknown
  gaitpi shoe retire ghost
  gaitpi shoe compare           how you ran in each, against the others
  gaitpi shoe compare ghost pegasus    of these two alone
  gaitpi shoe plan ghost pegasus    a fair trial of two
  gaitpi shoe

'gaitpi journal --undo' takes the last entry back."""

FORM: Final = 'Say it as: gaitpi shoe add "Ghost 15", then: gaitpi shoe use ghost'
UNKNOWN: Final = ("unknown", "other", "none")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the words, ``--km`` and ``--json``."""
    parser.add_argument(
        "action",
        nargs="?",
        metavar="ACTION",
        help="add, use, retire, run, compare, plan (without: the list)",
    )
    parser.add_argument("words", nargs="*", metavar="WORDS", help="a pair, a run, a day")
    parser.add_argument("--km", type=float, metavar="KM", help="add: what it has run before")
    parser.add_argument(
        "--pairs", type=int, metavar="N", help="plan: pairs of runs (default: what it needs)"
    )
    parser.add_argument("--seed", type=int, metavar="N", help="plan: draw the order anew")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """Do what is asked, or list the pairs. Raises UsageError or JournalError."""
    if args.action is None:
        return _list(args)
    if args.action.lower() in ("compare", "plan"):
        return _trial(args)
    action = _ACTIONS.get(args.action.lower())
    if action is None:
        near = nearest(args.action.lower(), _ACTIONS)
        meant = f"Did you mean {near!r}? " if near else ""
        raise UsageError(f"{args.action[:20]!r} is nothing to do with a pair.", f"{meant}{FORM}")
    if args.km is not None and args.action.lower() != "add":
        raise UsageError("--km belongs to add.", 'gaitpi shoe add "Ghost 15" --km 120')
    if not args.words:
        raise UsageError("Which pair was not said.", FORM)
    desk = open_desk(args)
    done, doubt = action(args, desk)
    if args.json:
        changes = [
            {"entry": as_json(c.name, c.after), "before": as_json(c.name, c.before)}
            for c in done.rows
        ]
        print_json({"changes": changes, "doubt": doubt})
    else:
        for change in done.rows:
            line = told(change, done.journal) if change.after else tell.change(change, done.journal)
            say(line)
        used = done.journal.in_use(desk.now.wall_s).shoe
        say("" if done.rows else "It was so already.", doubt)
        say(f"In use now: {used.name}." if used else "None is in use now.")
    return ending(done.journal, desk.path)


def _trial(args: argparse.Namespace) -> int:
    """How the pairs compare, or a plan to try two of them."""
    from gaitpi.cli import shoetrial

    desk = open_desk(args)
    journal = desk.journal
    comparing = args.action.lower() == "compare"
    if comparing and not args.words:
        return shoetrial.compare(args, desk)
    a, b = shoetrial.two(
        args.words, lambda words: journal.shoes[_which(words, journal)].name, args.action.lower()
    )
    if a == b:
        raise UsageError(
            f"{a} is one pair, and two are needed.", f"gaitpi shoe {args.action.lower()} NAME NAME"
        )
    if comparing:
        return shoetrial.compare(args, desk, (a, b))
    return shoetrial.plan(args, desk, a, b)


def _add(args: argparse.Namespace, desk: Desk) -> tuple[store.Done, str]:
    """A new pair; the first one is in use from now on. One that is there gets its kilometres."""
    name = " ".join(" ".join(args.words).split())
    if not is_text(name, NAME_MAX):
        raise UsageError(f"A pair has a name of 1 to {NAME_MAX} signs.", FORM)
    if args.km is not None and not 0 <= args.km <= KM_MAX:
        raise UsageError(f"--km goes from 0 to {KM_MAX:g}.", 'gaitpi shoe add "Ghost 15" --km 120')
    when = desk.when([])
    base = desk.base(when)

    def make(journal: Journal) -> list[Put]:
        there = [(n, s) for n, s in journal.shoes.items() if s.name.lower() == name.lower()]
        if there and args.km is not None:
            return [Put(msgspec.structs.replace(there[0][1], km=args.km), there[0][0])]
        if there:
            raise UsageError(
                f"{there[0][1].name} is there already.", "Another pair of it needs another name."
            )
        new = secrets.token_hex(5)
        puts = [Put(Shoe(**base, name=name, km=args.km), new)]
        if journal.in_use(desk.now.wall_s).shoe is None:
            puts.append(Put(Use(**base, shoe=new, from_s=base["entered_s"])))
        return puts

    return store.change(desk.path, make, desk.now), when.doubt


def _use(args: argparse.Namespace, desk: Desk) -> tuple[store.Done, str]:
    """From now on, or from the beginning of a day, that pair is run in."""
    words, rest = _pair_words(args.words, desk)
    when = desk.when(rest)
    _nothing_left(when.rest)
    base = desk.base(when)
    from_s = base["entered_s"]
    if when.began_s is not None:
        from_s = round(when.began_s, 3)
    elif when.said:
        from_s = round(max(0.0, days.begins(when.date)), 3)

    def make(journal: Journal) -> list[Put]:
        name = _which(words, journal)
        shoe = journal.shoes[name]
        puts = [Put(Use(**base, shoe=name, from_s=from_s))]
        if shoe.retired:
            puts.insert(0, Put(msgspec.structs.replace(shoe, retired=""), name))
        elif journal.in_use(from_s).name == name and from_s >= base["entered_s"]:
            return []
        return puts

    return store.change(desk.path, make, desk.now), when.doubt


def _retire(args: argparse.Namespace, desk: Desk) -> tuple[store.Done, str]:
    """No longer worn; where it was in use, none is known from then on."""
    words, rest = _pair_words(args.words, desk)
    when = desk.when(rest)
    _nothing_left(when.rest)
    base = desk.base(when)
    from_s = round(max(0.0, days.begins(when.date)), 3) if when.said else base["entered_s"]

    def make(journal: Journal) -> list[Put]:
        name = _which(words, journal)
        puts = [Put(msgspec.structs.replace(journal.shoes[name], retired=when.day), name)]
        if journal.in_use(from_s).name == name:
            puts.append(Put(Use(**base, shoe="", from_s=from_s)))
        return puts

    return store.change(desk.path, make, desk.now), when.doubt


def _run(args: argparse.Namespace, desk: Desk) -> tuple[store.Done, str]:
    """That run was run in that pair, whatever was in use."""
    when = desk.when(args.words)
    words = [word for word in when.rest if word.lower() not in ("in", "with")]
    if not when.run or not words:
        raise UsageError("A run and a pair are needed.", "gaitpi shoe run last ghost")
    base = desk.base(when)

    def make(journal: Journal) -> list[Put]:
        there = next((n for n, one in journal.named(Worn) if one.run == when.run), "")
        name = "" if " ".join(words).lower() in UNKNOWN else _which(words, journal)
        if there and journal.entries[there] == Worn(
            **_base_of(journal, there), run=when.run, shoe=name
        ):
            return []
        return [Put(Worn(**base, run=when.run, shoe=name), there)]

    return store.change(desk.path, make, desk.now), when.doubt


def _base_of(journal: Journal, name: str) -> dict[str, Any]:
    one = journal.entries[name]
    return {
        "day": one.day,
        "sure": one.sure,
        "entered_s": one.entered_s,
        "offset_s": one.offset_s,
    }


_Action = Callable[[argparse.Namespace, Desk], tuple[store.Done, str]]
_ACTIONS: Final[dict[str, _Action]] = {
    "add": _add,
    "use": _use,
    "retire": _retire,
    "run": _run,
}


def _pair_words(words: Sequence[str], desk: Desk) -> tuple[list[str], list[str]]:
    """The words of the pair, and those of a day behind it. Raises UsageError.

    As many as name one pair: "Ghost 15 monday" has a pair in it whose name has a number.
    """
    flat = [part for text in words for part in text.split()]
    for end in range(len(flat), 0, -1):
        if _fitting(flat[:end], desk.journal):
            return flat[:end], flat[end:]
    when = desk.when(flat)
    raise _no_pair(when.rest, desk.journal)


def _which(words: Sequence[str], journal: Journal) -> str:
    """The one pair of that name, or whose name has it in it. Raises UsageError."""
    fitting = _fitting(words, journal)
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        names = ", ".join(journal.shoes[name].name for name in fitting[:4])
        raise UsageError(f"{' '.join(words)!r} may be {names}.", "Say more of its name.")
    raise _no_pair(words, journal)


def _fitting(words: Sequence[str], journal: Journal) -> list[str]:
    said = " ".join(words).lower()
    names = {name: shoe.name.lower() for name, shoe in journal.shoes.items()}
    exact = [name for name, called in names.items() if called == said]
    return exact or [name for name, called in names.items() if said and said in called]


def _no_pair(words: Sequence[str], journal: Journal) -> UsageError:
    said = " ".join(words)[:NAME_MAX]
    called = {shoe.name.lower(): shoe.name for shoe in journal.shoes.values()}
    near = nearest(said.lower(), called)
    if near:
        return UsageError(f"No pair is called {said!r}.", f"Did you mean {called[near]!r}?")
    return UsageError(
        f"No pair is called {said!r}.", f'Add it: gaitpi shoe add "{said or "Ghost"}"'
    )


def _nothing_left(rest: Sequence[str]) -> None:
    if rest:
        near = nearest(rest[0].lower(), days.WORDS)
        meant = f"Did you mean {near!r}? " if near else ""
        raise UsageError(f"{rest[0][:20]!r} is no day.", f"{meant}{days.FORM}")


def _list(args: argparse.Namespace) -> int:
    desk = open_desk(args)
    journal = desk.journal
    ran = _runs(desk.directory, journal)
    used = journal.in_use(desk.now.wall_s).name
    if args.json:
        pairs = [
            {
                **(as_json(name, shoe) or {}),
                "in_use": name == used,
                "runs": len(ran.get(name, ())),
                "steps": _steps(ran.get(name, ())),
            }
            for name, shoe in journal.shoes.items()
        ]
        print_json({"shoes": pairs, "runs_without": len(ran.get("", ()))})
        return ending(journal, desk.path)
    if not journal.shoes:
        say(f"No pair yet. {FORM}")
        return ending(journal, desk.path)
    print(f"{'':<2}{'since':<12}{'runs':>5}{'steps':>10}{'km before':>11}  pair")
    for name, shoe in journal.shoes.items():
        mark = "*" if name == used else " "
        runs = ran.get(name, ())
        before = "-" if shoe.km is None else f"{shoe.km:g}"
        begin = f"{mark:<2}{shoe.day:<12}{len(runs):>5}{_steps(runs):>10,}{before:>11}  "
        gone = f" (retired {shoe.retired})" if shoe.retired else ""
        print("\n".join(row(begin, shoe.name + gone)))
    without = len(ran.get("", ()))
    say("* in use from now on." if used else "None is in use: gaitpi shoe use NAME")
    if without:
        say(f"{without} run{'s' * (without != 1)} in a pair that is not known.")
    return ending(journal, desk.path)


def _runs(directory: Path, journal: Journal) -> dict[str, list[RunEntry]]:
    """The real runs of each pair, as they were trimmed, by its name; "" those of none."""
    found: dict[str, list[RunEntry]] = {}
    for entry in as_edited(list_runs(directory), directory):
        if entry.started is None or entry.totals is None or entry.recording:
            continue
        wearing = journal.worn(entry.run_id, entry.started.timestamp())
        found.setdefault(wearing.name if wearing.shoe else "", []).append(entry)
    return found


def _steps(runs: Sequence[RunEntry]) -> int:
    """Running steps; of a run that was split, those of its parts."""
    parts = [part for one in runs for part in one.parts or (one,)]
    return sum(part.totals.running_steps for part in parts if part.totals is not None)
