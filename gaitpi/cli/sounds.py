"""``gaitpi sounds``: hear, learn and test what the belt says."""

import argparse
import contextlib
import math
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from gaitpi.cli import common_options, load_with_targets, print_json
from gaitpi.coach.rhythm import GLIDE_TICKS
from gaitpi.config import Config, state_directory
from gaitpi.cues.vocabulary import (
    BEAT_RANGE_S,
    FAULTS,
    LIGHTS,
    METRONOME,
    MID,
    PATTERNS,
    RUNNING,
    Light,
    Pattern,
    Tone,
    fault,
    pattern,
    render,
)
from gaitpi.errors import EXIT_OK, EXIT_PROBLEM, UsageError

if TYPE_CHECKING:
    from gaitpi.cues.blindtest import Score

HELP: Final = (
    "Hear, learn and test the sounds. On a Pi they come from the buzzer, LED and motor that are"
    " configured, on another computer from its loudspeaker. Without an action: list."
)
EPILOG: Final = """examples:
  gaitpi sounds play step-up back
  gaitpi sounds play metronome --spm 172 --from 164 --seconds 20
  gaitpi sounds learn
  gaitpi sounds test
  gaitpi sounds render wav"""

CHARACTER_S: Final = 0.05
"""Time that one character of a drawn rhythm stands for, s."""
DRAWN: Final = 25
DEFAULT_SPM: Final = 172.0
LENGTH_S: Final = 10.0
"""Of the metronome, which has no end of its own, s."""
LENGTH_MAX_S: Final = 600.0
BETWEEN_S: Final = 0.7
"""Silence between two sounds, s."""
MODEL: Final = Path("/proc/device-tree/model")


class Speaker(Protocol):
    """Something that plays a sound from beginning to end."""

    @property
    def name(self) -> str:
        """For messages."""

    def play(self, sound: Pattern, beat_s: float) -> None:
        """Play it and return when it is over."""

    def close(self) -> None:
        """Silence."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the actions."""
    parser.set_defaults(action=_list, json=False)
    common = common_options(argparse.SUPPRESS)
    json = argparse.ArgumentParser(add_help=False)
    json.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="print JSON")
    parser.add_argument("--json", action="store_true", help="print JSON")
    heard = argparse.ArgumentParser(add_help=False)
    heard.add_argument(
        "--on",
        choices=("auto", "pins", "computer"),
        default="auto",
        help="where it is heard (default: auto, the pins on a Raspberry Pi)",
    )
    beat = argparse.ArgumentParser(add_help=False)
    beat.add_argument(
        "--spm", type=float, metavar="N", help="steps a minute of the rhythmic sounds"
    )
    actions = parser.add_subparsers(metavar="ACTION", title="actions")

    def action(
        name: str, function: Any, line: str, example: str, *parents: argparse.ArgumentParser
    ) -> argparse.ArgumentParser:
        sub = actions.add_parser(
            name,
            help=line,
            description=f"{line[0].upper()}{line[1:]}.",
            epilog=f"example:\n  gaitpi sounds {example}",
            parents=[common, *parents],
        )
        sub.set_defaults(action=function)
        return sub

    action("list", _list, "all sounds and lights with their meaning", "list", json)
    play = action("play", _play, "play sounds by name", "play step-up back", heard, beat)
    play.add_argument("names", nargs="+", metavar="NAME")
    play.add_argument(
        "--from",
        dest="from_spm",
        type=float,
        metavar="N",
        help="steps a minute from which the rhythmic sounds glide, as on a run",
    )
    play.add_argument(
        "--seconds", type=float, metavar="S", help="length of the metronome (default: 10)"
    )
    action("learn", _learn, "a lesson: what is heard on a run, one by one", "learn", heard, beat)
    test = action("test", _test, "a blind test: name what you hear", "test", heard, beat, json)
    test.add_argument("--all", action="store_true", help="system sounds too")
    test.add_argument("--rhythm", action="store_true", help="all at one pitch: by rhythm alone")
    test.add_argument("--seed", type=int, metavar="N", help="order of the sounds (default: new)")
    test.add_argument("--last", action="store_true", help="show the last result instead")
    files = action("render", _render, "write all sounds as WAV files", "render wav", beat)
    files.add_argument("folder", type=Path, metavar="FOLDER")


def run(args: argparse.Namespace) -> int:
    """Do the action; 0, 1 for a test not passed, or by the error raised."""
    code: int = args.action(args)
    return code


# -------------------------------------------------------------------------------- list


