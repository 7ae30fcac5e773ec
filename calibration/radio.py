"""What a radio gone wild does to the beat: ``python -m calibration.radio``.

The whole daemon in real time on a virtual chip, as in :mod:`calibration.load`, with a rhythm every
five seconds; its edges are timed on gpiozero's mock pins. In turn it is left alone, and has at its
socket a central as bad as can be, which the real :class:`~gaitpi.device.companions.Companions`
start, mind and begin anew: it sends garbage and readings as fast as a loop can, and prints as fast;
then it hangs; then it dies. Both take turns, so that the rest of the machine is in both alike; told
are medians and 99 % quantiles of either, of every pair and of all together, and whether the promise
is kept: exit code 1 where it is not.
"""

import argparse
import itertools
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Final

from calibration.load import CHIP, ROOT, Figures, lost, measure, spread
from gaitpi.ble.readings import Heart, Link, Pod, packed
from gaitpi.device.companions import Companion, Companions, socket_pair

SPEW_S: Final = 4.0
HANG_S: Final = 2.0
PROMISE_MS: Final = 1.0
"""The 99 % quantile of an edge against its deadline grows by no more, ms."""


def storm(fd: int) -> int:
    """Be a central gone wild: garbage, readings out of any time, links that flap; hang; die."""
    os.set_blocking(fd, False)
    end = time.monotonic() + SPEW_S
    print("A radio gone wild.", flush=True)
    for k in itertools.count():
        now = time.monotonic()
        if now > end:
            break
        for datagram in (
            packed(Heart(time_s=now, bpm=k % 65536, rr_s=(0.4,) * (k % 300))),
            packed(Pod(time_s=now - k % 90, speed_ms=(k % 300) / 10, cadence_rpm=k % 256)),
            packed(
                Link(
                    time_s=now,
                    role="heart",
                    state="connected" if k % 2 else "lost",
                    since_s=now,
                    words=f"It flaps, for the {k}th time.",
                )
            ),
            b"\xff" * (k % 5000),
            packed(Heart(time_s=now + 1e6, bpm=1))[: k % 60],
        ):
            try:
                os.write(fd, datagram)
            except (BlockingIOError, OSError):
                continue
        if k % 50 == 0:
            print(f"line {k} of what nobody wants to read", flush=True)
    time.sleep(HANG_S)
    return 1


def measured(seconds: float, *, wild: bool) -> Figures:
    """The daemon in a process of its own, with such a central or with one that says nothing."""
    ours, theirs = socket_pair()
    argv = [sys.executable, "-m", "calibration.radio"]
    said: list[str] = []
    companion = Companion("Bluetooth", [*argv, "--storm"], end=theirs)
    companions = Companions([companion] if wild else [], said.append, wait_s=(0.2, 0.5))
    process = subprocess.Popen(
        [*argv, "--measure", str(seconds), "--socket", str(ours.fileno())],
        stdout=subprocess.PIPE,
        pass_fds=(ours.fileno(),),
        cwd=ROOT,
        text=True,
    )
    try:
        while True:
            companions.tick()
            try:
                out, _ = process.communicate(timeout=0.2)
            except subprocess.TimeoutExpired:
                continue
            if process.returncode:
                raise SystemExit(f"The measurement has ended ({process.returncode}).")
            found: Figures = json.loads(out)
            return found
    finally:
        companions.end()
        if process.poll() is None:
            process.kill()
        for end in (ours, theirs):
            end.close()


def whole_ms(found: Figures) -> tuple[float, float]:
    """99 % quantiles from a strike to the coach, and from his word to the first edge, ms."""
    return spread(found["step"], (0.99,))[0], spread(found["first"], (0.99,))[0]


def late_ms(found: Figures) -> tuple[float, float]:
    """Median and 99 % quantile of the edges against their deadlines, ms."""
    median, most = spread(found["ticks"], (0.5, 0.99))
    return median, most


def pairs(count: int, seconds: float) -> list[tuple[Figures, Figures]]:
    """(alone, with the storm) so many times, each first in turn."""
    found = []
    for k in range(count):
        order = (False, True) if k % 2 == 0 else (True, False)
        both = {wild: measured(seconds, wild=wild) for wild in order}
        found.append((both[False], both[True]))
    return found


def row(name: str, alone: Figures, wild: Figures) -> str:
    """A line of the table."""
    cells = [f"{value:.3f}" for one in (alone, wild) for value in late_ms(one)]
    more = late_ms(wild)[1] - late_ms(alone)[1]
    lost_words = "; ".join(lost(wild)) or "nothing"
    return f"| {name} | {' | '.join(cells)} | {more:+.3f} | {lost_words} |"


def together(found: Sequence[Figures]) -> Figures:
    """All of them as one: what was lost in any of them was lost."""
    counts = ("gaps", "dropouts", "samples", "read", "missing")
    return {
        **found[0],
        **{name: sum(one[name] for one in found) for name in counts},
        "finished": all(one["finished"] for one in found),
        "problems": [problem for one in found for problem in one["problems"]],
        **{
            name: [each for one in found for each in one[name]]
            for name in ("ticks", "first", "step")
        },
    }


def broken(alone: Figures, wild: Figures) -> list[str]:
    """What of the promise is not kept, in words."""
    more = late_ms(wild)[1] - late_ms(alone)[1]
    late = [f"p99 grew by {more:.2f} ms, {PROMISE_MS:g} are promised"] if more > PROMISE_MS else []
    return late + [f"lost: {words}" for words in lost(wild)]


def main() -> None:
    """Print the table, or be a part of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--measure", type=float, help=argparse.SUPPRESS)
    parser.add_argument("--socket", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--storm", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--fd", type=int, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.storm:
        sys.exit(storm(args.fd))
    if args.measure:
        end = socket.socket(fileno=args.socket)
        print(json.dumps(measure(args.measure, CHIP, end)))
        return
    print("Edges against their deadlines, ms; both took turns.")
    print("| | alone: median | p99 | storm: median | p99 | p99 more | lost |")
    print("|---|---|---|---|---|---|---|")
    found = []
    for k in range(args.pairs):
        found += pairs(1, args.seconds)
        print(row(f"pair {k + 1}", *found[-1]), flush=True)
    alone, wild = (together([pair[i] for pair in found]) for i in (0, 1))
    print(row("all", alone, wild))
    counted = [pair[1]["counters"] for pair in found]
    for name in ("radio-malformed", "radio-time", "radio-many"):
        print(f"{name}: {sum(c.get(name, 0) for c in counted):,}")
    print("p99 from a strike to the coach, and from his word to the first edge, ms:")
    for name, one in (("alone", alone), ("storm", wild)):
        print(f"  {name}: {' and '.join(f'{value:.1f}' for value in whole_ms(one))}")
    print("right to real-time priority:", "yes" if alone["right"] else "no")
    wrong = broken(alone, wild)
    print("promise:", "; ".join(wrong) or "kept")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
