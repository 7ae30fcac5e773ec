"""``gaitpi replay``: a run file or a CSV through today's code."""

import argparse
import json
import math
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from gaitpi.cli import add_set_argument, complain, load_with_targets
from gaitpi.config import apply, load, runs_directory
from gaitpi.errors import EXIT_OK, GaitpiError, UsageError

HELP: Final = (
    "Put a recorded run, or a CSV with the header time_s,ax,ay,az,gx,gy,gz (s, m/s², rad/s;"
    " g* may be left out), through the estimator and the coach. A run file is replayed with its"
    " own configuration unless --config or --set say otherwise. --diff shows which cues would have"
    " come (+), gone (-), moved (~) or stayed (=) under --set; without --set, whether today's code"
    " gives the cues that were recorded."
)
EPILOG: Final = """examples:
  gaitpi replay last
  gaitpi replay last --json --set coach.target_spm=175
  gaitpi replay last --set coach.band_low=0.02 --diff
  gaitpi replay samples.csv --set coach.target_spm=170"""

STEP_FIELDS: Final = (
    "ic_s",
    "to_s",
    "contact_s",
    "flight_s",
    "step_s",
    "cadence_spm",
    "bounce_m",
    "impact_ms2",
    "side",
    "activity",
    "lean_deg",
    "side_lean_deg",
    "known_s",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the file, ``--json``, ``--diff`` and ``--set``."""
    parser.add_argument("file", metavar="FILE", help="run file, run id, 'last', or CSV")
    parser.add_argument("--json", action="store_true", help="print JSON lines, summary last")
    parser.add_argument("--diff", action="store_true", help="what --set changes of the cues")
    add_set_argument(parser)


def run(args: argparse.Namespace) -> int:
    """Print steps, cues, gaps, faults and a summary. Raises InputFileError in words."""
    from gaitpi.runs.reader import resolve

    given = load(args.config)
    path = Path(args.file)
    if not path.is_file():
        path = resolve(runs_directory(given), args.file)
    from gaitpi.device.replay import open_recording

    recording = open_recording(path)
    if args.diff:
        return _diff(args, path, recording)
    own = recording.config if args.config is None else None
    config = apply(own, args.set) if own else load_with_targets(args)
    summary = _Summary()
    try:
        for item in _items(recording, config, summary):
            if args.json:
                print(json.dumps(item))
            elif item["type"] != "step" and item.get("rule") != "metronome.follow":
                print(_words(item))
    except GaitpiError as error:
        # what came before the damage has been given
        complain(str(error))
        summary.problem = str(error)
    last = summary.as_json()
    if args.json:
        print(json.dumps(last))
    else:
        print(_summary_words(last))
    return EXIT_OK if not summary.problem else GaitpiError.exit_code


def _diff(args: argparse.Namespace, path: Path, recording: Any) -> int:
    """Print what ``--set`` (or today's code) changes of the cues."""
    from gaitpi.coach.types import Cue
    from gaitpi.device.replay import open_recording
    from gaitpi.review.whatif import compare, counts

    own = recording.config if args.config is None else None
    changed = argparse.Namespace(**vars(args))
    config = apply(own, args.set) if own else load_with_targets(changed)
    changed.set = []
    base = own or load_with_targets(changed)
    recorded = _recorded(path)
    if not args.set and recorded is None:
        raise UsageError("There is nothing to compare with.", "Give --set KEY=VALUE with --diff.")
    problems: list[str] = []
    after = _decisions(recording, config, problems)
    before = (_decisions(open_recording(path), base, []) if args.set else recorded) or []
    if args.set and recorded is not None and own is not None:
        drift = compare(recorded, _cues(before))
        if any(d.change != "same" for d in drift):
            complain(
                "today's code gives other cues than were recorded, also without --set:"
                " 'gaitpi replay --diff' shows them."
            )
    found = compare(_cues(before), _cues(after), [d for d in after if not isinstance(d, Cue)])
    totals = counts(found)
    if args.json:
        for one in found:
            print(json.dumps(one.as_json()))
        print(
            json.dumps({"type": "summary", **totals, "problem": problems[0] if problems else None})
        )
    else:
        print("\n".join(line for one in found for line in _diff_lines(one)))
        print(_diff_summary(totals, bool(args.set)))
    for problem in problems:
        complain(problem)
    return GaitpiError.exit_code if problems else EXIT_OK


def _cues(decisions: Any) -> list[Any]:
    from gaitpi.coach.types import Cue

    return [d for d in decisions if isinstance(d, Cue)]


def _decisions(recording: Any, config: Any, problems: list[str]) -> list[Any]:
    """Cues and withheld cues of a replay, up to where the recording is damaged."""
    from gaitpi.coach.types import Cue, Withheld
    from gaitpi.device.replay import replay

    found = []
    try:
        for item in replay(recording, config):
            if isinstance(item, Cue | Withheld):
                found.append(item)
    except GaitpiError as error:
        problems.append(str(error))
    return found


def _recorded(path: Path) -> list[Any] | None:
    """The cues as they were given; None for a CSV, which holds none."""
    from gaitpi.coach.types import Cue, decided
    from gaitpi.device.replay import is_run
    from gaitpi.runs.reader import RunReader

    if not is_run(path):
        return None
    with RunReader(path) as run:
        rows = run.cues()
    return [
        Cue(r.time_s, r.cue, r.metric, r.value, (r.low, r.high), r.rule, r.reason)  # type: ignore[arg-type]
        for r in rows
        if decided(r.cue, r.metric)
    ]


def _diff_lines(one: Any) -> list[str]:
    """A cue of either list: at most 80 columns, wrapped."""
    from gaitpi.review.whatif import SIGNS

    begin = f"{SIGNS[one.change]} {_clock(one.cue.time_s)}  {one.cue.cue:<9} "
    words = one.cue.reason
    if one.change == "moved":
        shift = one.cue.time_s - one.was_s
        words = f"{abs(shift):.0f} s {'later' if shift > 0 else 'earlier'}; {words}"
    elif one.change == "gone":
        words = f"was: {words}" + (f"; now {one.now}" if one.now else "")
    return textwrap.wrap(words, 80, initial_indent=begin, subsequent_indent=" " * len(begin))


def _diff_summary(totals: Any, settings: bool) -> str:
    parts = [f"{n} {change}" for change, n in totals.items() if n]
    words = ", ".join(parts) or "no cues, neither before nor after"
    if settings and (totals["new"] or totals["gone"] or totals["moved"]):
        words += ". The steps stay as they were run: how the runner would have answered a new cue"
        words += " is not known."
    elif not settings and totals["same"] == sum(totals.values()):
        words += ": today's code gives the cues that were recorded."
    return "\n".join(textwrap.wrap(words, 80))


class _Summary:
    """Counts of a replay."""

    def __init__(self) -> None:
        self.duration_s = 0.0
        self.steps = 0
        self.running_steps = 0
        self.running_s = 0.0
        self.cues = 0
        self.gap_s = 0.0
        self.step_times: list[float] = []
        self.problem = ""

    def as_json(self) -> dict[str, Any]:
        """The last line."""
        times = self.step_times
        return {
            "type": "summary",
            "duration_s": self.duration_s,
            "steps": self.steps,
            "running_steps": self.running_steps,
            "running_s": self.running_s,
            "cadence_spm": 60.0 * len(times) / sum(times) if times else None,
            "cues": self.cues,
            "gap_s": self.gap_s,
            "problem": self.problem or None,
        }


def _items(recording: Any, config: Any, summary: _Summary) -> Iterator[dict[str, Any]]:
    """JSON objects in time order, counted into ``summary`` as they pass."""
    from gaitpi.coach.types import Beats, Cue, Withheld
    from gaitpi.device.controls import NOTED
    from gaitpi.device.replay import Gap, replay
    from gaitpi.runs.rows import RUNNING, EventRow, SecondRow

    for item in replay(recording, config):
        if isinstance(item, SecondRow):
            summary.duration_s = max(
                summary.duration_s, item.time_s + item.samples / recording.rate_hz
            )
            summary.running_s += item.activity == RUNNING
        elif isinstance(item, Gap):
            summary.gap_s += item.gap_s
            yield {"type": "gap", "time_s": item.time_s, "gap_s": item.gap_s}
        elif isinstance(item, EventRow):
            yield {
                "type": "mark" if item.kind in NOTED else "fault",
                "time_s": item.time_s,
                "kind": item.kind,
                "text": item.text,
            }
        elif isinstance(item, Beats):
            yield {
                "type": "metronome",
                "time_s": item.time_s,
                "first_s": _number(item.first_s),
                "beat_s": _number(item.beat_s),
                "rule": item.rule,
                "reason": item.reason,
            }
        elif isinstance(item, Cue):
            summary.cues += 1
            yield {
                "type": "cue",
                "time_s": item.time_s,
                "cue": item.cue,
                "metric": item.metric,
                "value": _number(item.value),
                "band": [_number(edge) for edge in item.band],
                "rule": item.rule,
                "reason": item.reason,
                "beat_s": _number(item.beat_s),
                "first_s": _number(item.first_s),
                "from_s": _number(item.from_s),
            }
        elif not isinstance(item, Withheld):
            summary.steps += 1
            if item["activity"] == RUNNING:
                summary.running_steps += 1
                if math.isfinite(item["step_s"]):
                    summary.step_times.append(float(item["step_s"]))
            yield {"type": "step"} | {name: _number(item[name]) for name in STEP_FIELDS}


def _number(value: Any) -> float | int | None:
    """A number for JSON: what is not known or open is null."""
    number = value.item() if hasattr(value, "item") else value
    return number if math.isfinite(number) else None


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60:4d}:{int(seconds) % 60:02d}"


def _words(item: dict[str, Any]) -> str:
    """One line of at most 80 columns."""
    at = _clock(item["time_s"])
    if item["type"] == "cue":
        text = f"{at}  {item['cue']:<9} {item['reason']}"
    elif item["type"] == "metronome":
        ends = "ends: " if item["first_s"] is None else ""
        text = f"{at}  {'metronome':<9} {ends}{item['reason']}"
    elif item["type"] == "gap":
        text = f"{at}  gap       {item['gap_s']:.2f} s without samples"
    else:
        text = f"{at}  {item['kind']:<9} {item['text']}"
    return text if len(text) <= 80 else text[:79] + "…"


def _summary_words(last: dict[str, Any]) -> str:
    cadence = last["cadence_spm"]
    mean = f", mean cadence {cadence:.1f} spm" if cadence else ""
    return (
        f"{_clock(last['duration_s']).strip()} long, {_clock(last['running_s']).strip()} running, "
        f"{last['steps']} steps, {last['cues']} cues{mean}"
    )