def _list(args: argparse.Namespace) -> int:
    config = load_with_targets(args)
    beat_s = _beat(args, config)
    lights = [*LIGHTS.values(), *(fault(n + 1) for n in range(len(FAULTS)))]
    if args.json:
        sounds = [_as_dict(sound, beat_s) for sound in [*PATTERNS.values(), METRONOME]]
        print_json({"beat_s": beat_s, "sounds": sounds, "lights": lights})
        return EXIT_OK
    for title, names in (
        ("On a run (# = sound, one sign = 0.05 s):", [*RUNNING, METRONOME.name]),
        ("From the system:", [name for name in PATTERNS if name not in RUNNING]),
    ):
        print(title)
        for sound in map(pattern, names):
            drawn = _drawn(render(sound, beat_s))
            print(f"  {sound.name:<10}{drawn:<{DRAWN + 1}} {sound.meaning}"[:80].rstrip())
        print()
    print("Lights (seconds lit/dark, repeated):")
    for light in lights:
        print(f"  {light.name:<12}{light.colour:<6} {_shape(light):<28} {light.meaning}"[:80])
    return EXIT_OK


def _as_dict(sound: Pattern, beat_s: float) -> dict[str, Any]:
    tones = render(sound, beat_s)
    return {
        "name": sound.name,
        "meaning": sound.meaning,
        "priority": sound.priority,
        "on_a_run": sound is METRONOME or sound.name in RUNNING,
        "length_s": round(sum(tone.duration_s for tone in tones), 6),
        "tones": [
            {
                "start_hz": tone.start_hz,
                "end_hz": tone.end_hz,
                "duration_s": round(tone.duration_s, 6),
                "level": tone.level,
            }
            for tone in tones
        ],
    }


def _drawn(tones: Sequence[Tone]) -> str:
    """The rhythm as a line of signs, cut with > where it is longer."""
    line, t = "", 0.0
    for tone in tones:
        t += tone.duration_s
        line = line.ljust(round(t / CHARACTER_S), "#" if tone.level > 0 else ".")
    return line if len(line) <= DRAWN else line[:DRAWN] + ">"


def _shape(light: Light) -> str:
    if not any(lit for lit, _ in light.shape):
        return "dark"
    lit, dark = light.shape[0][1], light.shape[1][1]
    flashes = sum(lit for lit, _ in light.shape)
    start = f"{flashes}x {lit:g}/{dark:g}" if flashes > 1 else f"{lit:g}/{dark:g}"
    pause = f", pause {light.shape[-1][1]:g}" if flashes > 1 else ""
    return start + pause + (", once" if light.once else "")


# -------------------------------------------------------------------------------- play


def _play(args: argparse.Namespace) -> int:
    config = load_with_targets(args)
    beat_s = _beat(args, config)
    sounds = [_shaped(pattern(name), args, beat_s) for name in args.names]
    if args.seconds is not None and METRONOME.name not in args.names:
        raise UsageError("--seconds is for the metronome; the others have lengths of their own.")
    with _speaker(args, config) as speaker:
        for k, sound in enumerate(sounds):
            time.sleep(BETWEEN_S if k else 0.0)
            print(f"{sound.name:<10}{_drawn(render(sound, beat_s))}", flush=True)
            if args.from_spm is not None and pattern(sound.name).ticks:
                print(f"{'':<10}{_apart(sound)}", flush=True)
            speaker.play(sound, beat_s)
    return EXIT_OK


def _apart(sound: Pattern) -> str:
    """The first intervals between the ticks of a sound that glides."""
    lengths = [tone.duration_s for tone in sound.tones]
    pairs = zip(lengths[::2], lengths[1::2], strict=False)
    intervals = [f"{1000 * (on + off):.0f}" for on, off in pairs]
    return f"{' '.join(intervals[: GLIDE_TICKS + 1])} ms apart"


def _shaped(sound: Pattern, args: argparse.Namespace, beat_s: float) -> Pattern:
    """The sound with the glide and, of the metronome, the length that were asked for."""
    if sound is METRONOME:
        seconds = LENGTH_S if args.seconds is None else args.seconds
        if not 1.0 <= seconds <= LENGTH_MAX_S:
            raise UsageError(f"--seconds {seconds:g} is not from 1 to {LENGTH_MAX_S:g}.")
        sound = replace(sound, ticks=1 + int(seconds / beat_s))
    if args.from_spm is None or not sound.ticks:
        return sound
    from_s = _interval("--from", args.from_spm)
    return replace(sound, tones=tuple(render(sound, beat_s, from_s)), ticks=0)


