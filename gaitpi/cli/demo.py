"""``gaitpi demo``: the whole belt on a simulated runner or a recording, without hardware."""

import argparse
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Final

from gaitpi.cli import add_set_argument, complain, load_with_targets
from gaitpi.config import Config, apply, load, runs_directory
from gaitpi.cues.outputs import TerminalOutput
from gaitpi.cues.vocabulary import Pattern
from gaitpi.errors import EXIT_OK, EXIT_PROBLEM, InputFileError, UsageError

if TYPE_CHECKING:
    from gaitpi.device.daemon import Progress
    from gaitpi.imu.virtual.source import SignalSource

HELP: Final = (
    "Run the whole belt on a virtual chip: a simulated runner's story, or a recording. Cues are"
    " shown in the terminal; the run file and the verdict are real. The simulated runner hears"
    " the cues and answers them, by a model and not as people do. Faster than real time unless"
    " --realtime is given; then 'gaitpi status', 'mute', 'mark' and 'record' reach it as they do"
    " the belt."
)
EPILOG: Final = """examples:
  gaitpi demo
  gaitpi demo --story lean --realtime
  gaitpi demo --story fade --no-answers
  gaitpi demo --play recording.npz --chip lsm6dsox"""

ANSWERS: Final = (
    "The simulated runner answers cues, by a model and not as people do; with\n"
    "--no-answers he ignores them."
)
NO_ANSWERS: Final = "The simulated runner ignores the cues."
BAR = 8
ACTIVITIES = ("?", "still", "walk", "run")
SMOOTH_ROWS_S = 60


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what is played and how."""
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--story", default="full", metavar="NAME", help="story (default: full)")
    what.add_argument(
        "--play", type=Path, metavar="FILE", help="a recording (.npz with counts, or a CSV)"
    )
    parser.add_argument("--seed", type=int, default=1, help="of the simulated runner (default: 1)")
    parser.add_argument(
        "--answers",
        action=argparse.BooleanOptionalAction,
        help="the simulated runner answers the cues (default), or ignores them",
    )
    parser.add_argument(
        "--chip",
        default="mpu6050",
        metavar="NAME",
        help="virtual chip, by its family or part, e.g. lsm6dsox (default: mpu6050)",
    )
    parser.add_argument("--realtime", action="store_true", help="at the speed of life")
    parser.add_argument("--bell", action="store_true", help="ring the terminal's bell for cues")
    add_set_argument(parser)


def run(args: argparse.Namespace) -> int:
    """Play it, then show the verdict."""
    from gaitpi.device.controlsocket import path_beside
    from gaitpi.device.status import StatusFile, own_path
    from gaitpi.device.virtual import play, twin_of
    from gaitpi.review.verdict import judge, lines
    from gaitpi.runs.reader import RunReader

    twin_of(args.chip)  # before anything is said
    source, name, has_gyro = _source(args)
    config = _config(args, name)
    if args.play is None:
        print(NO_ANSWERS if args.answers is False else ANSWERS)
    line = LiveLine(source.duration_s)
    stop = threading.Event()
    before = signal.signal(signal.SIGINT, lambda _number, _frame: stop.set())
    try:
        ended = play(
            source,
            config,
            runs_directory(config),
            [CueLine(line, bell=args.bell)],
            recording=name,
            has_gyro=has_gyro,
            chip=args.chip,
            realtime=args.realtime,
            status=StatusFile(own_path()) if args.realtime else None,
            control=path_beside(own_path()) if args.realtime else None,
            until=stop.is_set,
            told=line.show,
            said=line.say,
        )
    finally:
        signal.signal(signal.SIGINT, before)
        line.clear()
    if ended.path is None:
        why = ended.problems[0] if ended.problems else "the recording is shorter than a second."
        complain(f"Nothing was recorded: {why}")
        return EXIT_PROBLEM
    print()
    with RunReader(ended.path) as reader:
        print("\n".join(lines(judge(reader))))
    print(f"\nrun file   {ended.path}\n           gaitpi show {ended.run_id}")
    return EXIT_PROBLEM if ended.problems else EXIT_OK


def _source(args: argparse.Namespace) -> "tuple[SignalSource, str, bool]":
    """The signal, its bare name, and whether its gyroscope means anything."""
    if args.play is None:
        if args.seed < 0:
            raise UsageError("--seed is a whole number from 0 on.")
        return _simulated(args), args.story, True
    if args.answers:
        raise UsageError("A recording cannot answer cues.", "Leave --answers away.")
    from gaitpi.imu.virtual.source import RecordingSource

    path: Path = args.play
    if path.suffix == ".npz":
        recording = RecordingSource.from_npz(path)
    elif path.suffix == ".csv":
        from gaitpi.device import csvfile
        from gaitpi.device.pipeline import design_rate

        samples = csvfile.read(path)
        recording = RecordingSource.from_si(samples.acc, samples.gyr, design_rate(samples.time_s))
    else:
        raise InputFileError(
            f"{path.name} is neither .npz nor .csv.", "For a run file use 'gaitpi replay'."
        )
    return recording, path.stem, recording.has_gyr


def _simulated(args: argparse.Namespace) -> "SignalSource":
    """The runner of the story, who hears or not."""
    from gaitpi.imu.virtual.answering import Answering, AnswerParams
    from gaitpi.imu.virtual.live import AnsweringRunner
    from gaitpi.imu.virtual.runner import RunnerParams, SimulatedRunner
    from gaitpi.imu.virtual.story import story

    phases, params = story(args.story), RunnerParams(seed=args.seed)
    if args.answers is False:
        return SimulatedRunner(phases, params)
    return AnsweringRunner(phases, params, Answering(AnswerParams(seed=args.seed)))


def story_settings(name: str) -> list[str]:
    """What the coach must know of a story: its target, its usual lean, its focus."""
    from gaitpi.imu.virtual.story import TARGET_SPM, USUAL_LEAN_DEG

    return [
        f"coach.target_spm={TARGET_SPM:g}",
        f"coach.usual_lean_deg={USUAL_LEAN_DEG:g}",
        f"coach.focus={'lean' if name == 'lean' else 'cadence'}",
        "coach.quiet_hours=",
        "coach.enabled=true",
    ]


def _config(args: argparse.Namespace, name: str) -> Config:
    """The runner's own configuration; for a story, its target and usual lean under ``--set``."""
    config = load(args.config) if args.play is None else load_with_targets(args)
    if args.play is None:
        config = apply(config, story_settings(name))
    return apply(config, args.set)


