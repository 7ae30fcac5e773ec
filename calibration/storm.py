"""Hostile clients of the control socket, eight at a time: ``python -m calibration.storm SOCKET``.

Garbage, lines of a megabyte, requests without end whose answers nobody reads, halves of requests,
connections opened and closed, watchers who do not look, and commands that are refused. None of it
is what an owner asks for, so none of it may change a run: only the daemon's patience is tried.
"""

import argparse
import contextlib
import random
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

CLIENTS = 8
MEGABYTE = b"x" * (1 << 20)
HELLO = b'{"v":1,"do":"hello"}\n'
WATCH = b'{"v":1,"do":"live"}\n'
STATUS = b'{"v":1,"do":"status"}\n'
REFUSED = b'{"v":1,"do":"start"}\n'
"""A run is open already."""

Habit = Callable[[socket.socket, random.Random], None]


def garbage(sock: socket.socket, rng: random.Random) -> None:
    sock.sendall(rng.randbytes(rng.randrange(1, 5000)))


def long_lines(sock: socket.socket, rng: random.Random) -> None:  # noqa: ARG001
    sock.sendall(MEGABYTE)


def deaf(sock: socket.socket, rng: random.Random) -> None:
    for _ in range(50):
        sock.sendall(rng.choice((HELLO, STATUS)) * 20)


def watching(sock: socket.socket, rng: random.Random) -> None:
    sock.sendall(WATCH)
    time.sleep(rng.uniform(0.0, 2.0))


def halves(sock: socket.socket, rng: random.Random) -> None:
    sock.sendall(HELLO[: rng.randrange(1, len(HELLO))])
    time.sleep(rng.uniform(0.0, 0.2))


def coming_and_going(sock: socket.socket, rng: random.Random) -> None:
    del rng
    sock.close()


def refused(sock: socket.socket, rng: random.Random) -> None:  # noqa: ARG001
    sock.sendall(REFUSED)
    sock.recv(1000)


HABITS: tuple[Habit, ...] = (
    *(garbage, long_lines, deaf, watching, halves, coming_and_going, refused),
)


def client(path: Path, stop: threading.Event, seed: int, done: list[int]) -> None:
    """One after the other until ``stop``; what was tried is counted in ``done``."""
    rng = random.Random(seed)
    while not stop.is_set():
        habit = rng.choice(HABITS)
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(0.5)
            sock.connect(str(path))
            for _ in range(rng.randrange(1, 20)):
                habit(sock, rng)
                done[0] += 1
        # what the kernel gives without end is no storm of clients but one of its own
        time.sleep(0.001)


def main() -> None:
    """Storm until stdin is closed; then say what was done."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("socket", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    stop, done = threading.Event(), [0]
    threads = [
        threading.Thread(target=client, args=(args.socket, stop, CLIENTS * args.seed + k, done))
        for k in range(CLIENTS)
    ]
    for thread in threads:
        thread.start()
    print(f"seed {args.seed}: storming", flush=True)
    with contextlib.suppress(EOFError, KeyboardInterrupt):
        input()
    stop.set()
    for thread in threads:
        thread.join()
    print(f"{done[0]} attacks", flush=True)


if __name__ == "__main__":
    main()