def _render(args: argparse.Namespace) -> int:
    from gaitpi.cues.audio import RATE_HZ, write_wav

    beat_s = _beat(args, load_with_targets(args))
    for sound in PATTERNS.values():
        write_wav(args.folder / f"{sound.name}.wav", render(sound, beat_s))
    print(f"{len(PATTERNS)} sounds at {RATE_HZ} Hz in {args.folder}.")
    return EXIT_OK


# -------------------------------------------------------------------------------- learn


@dataclass(frozen=True)
class Session:
    """Somebody who listens: what plays, who is asked (None = no more answers), what waits."""

    speaker: Speaker
    beat_s: float
    ask: Callable[[str], str | None]
    sleep: Callable[[float], None] = time.sleep


def _learn(args: argparse.Namespace) -> int:
    config = load_with_targets(args)
    with _speaker(args, config) as speaker:
        # nobody at a keyboard: it goes through by itself
        ask = _ask if sys.stdin.isatty() else lambda _prompt: ""
        lesson(Session(speaker, _beat(args, config), ask))
    return EXIT_OK


def lesson(session: Session) -> bool:
    """Play what is heard on a run, then the pairs that are most alike; False when broken off."""
    from gaitpi.cues.distance import nearest

    print(f"Eight sounds, from: {session.speaker.name}. Enter goes on, r plays again, q ends.\n")
    for k, name in enumerate(RUNNING, start=1):
        print(f"{k}/{len(RUNNING)}  {name}: {PATTERNS[name].meaning}")
        print(f"     {_drawn(render(PATTERNS[name], session.beat_s))}", flush=True)
        if not _hear(session, [PATTERNS[name]]):
            return False
    print("\nThe three pairs that are nearest to each other:")
    for _, a, b in nearest([PATTERNS[name] for name in RUNNING])[:3]:
        print(f"     {a}, then {b}", flush=True)
        if not _hear(session, [PATTERNS[a], PATTERNS[b]]):
            return False
    print("\nNow try yourself:  gaitpi sounds test")
    return True


def _hear(session: Session, sounds: Sequence[Pattern]) -> bool:
    """Play until the listener goes on; False when they have had enough."""
    while True:
        for sound in sounds:
            session.speaker.play(sound, session.beat_s)
            session.sleep(BETWEEN_S)
        answer = session.ask("     > ")
        if answer is None or answer == "q":
            return False
        if answer != "r":
            return True


# -------------------------------------------------------------------------------- test


def _test(args: argparse.Namespace) -> int:
    from gaitpi.cues import blindtest

    path = state_directory() / blindtest.FILE
    if args.last:
        return _last(args, blindtest.load(path))
    if args.json:
        raise UsageError("--json shows a result: it needs --last.")
    config = load_with_targets(args)
    seed = time.time_ns() % 2**32 if args.seed is None else args.seed
    names = list(PATTERNS if args.all else RUNNING)
    with _speaker(args, config) as speaker:
        session = Session(speaker, _beat(args, config), _ask)
        score = blind_test(session, names, seed, rhythm_only=args.rhythm)
        about = {
            "wall_s": round(time.time()),
            "on": speaker.name,
            "sounds": "all" if args.all else "run",
            "rhythm_only": args.rhythm,
            "seed": seed,
        }
    return EXIT_PROBLEM if score is None else keep(score, path, about)


def keep(score: "Score", path: Path, about: dict[str, Any]) -> int:
    """Keep a finished test with what is known ``about`` it, and show it; the exit code."""
    from gaitpi.cues.blindtest import EXPOSURES, save

    result = {**about, "exposures": EXPOSURES, **score.as_dict()}
    save(path, result)
    print()
    _print_result(result)
    print(f"kept in {path}")
    return EXIT_OK if score.passed else EXIT_PROBLEM


def blind_test(
    session: Session, names: Sequence[str], seed: int, *, rhythm_only: bool
) -> "Score | None":
    """Play the sounds in random order and ask for each; None when broken off."""
    from gaitpi.cues.blindtest import Score, questions

    score = Score()
    order = questions(names, seed)
    print(f"{len(order)} sounds, from: {session.speaker.name}. Number or name; q ends.\n")
    for k, name in enumerate(names, start=1):
        print(f"{k:4d}  {name:<10}{PATTERNS[name].meaning}")
    print()
    for k, name in enumerate(order, start=1):
        sound = _flat(PATTERNS[name]) if rhythm_only else PATTERNS[name]
        session.speaker.play(sound, session.beat_s)
        answer = _choice(session, f"{k:4d}/{len(order)} > ", names)
        if answer is None:
            print(f"\nEnded after {k - 1} of {len(order)}: nothing is kept.")
            return None
        score.answers.append((name, answer))
        print("          right" if answer == name else f"          it was {name}")
        session.sleep(BETWEEN_S)
    return score