def within(text: str, width: int = 79) -> str:
    """``text`` in ``width`` columns, cut between words and so marked: half a number is none."""
    if len(text) <= width:
        return text
    return text[: width - 2].rpartition(" ")[0].rstrip(" ,;:") + " .."


class LiveLine:
    """One line that is rewritten on a terminal; elsewhere a line a minute."""

    def __init__(self, duration_s: float) -> None:
        self._duration_s = duration_s
        self._tty = sys.stdout.isatty()
        self._shown = ""
        self._next_s = 0.0

    def show(self, p: "Progress") -> None:
        """Show where the run is."""
        if not self._tty and p.time_s < self._next_s:
            return
        self._next_s = p.time_s + SMOOTH_ROWS_S
        minutes, seconds = divmod(int(p.time_s), 60)
        cadence = f"{p.cadence_spm:5.1f}" if p.cadence_spm == p.cadence_spm else "  -  "
        lean = f"{p.lean_deg:+5.1f}" if p.lean_deg == p.lean_deg else "  -  "
        share = min(1.0, p.time_s / self._duration_s) if self._duration_s > 0 else 1.0
        full = round(BAR * share)
        text = within(
            f"{minutes:4d}:{seconds:02d} [{'#' * full}{'.' * (BAR - full)}] "
            f"{ACTIVITIES[p.activity]:<5} {cadence} spm {lean} deg  {p.coach}"
        )
        if self._tty:
            sys.stdout.write("\r" + text.ljust(len(self._shown)))
            self._shown = text
        else:
            sys.stdout.write(text + "\n")
        sys.stdout.flush()

    def clear(self) -> None:
        """Take the line away, so that something else can be printed."""
        if self._tty and self._shown:
            sys.stdout.write("\r" + " " * len(self._shown) + "\r")
            self._shown = ""
            sys.stdout.flush()

    def say(self, text: str) -> None:
        """Print a sentence above the line."""
        self.clear()
        print(text, flush=True)


class CueLine(TerminalOutput):
    """Cues in the terminal, above the live line."""

    def __init__(self, line: LiveLine, *, bell: bool) -> None:
        super().__init__(sys.stdout, bell=bell)
        self._line = line

    def announce(self, sound: Pattern, time_s: float) -> None:
        """Make room, then print the cue."""
        self._line.clear()
        super().announce(sound, time_s)