def _last(args: argparse.Namespace, results: list[dict[str, Any]]) -> int:
    if not results:
        raise UsageError("no blind test has been taken yet.", "Take one: gaitpi sounds test.")
    if args.json:
        print_json(results[-1])
    else:
        _print_result(results[-1])
    return EXIT_OK if results[-1].get("passed") else EXIT_PROBLEM


def _print_result(result: dict[str, Any]) -> None:
    from gaitpi.cues.blindtest import PASS, Score

    answers = [(str(played), str(answered)) for played, answered in result.get("answers", [])]
    score = Score(answers)
    verdict = "passed" if score.passed else "not passed"
    print(
        f"{score.right} of {len(answers)} right, {score.share:.0%}: {verdict}"
        f" (at least {PASS:.0%}, each heard {result.get('exposures', '?')} times)"
    )
    for played, answered, n in score.confused[:5]:
        print(f"  {played} was taken for {answered}" + (f", {n} times" if n > 1 else ""))
    if not score.passed:
        print("Hear them again:  gaitpi sounds learn")


def _flat(sound: Pattern) -> Pattern:
    """The sound at one pitch and level."""
    tones = (
        Tone(MID, MID, tone.duration_s, 1.0) if tone.level > 0 else tone for tone in sound.tones
    )
    return replace(sound, tones=tuple(tones))


def _choice(session: Session, prompt: str, names: Sequence[str]) -> str | None:
    """The name the listener means; None when they end it."""
    while (answer := session.ask(prompt)) is not None and answer != "q":
        if answer in names:
            return answer
        if answer.isdecimal() and 1 <= int(answer) <= len(names):
            return names[int(answer) - 1]
        print(f"          a number from 1 to {len(names)}, or a name")
    return None


def _ask(prompt: str) -> str | None:
    """A line from the listener; None at the end of the input."""
    print(prompt, end="", flush=True)
    line = sys.stdin.readline()
    return line.strip().lower() if line else None


# -------------------------------------------------------------------------------- where it sounds


class PinSpeaker:
    """The configured outputs, through the belt's own player."""

    def __init__(self, config: Config) -> None:
        from gaitpi.cli import complain
        from gaitpi.cues.outputs import lgpio_factory, open_outputs
        from gaitpi.cues.player import Player
        from gaitpi.hostclock import SystemClock

        outputs = open_outputs(config.cues, lgpio_factory(), said=complain)
        for problem in outputs.problems:
            complain(str(problem))
        self.name = ", ".join(outputs.names)
        self._player = Player(outputs, SystemClock())

    def play(self, sound: Pattern, beat_s: float) -> None:
        """Play it and return when it is over."""
        self._player.play_pattern(sound, beat_s)

    def close(self) -> None:
        """Silence and give the pins back."""
        self._player.close()


@contextlib.contextmanager
def _speaker(args: argparse.Namespace, config: Config) -> Iterator[Speaker]:
    speaker = _open_speaker(args.on, config)
    try:
        yield speaker
    finally:
        speaker.close()


def _open_speaker(wanted: str, config: Config) -> Speaker:
    """The pins of a Pi, or a computer's player."""
    from gaitpi.cues.outputs import fitted

    if wanted == "pins" and not fitted(config.cues):
        raise UsageError(
            "no buzzer, LED or motor is configured.", "'gaitpi config explain' lists the keys."
        )
    if wanted == "pins" or (wanted == "auto" and _is_pi() and fitted(config.cues)):
        return PinSpeaker(config)
    from gaitpi.cues.audio import WavSpeaker, find_players

    return WavSpeaker(state_directory() / "sounds", find_players())


def _is_pi() -> bool:
    try:
        return "Raspberry Pi" in MODEL.read_text(errors="replace")
    except OSError:
        return False


def _beat(args: argparse.Namespace, config: Config) -> float:
    """Step interval of the rhythmic sounds, s: as asked for, else the target's, else usual."""
    spm = getattr(args, "spm", None)
    if spm is None:
        spm = config.coach.target_spm or DEFAULT_SPM
    return _interval("--spm", spm)


def _interval(option: str, spm: float) -> float:
    """Step interval, s. Raises UsageError, naming the option, where no sound has it."""
    low, high = (60.0 / limit for limit in reversed(BEAT_RANGE_S))
    if not (math.isfinite(spm) and low <= spm <= high):
        raise UsageError(f"{option} {spm:g} is not from {low:.0f} to {high:.0f} steps a minute.")
    return 60.0 / spm
